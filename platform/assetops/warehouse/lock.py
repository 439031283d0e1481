"""One process at a time has the warehouse: DuckDB has one writer, and a run wants it whole."""

import fcntl
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, ClassVar

from assetops.errors import WarehouseBusy

POLL_SECONDS = 0.2


def tell(message: str) -> None:
    """Say on stderr what is waited for: stdout may be read by a program."""
    print(message, file=sys.stderr, flush=True)


@dataclass
class _Held:
    """A lock that this process holds, and how often it has asked for it."""

    file: IO[str]
    depth: int = 0


class WarehouseLock:
    """An operating system's file lock that names its holder; it ends with the process."""

    # A process holds a file once, whoever in it asks: flock would block on itself.
    _ours: ClassVar[dict[Path, _Held]] = {}
    _guard: ClassVar[threading.RLock] = threading.RLock()

    def __init__(self, path: Path, *, wait: float) -> None:
        """Lock the file at `path`, waiting at most `wait` seconds for another process."""
        self.path = path
        self.wait = wait

    @contextmanager
    def held(self, holder: str, *, say: Callable[[str], object] = tell) -> Iterator[None]:
        """Hold the lock as `holder`, waiting for whoever has it and saying so once.

        Raises `WarehouseBusy` after `wait` seconds. Holding it again within the process is free.
        """
        with self._guard:
            held = self._ours.get(self.path)
            if held is None:
                held = self._ours[self.path] = _Held(self._acquire(holder, say))
            held.depth += 1
        try:
            yield
        finally:
            with self._guard:
                held.depth -= 1
                if held.depth == 0:
                    del self._ours[self.path]
                    held.file.truncate(0)
                    held.file.close()

    def _acquire(self, holder: str, say: Callable[[str], object]) -> IO[str]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("a+")
        deadline = time.monotonic() + self.wait
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                who = self.holder()
                if time.monotonic() >= deadline:
                    file.close()
                    raise WarehouseBusy(
                        f"{self.path} is held by {who}, and was not free within {self.wait:g} s. "
                        "Wait for it to end, or stop it, and try again."
                    ) from None
                if not told:
                    say(f"Waiting for the warehouse: it is held by {who}.")
                    told = True
                time.sleep(POLL_SECONDS)
            else:
                break
        file.truncate(0)
        file.write(
            json.dumps(
                {"holder": holder, "pid": os.getpid(), "since": f"{datetime.now(UTC):%F %T}"}
            )
        )
        file.flush()
        return file

    def holder(self) -> str:
        """Say who holds the lock, as far as its file tells."""
        try:
            written = json.loads(self.path.read_text())
            return f"{written['holder']} (pid {written['pid']}, since {written['since']} UTC)"
        except (OSError, ValueError, KeyError, TypeError):
            # The holder writes its name just after it has the lock.
            return "another process"
