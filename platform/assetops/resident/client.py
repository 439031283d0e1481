"""What asks a template for processes, and is told how they end."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assetops.errors import AssetOpsError
from assetops.resident.wire import receive, send

# Without the current folder among those where modules are looked for.
TEMPLATE = (sys.executable, "-P", "-m", "assetops.resident.template")
# How long a template may take to fork; importing is behind it.
_PATIENCE_SECONDS = 30


class NoTemplate(AssetOpsError):
    """There is no template to fork from; a fresh process does the same, later."""


def start_template(
    path: Path,
    modules: Sequence[str],
    *,
    environment: Mapping[str, str],
    steady: bool = False,
    **how: Any,
) -> subprocess.Popen[str]:
    """Start a template that is to import these modules; it writes a line when it listens.

    Args:
        path: Where its socket is to be: in a folder that nobody else can enter.
        modules: Those that are not installed are left out. Of MODULE:FUNCTION the function is
            called as well, and may fail.
        environment: The environment to import them in. No process that is forked sees it.
        steady: Whether it forks on when a file that it has imported changes.
        how: What else `subprocess.Popen` is to know.
    """
    options = [f"--starter={os.getpid()}", *(["--steady"] if steady else [])]
    return subprocess.Popen(
        [*TEMPLATE, *options, str(path), *modules],
        # Arrow's allocator would keep a thread, and a process with threads must not fork.
        env={**environment, "JE_ARROW_MALLOC_CONF": "background_thread:false"},
        text=True,
        **how,
    )


def connect(path: Path) -> socket.socket:
    """Return a connection to the template at a socket, which lives while one is open."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_PATIENCE_SECONDS)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        raise NoTemplate(f"No template listens at {path}: {error.strerror}.") from None
    return connection


class Forked:
    """A process that a template has forked.

    It is killed when this object is closed or its process ends, unless it has a name.
    """

    def __init__(
        self,
        path: Path,
        words: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        files: Sequence[int] = (0, 1, 2),
        name: str | None = None,
    ) -> None:
        """Have a process forked, as if `python WORDS…` were started.

        Args:
            path: The template's socket.
            words: -c CODE, -m MODULE or SCRIPT, and arguments.
            folder: Its current folder.
            environment: Its whole environment.
            files: Descriptors of its standard input, output and error.
            name: By which others may ask for it.

        Raises:
            NoTemplate: if none answers.
        """
        self.connection = connect(path)
        self.returncode: int | None = None
        order = {"words": [*words], "folder": str(folder), "environment": {**environment}}
        try:
            send(self.connection, {**order, "name": name}, files)
            self.pid: int = self._told(path)["pid"]
        except OSError as error:
            self.close()
            raise NoTemplate(f"The template at {path} did not answer: {error}.") from None

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code, or the negative number of the signal that ended it.

        Raises `subprocess.TimeoutExpired` when it still runs after so many seconds.
        """
        if self.returncode is None:
            self.connection.settimeout(timeout)
            try:
                answer, _ = receive(self.connection)
            except TimeoutError:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0) from None
            # A template that has gone has taken its processes along.
            self.returncode = answer["code"] if answer else -signal.SIGKILL
            self.close()
        return self.returncode

    def close(self) -> None:
        """Let go of the process, which ends it unless it has a name."""
        self.connection.close()

    def _told(self, path: Path) -> dict[str, int]:
        answer, _ = receive(self.connection)
        if answer is None:
            raise OSError("it has gone")
        if "error" in answer:
            raise NoTemplate(f"The template at {path} cannot do this: {answer['error']}.")
        return answer


def ask(path: Path, name: str, number: int | None = None) -> int | None:
    """Return the pid of the process of a name that runs, after sending it a signal if one is given.

    Raises `NoTemplate` if there is none to ask.
    """
    with connect(path) as connection:
        try:
            send(connection, {"name": name} | ({"signal": number} if number else {}))
            answer, _ = receive(connection)
        except OSError as error:
            raise NoTemplate(f"The template at {path} did not answer: {error}.") from None
    if not answer or "error" in answer:
        raise NoTemplate(f"The template at {path} did not answer.")
    pid: int | None = answer["pid"]
    return pid
