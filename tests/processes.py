"""Processes that tests start: forked from one template, which all of a session's tests share.

Each is what a fresh Python process would be, without the seconds that imports take; where a fresh
one is what is tested, tests start that.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from assetops.cli.warm import IMPORTS
from assetops.resident.client import Forked, NoTemplate, connect, start_template

PLATFORM = Path(__file__).parents[1] / "platform"
FORKED = Path(__file__).with_name("forked.py")
# Nothing of a project: where the package of the example business lies decides which root is built.
WARM = (
    *(*IMPORTS, "pandas", "sklearn.cluster", "sklearn.ensemble", "sklearn.metrics"),
    *("matplotlib.backends.backend_agg", "assetops.cli.running", "assetops.cli.progress"),
)


@contextmanager
def shared_template(folder: Path) -> Iterator[Path]:
    """The socket of the template of all processes that share a folder, started by the first.

    It lives until the last of them has let go of it, or has gone.
    """
    path = folder / "template"
    with (folder / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            connection = connect(path)
        except NoTemplate:
            path.unlink(missing_ok=True)
            environment = {**os.environ, "PYTHONPATH": str(PLATFORM)}
            # Its own session, so that Ctrl-C at the terminal is the tests' alone to handle.
            process = start_template(
                path,
                WARM,
                environment=environment,
                # Somebody may go on working while tests run.
                steady=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            process.stdout.close()
            connection = connect(path)
    with connection:
        yield path


def forked_python(template: Path) -> list[str]:
    """Return what starts Python as a command, in a process that is forked from a template."""
    return [sys.executable, "-I", "-S", str(FORKED), str(template)]


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Return a folder that all processes of the tests share, made by the first that needs it."""
    made = folder.with_name(f"{folder.name}.made")
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            # Whoever began before has failed.
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            made.touch()
    return folder


class Process:
    """A process with pipes, forked from a template: as much of `Popen` as tests need."""

    def __init__(
        self, template: Path, *words: str, folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.words = words
        (read_in, stdin), (stdout, write_out), (stderr, write_err) = (os.pipe() for _ in range(3))
        theirs = [read_in, write_out, write_err]
        if "COVERAGE_PROCESS_CONFIG" in environment:
            # A fresh process would begin with this.
            first, program, *arguments = words
            assert first == "-c"
            words = (first, f"import coverage; coverage.process_startup(); {program}", *arguments)
        self.forked = Forked(template, words, folder=folder, environment=environment, files=theirs)
        for descriptor in theirs:
            os.close(descriptor)
        self.pid = self.forked.pid
        self.stdin = open(stdin, "w")
        self.stdout, self.stderr = open(stdout), open(stderr)

    @property
    def returncode(self) -> int | None:
        return self.forked.returncode

    def wait(self, timeout: float | None = None) -> int:
        return self.forked.wait(timeout)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Close its input, and return all that it writes until it ends, which is waited for."""
        with suppress(BrokenPipeError):
            self.stdin.close()
        with self.stdout, self.stderr, ThreadPoolExecutor(2) as readers:
            said, problems = (readers.submit(s.read) for s in (self.stdout, self.stderr))
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                # Otherwise its output would have no end.
                os.kill(self.pid, signal.SIGKILL)
                raise
            return said.result(), problems.result()


def run(
    template: Path,
    *words: str,
    folder: Path,
    environment: Mapping[str, str],
    timeout: float = 180,
) -> subprocess.CompletedProcess[str]:
    """Run Python with these words to the end, in a process forked from a template."""
    process = Process(template, *words, folder=folder, environment=environment)
    said, problems = process.communicate(timeout)
    return subprocess.CompletedProcess(words, process.wait(), said, problems)
