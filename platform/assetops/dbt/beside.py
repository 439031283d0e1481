"""dbt in a process that begins with a command, and imports dbt while the command imports Dagster.

A cold build is imports for more than half of its time, and has two cores for them; and dbt then
does not share one interpreter with what Dagster is told. What runs there is `inside`, and says the
same.
"""

import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from assetops.dbt.command import end
from assetops.dbt.lines import Lines
from assetops.dbt.results import NodeResult
from assetops.errors import TransformError
from assetops.settings import Settings, own_environment

_QUIET = "ignore::UserWarning:multiprocessing.resource_tracker"


@dataclass
class Worker:
    """The process, which takes one order after another until it is stopped or we have ended."""

    process: "subprocess.Popen[str]"
    connection: Connection


# The one of this process, which has begun to import.
_workers: list[Worker] = []


def begin() -> None:
    """Start the process, unless this one has imported dbt already."""
    if "dbt" not in sys.modules and not _workers:
        _workers.append(start())


def start() -> Worker:
    """Start a process that imports dbt, and return it at once."""
    ours, theirs = Pipe()
    words = [sys.executable, "-P", "-m", "assetops.dbt.worker", str(theirs.fileno())]
    process = subprocess.Popen(
        words,
        # Its locks are cleared away when it ends, of which nobody need be warned.
        env={**own_environment(), "PYTHONWARNINGS": _QUIET},
        # It ends when this ends, which is when we do.
        stdin=subprocess.PIPE,
        stdout=sys.stderr.fileno(),
        pass_fds=[theirs.fileno()],
        text=True,
        # Ctrl-C at a terminal reaches us, and through us dbt, once.
        start_new_session=True,
    )
    theirs.close()
    return Worker(process, ours)


def worker() -> Worker | None:
    """Return the process, if one was started and still takes orders."""
    while _workers and _workers[0].process.poll() is not None:
        _workers.pop()
    return _workers[0] if _workers else None


def import_dagster_dbt() -> None:
    """Import dagster-dbt as it is where dbt is not installed, if dbt is beside us.

    It reads dbt's events all the same, and comes without the second that dbt takes.
    """
    if _workers and not {"dbt", "dagster_dbt"} & sys.modules.keys():
        sys.modules["dbt"] = None  # type: ignore[assignment]
        try:
            import dagster_dbt.core.dbt_cli_event  # noqa: F401
        finally:
            del sys.modules["dbt"]


@dataclass
class Beside:
    """One call of dbt's runner in the process beside us."""

    settings: Settings
    arguments: Sequence[str]
    run_id: str
    artifacts: Path
    log: Lines
    worker: Worker
    results: dict[str, NodeResult] = field(default_factory=dict)

    def events(self) -> Generator[dict[str, Any], None, None]:
        """Yield dbt's events as its command line would print them, then fill `results`.

        Raises `TransformError` if dbt could not do its work.
        """
        connection, process = self.worker.connection, self.worker.process
        done = False
        try:
            connection.send(
                (self.settings, self.arguments, self.run_id, self.artifacts, self.log.aloud)
            )
            while not done:
                event, results, trouble = connection.recv()
                done = event is None
                if event is not None:
                    yield event
        except (EOFError, OSError):
            code = process.wait()
            raise TransformError(
                f"dbt was killed by signal {-code}."
                if code < 0
                else f"dbt ended with exit code {code}, without a result."
            ) from None
        except GeneratorExit:
            # Nobody listens any more.
            raise
        except BaseException:
            end(process)
            # What it had said by then was done by then.
            with suppress(EOFError, OSError):
                while (event := connection.recv()[0]) is not None:
                    yield event
            raise
        finally:
            if not done:
                # Stopped within a query, it is of no further use.
                end(process)
        if trouble is not None:
            raise TransformError(trouble)
        self.results |= results
