"""Kills a load at an instant, on a fresh copy each, and says what the next load makes of it.

The arguments are a folder, and instants: an event of Python's profiler and the function that it is
about. In the folder a batch of six rows has come in, one of them discarded, before its suite had
anything against two others. Each process is forked from this one, which has imported all engines.
"""

import os
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import great_expectations  # noqa: F401
from tests.ingest.conftest import DAY, KNOWN, POSITIVE, Source

import assetops.quality.engine  # noqa: F401
from assetops.warehouse import journal
from assetops.warehouse.quarantine import State, decide

BATCH = [
    *("1,a@example.com,1,paid", "2,b@example.com,-2,paid", "3,c@example.com,3,paid"),
    *("4,d@example.com,4,lost", "5,e@example.com,5,paid", "6,f@example.com,6,lost"),
]


def prepare(root: Path) -> None:
    """Load the batch as its suite was before: one bad row, which is discarded."""
    source = Source(root)
    source.expect(total_positive=POSITIVE)
    source.load(BATCH)
    with source.warehouse.connect() as connection:
        decide(connection, source.dataset, [1], State.DISCARDED, by="ana", why="a test order")


def load_and_die(root: Path, event: str, function: str) -> None:
    """Load the batch again, with all that is expected of it now, and die at the instant."""

    def watch(frame: FrameType, happened: str, _: Any) -> None:
        if (happened, frame.f_code.co_name) == (event, function):
            os.kill(os.getpid(), signal.SIGKILL)

    source = now(root)
    sys.setprofile(watch)
    source.load(BATCH, run_id="killed")


def load(root: Path) -> None:
    """Load it whole."""
    now(root).load(BATCH, run_id="next")


def now(root: Path) -> Source:
    source = Source(root)
    source.expect(total_positive=POSITIVE, status_known=KNOWN)
    return source


def tell(root: Path) -> None:
    """Say how many rows are in raw, held and discarded, if that is what the journal has."""
    source = now(root)
    with source.warehouse.connect() as connection:
        stands = journal.standing_loads(connection, source.dataset.address)[DAY]
    there = len(source.raw)
    held, discarded = len(source.kept("held")), len(source.kept("discarded"))
    agrees = (stands.rows, stands.held_back) == (there, held + discarded)
    assert agrees and there + held + discarded == len(BATCH), (stands, there, held, discarded)
    print(there, held, discarded, end=" ", flush=True)


def in_child(function: Any, *arguments: Any) -> int:
    """Run a function in a process of its own and return how it ended."""
    child = os.fork()
    if child == 0:
        function(*arguments)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    assert in_child(prepare, folder / "before") == 0
    for number, (event, function) in enumerate(zip(sys.argv[2::2], sys.argv[3::2], strict=True)):
        root = folder / str(number)
        shutil.copytree(folder / "before", root)
        print(in_child(load_and_die, root, event, function), end=" ", flush=True)
        for step in (tell, load, tell):
            assert in_child(step, root) == 0
        print(flush=True)
