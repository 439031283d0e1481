"""Starts the process that imports dbt beside a command, before the command imports anything heavy.

What is said to it, and what it answers, is `beside`.
"""

import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from types import ModuleType
from typing import Any

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


class _Package(ModuleType):
    """A package whose parts can be imported without all of it, which waits to be asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not (self.__spec__ and self.__spec__.loader):
            raise AttributeError(name)
        # What it has by now, as a part that was imported, it keeps.
        self.__class__ = ModuleType  # type: ignore[assignment]
        self.__spec__.loader.exec_module(self)
        return getattr(self, name)


def import_dagster_dbt() -> None:
    """Import of dagster-dbt what reads dbt's events, if dbt is beside us.

    As where dbt is not installed, for which it provides, it comes without the second that dbt
    takes; and its client of dbt Cloud, its components and its resources take longer than the rest.
    """
    if not _workers or {"dbt", "dagster_dbt"} & sys.modules.keys():
        return
    if (spec := importlib.util.find_spec("dagster_dbt")) is not None:
        package = sys.modules["dagster_dbt"] = importlib.util.module_from_spec(spec)
        package.__class__ = _Package
    sys.modules["dbt"] = None  # type: ignore[assignment]
    try:
        import dagster_dbt.core.dbt_cli_event  # noqa: F401
    finally:
        del sys.modules["dbt"]
