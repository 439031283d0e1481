"""A fork of a template is what a fresh process would be, and nothing that it forks is left over."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assetops.resident.client import Forked, NoTemplate, ask, connect, start_template

PLATFORM = Path(__file__).parents[2] / "platform"
# Prints what a process may find changed by where it came from.
SELF = (
    "import logging, os, signal, sys\n"
    "handled = [n for n in signal.valid_signals() if callable(signal.getsignal(n))]\n"
    "print(__name__, sys.argv, sys.path, os.getcwd(), sorted(os.environ.items()), handled)\n"
    "print(sorted(os.listdir('/proc/self/fd'))[:3], signal.pthread_sigmask(signal.SIG_BLOCK, []))\n"
    "print(logging.getLogger().handlers, len(os.listdir('/proc/self/task')), sys.stdout.encoding)\n"
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, measured: dict[str, str]) -> Iterator[Path]:
    """The socket of a template that has imported what starts threads."""
    folder = tmp_path_factory.mktemp("t")
    folder.chmod(0o700)
    path = folder / "s"
    environment = {**os.environ, **measured, "PYTHONPATH": str(PLATFORM)}
    process = start_template(
        path, ["numpy", "not.there"], environment=environment, stdout=-1, stderr=-1
    )
    assert process.stdout and process.stderr
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    with connect(path):
        yield path
    assert process.wait(timeout=30) == 0
    assert "goes without not.there" in process.stderr.read()
    assert not path.exists()


def forked(template: Path, folder: Path, *words: str, **environment: str) -> tuple[int, str, str]:
    """Run to the end in a forked process, and return its exit code and what it wrote."""
    out, err = folder / "out", folder / "err"
    with out.open("w") as stdout, err.open("w") as stderr, open(os.devnull) as stdin:
        files = [stream.fileno() for stream in (stdin, stdout, stderr)]
        code = Forked(template, words, folder=folder, environment=environment, files=files).wait(
            timeout=60
        )
    return code, out.read_text(), err.read_text()


def fresh(folder: Path, *words: str, **environment: str) -> tuple[int, str, str]:
    """Run to the end in a fresh process."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def running(template: Path, folder: Path, name: str | None = None) -> Forked:
    """Return a process that waits, once it does."""
    read, write = os.pipe()
    program = "import time; print('there', flush=True); time.sleep(600)"
    process = Forked(
        template, ["-c", program], folder=folder, environment={}, files=[read, write, 2], name=name
    )
    os.close(write)
    with os.fdopen(read) as said:
        assert said.readline() == "there\n"
    return process


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def gone(pid: int) -> bool:
    """Wait until a process is gone, which is not our child."""
    descriptor = os.pidfd_open(pid)
    try:
        return bool(select.select([descriptor], [], [], 20)[0])
    finally:
        os.close(descriptor)


def test_it_is_what_a_fresh_process_is(template, tmp_path):
    script = tmp_path / "self.py"
    script.write_text(SELF)
    (tmp_path / "beside.py").write_text("import self")
    # Without a locale, a fresh Python would choose one and say so in the environment.
    there = {"PYTHONPATH": str(tmp_path), "COLUMNS": "50", "LC_ALL": "C.UTF-8"}
    for words in (["-c", SELF, "a", "b"], ["self.py", "-x"], [str(script)], ["-m", "beside"]):
        assert forked(template, tmp_path, *words, **there) == fresh(tmp_path, *words, **there)


@pytest.mark.parametrize(
    "program",
    [
        "import sys; sys.exit()",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('this is why')",
        "print('said'); 1 / 0",
        "import os; os.kill(os.getpid(), 9)",
        "import os; os.abort()",
        # What runs at the end of a process.
        "import atexit, threading, time; atexit.register(print, 'last')\n"
        "threading.Thread(target=lambda: (time.sleep(0.05), print('before'))).start()",
        "from concurrent.futures import ThreadPoolExecutor\n"
        "print(ThreadPoolExecutor(2).submit(lambda: 5).result())",
    ],
)
def test_it_ends_as_a_fresh_process_does(template, tmp_path, program):
    code, said, problems = fresh(tmp_path, "-c", program)
    # A traceback of Python 3.13 shows the lines of such a program, which nobody else knows.
    told = "".join(line for line in problems.splitlines(True) if not line.startswith("    "))
    assert forked(template, tmp_path, "-c", program) == (code, said, told)


