"""dbt in a process that begins with a command, and imports dbt while the command imports Dagster.

A cold build is imports for more than half of its time, and has two cores for them; and dbt then
does not share one interpreter with what Dagster is told. What runs there is `inside`, and says the
same.
"""

from collections.abc import Collection, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assetops.dbt.command import end
from assetops.dbt.early import Worker
from assetops.dbt.lines import Lines
from assetops.dbt.results import NodeResult
from assetops.dbt.stops import stoppable
from assetops.errors import TransformError
from assetops.settings import Settings


@dataclass
class Beside:
    """One call of dbt's runner in the process beside us."""

    settings: Settings
    arguments: Sequence[str]
    run_id: str
    artifacts: Path
    log: Lines
    worker: Worker
    # As `Inside` has them.
    nodes: Collection[str] | None = None
    results: dict[str, NodeResult] = field(default_factory=dict)

    def events(self) -> Generator[dict[str, Any], None, None]:
        """Yield dbt's events as its command line would print them, then fill `results`.

        Raises `TransformError` if dbt could not do its work.
        """
        connection, process = self.worker.connection, self.worker.process
        done = False
        try:
            order = (self.settings, self.arguments, self.run_id, self.artifacts)
            connection.send((*order, self.log.aloud, self.nodes))
            while not done:
                with stoppable():
                    connection.poll(None)
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
