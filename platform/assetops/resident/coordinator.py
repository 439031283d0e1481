"""Runs are put in Dagster's queue, and whoever empties the queue is told at once.

Dagster's daemon looks at the queue when a number of whole seconds has passed. Ours, under
`assetops up`, waits for a pipe in the instance's folder as well, into which whoever enqueues a run,
and each run that ends, writes a byte. Only the daemon ever launches a run: a byte that is lost
costs a second, and nothing else.
"""

import contextlib
import os
import select
from pathlib import Path
from typing import Self

import dagster as dg
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext
from dagster._core.storage.tags import BACKFILL_ID_TAG, PRIORITY_TAG

from assetops.model import BACKFILL_PRIORITY

_PIPE = "run_queue.pipe"


class PromptRunCoordinator(QueuedRunCoordinator[dg.DagsterInstance]):
    """Dagster's own queue of runs, which tells the daemon of each run that it takes in."""

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Put a run in the queue, and return it; those of backfills go behind all others."""
        run, tags = context.dagster_run, context.dagster_run.tags
        if BACKFILL_ID_TAG in tags and PRIORITY_TAG not in tags:
            # Whoever waits for today's data is not to wait for last year's.
            self._instance.add_run_tags(run.run_id, {PRIORITY_TAG: BACKFILL_PRIORITY})
        run = super().submit_run(context)
        tell_queue(self._instance)
        return run


def tell_queue(instance: dg.DagsterInstance) -> None:
    """Have the queue looked at now, if a daemon of ours waits beside it."""
    # Nobody listens, there never was a pipe, or it is full of what nobody has read yet.
    with contextlib.suppress(OSError):
        pipe = os.open(_pipe_of(instance), os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(pipe, b".")
        finally:
            os.close(pipe)


class QueueWatch:
    """The end of the pipe at which the daemon waits."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        path = _pipe_of(instance)
        self.pipe: int | None = None
        # Not every file system has pipes; without one, time passes as it does in Dagster's daemon.
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.mkfifo(path, 0o600)
            # For writing as well, so that it does not end with whoever writes.
            self.pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pipe is not None:
            os.close(self.pipe)
            self.pipe = None

    def wait(self, seconds: float) -> bool:
        """Wait until somebody tells of a run, at most so many seconds; say whether somebody did.

        All that was told until now is answered by one look at the queue after this.
        """
        if not select.select([] if self.pipe is None else [self.pipe], [], [], seconds)[0]:
            return False
        with contextlib.suppress(BlockingIOError):
            while self.pipe is not None and os.read(self.pipe, 65536):
                pass
        return True


def _pipe_of(instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory) / _PIPE
