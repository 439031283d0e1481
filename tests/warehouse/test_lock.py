"""One process at a time has the warehouse, and who waits is told for whom."""

import subprocess
import sys
from pathlib import Path

import pytest

from assetops.errors import WarehouseBusy
from assetops.warehouse import Warehouse, WarehouseLock

HOLD = """
import sys
from pathlib import Path
from assetops.warehouse import WarehouseLock
with WarehouseLock(Path(sys.argv[1]), wait=5).held("run 1234"):
    print("held", flush=True)
    sys.stdin.readline()
"""
OPEN = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""


def started(script: str, path: Path) -> "subprocess.Popen[str]":
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert child.stdout is not None
    child.stdout.readline()
    return child


def end(child: "subprocess.Popen[str]") -> None:
    child.communicate("\n", timeout=20)


def test_who_cannot_wait_any_longer_learns_who_holds_it(tmp_path: Path) -> None:
    child = started(HOLD, tmp_path / "lock")
    said: list[str] = []
    lock = WarehouseLock(tmp_path / "lock", wait=0.3)
    with pytest.raises(WarehouseBusy, match=rf"held by run 1234 \(pid {child.pid}, since "):
        with lock.held("run 5678", say=said.append):
            pass
    assert len(said) == 1
    assert "run 1234" in said[0]
    end(child)


def test_a_holder_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    child = started(HOLD, tmp_path / "lock")
    child.kill()
    child.wait()
    with WarehouseLock(tmp_path / "lock", wait=5).held("run 5678"):
        assert "run 5678" in WarehouseLock(tmp_path / "lock", wait=0).holder()


def test_within_a_process_it_can_be_held_again(tmp_path: Path) -> None:
    outer = WarehouseLock(tmp_path / "lock", wait=0)
    inner = WarehouseLock(tmp_path / "lock", wait=0)
    with outer.held("run 1"), inner.held("run 1"):
        pass
    child = started(HOLD, tmp_path / "lock")
    end(child)


def test_a_process_that_does_not_know_the_lock_is_named_by_its_pid(tmp_path: Path) -> None:
    path = tmp_path / "dev.duckdb"
    child = started(OPEN, path)
    lock = WarehouseLock(tmp_path / "lock", wait=0.3)
    warehouse = Warehouse(path, lock, memory_limit="1GB")
    with pytest.raises(WarehouseBusy, match=rf"\(pid {child.pid}\), which does not know"):
        with warehouse.connect():
            pass
    end(child)
    with warehouse.connect() as connection:
        assert connection.execute("select 1").fetchone() == (1,)
