"""Keeps the processes of `assetops up` running: what ends is started again, none is left over."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from assetops.errors import AssetOpsError

GRACE_SECONDS = 15
# It is given up after so many deaths within so many seconds.
DEATHS = 6
WITHIN_SECONDS = 60
_LONGEST_PAUSE = 30
# With this exit code a process has said that to start it again would be of no use.
_USELESS = 2


@dataclass
class Part:
    """A process that is to run: what it is called, and what `python -m` is to do."""

    name: str
    words: Sequence[str]
    process: subprocess.Popen[Any] | None = None
    deaths: list[float] = field(default_factory=list)
    starts_at: float = 0

    def ended(self, now: float) -> int | None:
        """Return the exit code if it has ended since one looked last, and plan its next start."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.process = None
        self.deaths = [at for at in self.deaths if at > now - WITHIN_SECONDS] + [now]
        self.starts_at = now + min(2 ** (len(self.deaths) - 1), _LONGEST_PAUSE)
        return code


class Supervisor:
    """Starts parts, starts them again, and ends them with all they have started.

    Args:
        parts: What is to run.
        environment: Where they run.
        root: Their current folder.
    """

    def __init__(self, parts: Sequence[Part], environment: Mapping[str, str], root: Path) -> None:
        self._parts, self._environment, self._root = parts, environment, root
        # The sessions of those that run and of those that have left something behind.
        self._sessions: set[int] = set()

    def tend(self, now: float) -> None:
        """Start what is due at an instant of the clock that counts seconds.

        Raises:
            AssetOpsError: A part cannot be kept running.
        """
        for part in self._parts:
            if (code := part.ended(now)) is not None:
                self._mourn(part, code, now)
            if part.process is None and now >= part.starts_at:
                part.process = self._start(part)
        self._sessions = {session for session in self._sessions if _lives(session)}

    def _mourn(self, part: Part, code: int, now: float) -> None:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if code == _USELESS:
            raise AssetOpsError(f"The {part.name} cannot run ({how}); above it says why.")
        if len(part.deaths) >= DEATHS:
            raise AssetOpsError(
                f"The {part.name} has ended {DEATHS} times within a minute, the last time with "
                f"{how}. What it wrote above says why."
            )
        pause = part.starts_at - now
        click.echo(f"The {part.name} ended with {how}; started again in {pause:.0f} s.", err=True)

    def _start(self, part: Part) -> subprocess.Popen[Any]:
        process = subprocess.Popen(
            [sys.executable, "-m", "assetops.cli.part", str(os.getpid()), *part.words],
            env=self._environment,
            cwd=self._root,
            # One each, so that what it has started can be ended with it.
            start_new_session=True,
        )
        self._sessions.add(process.pid)
        return process

    def end(self, *others: subprocess.Popen[Any]) -> None:
        """End all of them, and other processes that lead sessions: asked first, then not."""
        children = [*others, *(part.process for part in self._parts if part.process)]
        sessions = self._sessions | {child.pid for child in children}
        for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, 5)):
            for session in sessions:
                _signal(session, number)
            deadline = time.monotonic() + patience
            while sessions and time.monotonic() < deadline:
                for child in children:
                    child.poll()
                # A session's group outlives its leader while anything in it lives.
                sessions = {session for session in sessions if _lives(session)}
                time.sleep(0.1)


def _signal(session: int, number: int) -> bool:
    try:
        os.killpg(session, number)
    except ProcessLookupError:
        return False
    return True


def _lives(session: int) -> bool:
    return _signal(session, 0)
