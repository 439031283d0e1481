"""Starts the process that imports dbt beside a command, before the command imports anything heavy.

What is said to it, and what it answers, is `beside`.
"""

import subprocess
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe

# Its locks are cleared away when it ends, of which nobody need be warned.
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
    words = [sys.executable, "-W", _QUIET, "-P", "-m", "assetops.dbt.worker", str(theirs.fileno())]
    process = subprocess.Popen(
        words,
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
