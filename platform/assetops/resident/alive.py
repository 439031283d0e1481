"""Whether the process that executes a run lives: it holds a lock, which ends with it.

A pid would say less: after the host has restarted, or in a new container, another process may have
it. A heartbeat would say it later, and be late on a busy machine. Our storages of the event log
see each run's first and last event in the process that executes it, whoever has launched it.
"""

import fcntl
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from dagster._core.events import DagsterEventType

_FOLDER = "alive"
# Somebody may look at the lock at the very moment at which it is taken.
_TRIES = 20
_LAST = (
    DagsterEventType.RUN_SUCCESS,
    DagsterEventType.RUN_FAILURE,
    DagsterEventType.RUN_CANCELED,
)

_guard = threading.Lock()
# By run, the file that this process holds, and of those that have come to their end, their runs.
_held: dict[Path, IO[str]] = {}
_ended: set[Path] = set()


def follow(root: str, run_id: str, event: DagsterEventType | None) -> None:
    """Hold a run's lock from its start on, until this process ends or executes another.

    Args:
        root: The folder of the Dagster instance.
        run_id: The run that the event is of.
        event: What is about to be stored.
    """
    if event is DagsterEventType.RUN_START:
        path = _path(root, run_id)
        with _guard:
            _let_go_of_ended()
            if (file := _locked(path)) is not None:
                _held[path] = file
    elif event in _LAST and (path := _path(root, run_id)) in _held:
        # Not yet let go of: that the run has ended is written after its last event.
        _ended.add(path)


def lives(root: str, run_id: str) -> bool | None:
    """Say whether the process that executes a run lives; None if it never held a lock."""
    try:
        file = _path(root, run_id).open()
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def known(root: str) -> Iterable[str]:
    """Return the runs of which there are locks, held or not."""
    folder = Path(root, _FOLDER)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def forget(root: str, run_id: str) -> None:
    """Remove the lock of a run that has ended."""
    _path(root, run_id).unlink(missing_ok=True)


def _path(root: str, run_id: str) -> Path:
    return Path(root, _FOLDER, run_id).absolute()


def _locked(path: Path) -> IO[str] | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a")
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return file
    # This process executes the run already, or another does.
    file.close()
    return None


def _let_go_of_ended() -> None:
    while _ended:
        path = _ended.pop()
        _held.pop(path).close()