def test_no_two_draw_the_same_numbers(template, tmp_path):
    program = (
        "import random, tempfile, uuid, numpy\n"
        "print(random.random(), numpy.random.rand(), uuid.uuid4(), tempfile.mktemp(), sep='\\n')"
    )
    first, second = (forked(template, tmp_path, "-c", program)[1].split() for _ in range(2))
    assert len(first) == 4
    assert not set(first) & set(second)


def test_threads_of_linear_algebra_work_in_it(template, tmp_path):
    program = "import numpy; a = numpy.ones((600, 600)); print((a @ a).sum())"
    assert forked(template, tmp_path, "-c", program) == (0, "216000000.0\n", "")


def test_a_client_that_goes_takes_its_process_along(template, tmp_path):
    process = running(template, tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.01)
    process.close()
    assert not alive(process.pid) or gone(process.pid)


def test_one_with_a_name_outlives_its_client_and_is_ended_by_any_other(template, tmp_path):
    process = running(template, tmp_path, name="a run")
    process.close()
    assert ask(template, "a run") == process.pid
    assert ask(template, "another run") is None
    assert ask(template, "a run", signal.SIGTERM) == process.pid
    assert not alive(process.pid) or gone(process.pid)


def test_how_a_process_was_ended_is_told(template, tmp_path):
    process = running(template, tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(timeout=20) == -signal.SIGKILL


def test_a_template_takes_all_along_and_whoever_asks_is_told_that_there_is_none(tmp_path):
    path = tmp_path / "s"
    tmp_path.chmod(0o700)
    environment = {**os.environ, "PYTHONPATH": str(PLATFORM)}
    with start_template(path, [], environment=environment, stdout=-1) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        there = [running(path, tmp_path), running(path, tmp_path, name="a run")]
        process.kill()
        assert [p.wait(timeout=20) for p in there] == [-signal.SIGKILL] * 2
    assert not any(alive(p.pid) and not gone(p.pid) for p in there)
    with pytest.raises(NoTemplate, match=f"No template listens at {path}: Connection refused."):
        connect(path)
    tmp_path.chmod(0o755)
    with start_template(path, [], environment=environment, stderr=-1) as process:
        assert "needs a folder of its own (chmod 700)" in process.communicate()[1]
        assert process.returncode == 1


def test_one_that_nobody_holds_on_to_ends_with_whoever_started_it(tmp_path):
    tmp_path.chmod(0o700)
    starter = (
        "import os, sys; from pathlib import Path\n"
        "from assetops.resident.client import start_template\n"
        "print(start_template(Path(sys.argv[1]), [], environment=os.environ, stdout=-3).pid)"
    )
    there = {**os.environ, "PYTHONPATH": str(PLATFORM)}
    code, said, problems = fresh(tmp_path, "-c", starter, str(tmp_path / "s"), **there)
    assert code == 0, problems
    assert not alive(int(said)) or gone(int(said))


def test_one_whose_imports_have_changed_forks_no_more_and_ends_with_its_last_process(tmp_path):
    (tmp_path / "mine.py").write_text("there = 1")
    tmp_path.chmod(0o700)
    path, added = tmp_path / "s", os.pathsep.join([str(PLATFORM), str(tmp_path)])
    environment = {**os.environ, "PYTHONPATH": added}
    with start_template(path, ["mine"], environment=environment, stdout=-1) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        with connect(path):
            there = running(path, tmp_path)
            (tmp_path / "mine.py").write_text("there = 2")
            os.utime(tmp_path / "mine.py", (1, 1))
            with pytest.raises(NoTemplate, match="what it has imported has changed since"):
                running(path, tmp_path)
            assert process.poll() is None
            os.kill(there.pid, signal.SIGTERM)
            assert there.wait(timeout=20) == -signal.SIGTERM
            assert process.wait(timeout=20) == 0
