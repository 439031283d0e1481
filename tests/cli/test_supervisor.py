"""What `assetops up` has started is started again, given up when that is of no use, and ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assetops.cli.supervisor import DEATHS, Part, Supervisor
from assetops.errors import AssetOpsError

PLATFORM = Path(__file__).parents[2] / "platform"
# It starts a process of its own, says so in a file, and waits.
IDLE = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()} {child.pid}\\n")
time.sleep(600)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "idle.py").write_text(IDLE)
    (tmp_path / "useless.py").write_text("raise SystemExit(2)")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(PLATFORM), str(tmp_path)])}


@pytest.fixture
def pids(tmp_path: Path) -> Callable[[int], list[int]]:
    """Return the processes that have been started, once there are so many."""

    def found(number: int) -> list[int]:
        file = tmp_path / "pids"
        until(lambda: file.exists() and len(file.read_text().split()) == number)
        return [int(pid) for pid in file.read_text().split()]

    return found


@pytest.fixture
def idle(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[Supervisor, Part]]:
    part = Part("daemon", ["idle", str(tmp_path / "pids")])
    supervisor = Supervisor([part], environment, tmp_path)
    yield supervisor, part
    supervisor.end()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lives(pid: int) -> bool:
    # A process that has ended and is waited for by nobody is there as well.
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def killed(part: Part) -> None:
    assert part.process
    part.process.kill()
    part.process.wait()


def test_what_was_killed_is_started_again_after_a_pause_that_grows(
    idle: tuple[Supervisor, Part], capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor, part = idle
    supervisor.tend(0)
    first = part.process
    killed(part)
    supervisor.tend(10)
    assert "The daemon ended with signal 9; started again in 1 s." in capsys.readouterr().err
    supervisor.tend(10.9)
    assert part.process is None
    supervisor.tend(11)
    assert part.process and part.process is not first
    killed(part)
    supervisor.tend(20)
    assert "started again in 2 s." in capsys.readouterr().err
    supervisor.tend(22)
    killed(part)
    # Long ago that it ended before: the pause is short again.
    supervisor.tend(100)
    assert "started again in 1 s." in capsys.readouterr().err


def test_what_ends_again_and_again_is_given_up_with_the_reason(
    idle: tuple[Supervisor, Part],
) -> None:
    supervisor, part = idle
    now = 0.0
    for _ in range(DEATHS - 1):
        supervisor.tend(now)
        killed(part)
        supervisor.tend(now)
        now = part.starts_at
    supervisor.tend(now)
    killed(part)
    with pytest.raises(AssetOpsError, match=r"daemon has ended 6 times within a minute.*signal 9"):
        supervisor.tend(now)


def test_what_says_that_it_cannot_run_is_not_started_again(
    environment: dict[str, str], tmp_path: Path
) -> None:
    part = Part("daemon", ["useless"])
    supervisor = Supervisor([part], environment, tmp_path)
    supervisor.tend(0)
    assert part.process
    part.process.wait()
    with pytest.raises(AssetOpsError, match="The daemon cannot run"):
        supervisor.tend(1)


def test_nothing_is_left_over_of_what_was_started_not_even_by_those_that_were_killed(
    idle: tuple[Supervisor, Part], pids: Callable[[int], list[int]]
) -> None:
    supervisor, part = idle
    supervisor.tend(0)
    pids(2)
    killed(part)
    supervisor.tend(1)
    supervisor.tend(2)
    started = pids(4)
    assert [lives(pid) for pid in started] == [False, True, True, True]
    supervisor.end()
    assert [lives(pid) for pid in started] == [False] * 4


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells, and that is Linux's")
def test_a_part_ends_with_whoever_has_started_it(
    environment: dict[str, str], tmp_path: Path, pids: Callable[[int], list[int]]
) -> None:
    words = f"'-m', 'assetops.cli.part', str(os.getpid()), 'idle', {str(tmp_path / 'pids')!r}"
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, subprocess, sys, time\n"
            f"subprocess.Popen([sys.executable, {words}], start_new_session=True)\n"
            "time.sleep(600)",
        ],
        env=environment,
    )
    part, child = pids(2)
    starter.kill()
    starter.wait()
    until(lambda: not lives(part))
    os.kill(child, signal.SIGKILL)
