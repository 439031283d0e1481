"""One process at a time has the warehouse; the others wait and say for whom, and nothing is lost."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console
from tests.end_to_end.conftest import DAYS, YESTERDAY, Shop, simulate
from tests.end_to_end.observed import ended, instance_of, loads, runs, start, until

from assetops.cli.progress import Progress
from assetops.cli.running import run_build
from assetops.warehouse.duckdb import open_read_only

BUILD = ("-c", "from assetops.cli import main; main()", "build")
HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""
INTRUDER = "import sys, duckdb; duckdb.connect(sys.argv[1])"


class Terminal(io.StringIO):
    """A terminal on which somebody acts as soon as a word appears."""

    def __init__(self, word: str, act: Any) -> None:
        super().__init__()
        self.word, self.act, self.acted = word, act, False

    def write(self, text: str) -> int:
        written = super().write(text)
        if not self.acted and self.word in self.getvalue():
            self.acted = True
            self.act()
        return written


def assert_each_batch_came_in_once(shop: Shop) -> None:
    came = list(loads(shop).values())
    assert len(came) == len(set(came)) == 4 * DAYS + 3


def test_of_two_first_builds_at_once_one_waits_and_says_for_whom(empty_shop):
    simulate(empty_shop.root, DAYS, start=YESTERDAY - timedelta(days=DAYS - 1))
    processes = [start(empty_shop, *BUILD) for _ in range(2)]
    outcomes = [ended(process) for process in processes]

    assert [code for code, _, _ in outcomes] == [0, 0], outcomes
    first, second = sorted((said for _, said, _ in outcomes), key=lambda said: "Waiting" in said)
    assert "Waiting" not in first and "is published in" in first
    (waiting,) = [line for line in second.splitlines() if "Waiting" in line]
    made = {run.run_id: run for run in runs(empty_shop)}
    run_id = waiting.split("held by run ")[1].split()[0]
    assert run_id in made
    assert f"(pid {next(p.pid for p, o in zip(processes, outcomes, strict=True) if o[1] == first)}," in waiting
    assert "Nothing changed: release" in second
    assert_each_batch_came_in_once(empty_shop)
    assert len(empty_shop.platform.releases.list()) == 1


def test_a_build_and_a_run_of_the_ui_wait_for_each_other(behind):
    job = ("-m", "dagster", "job", "execute", "-m", "retail.definitions", "-d", "platform")
    tags = {f"dagster/asset_partition_range_{end}": str(YESTERDAY) for end in ("start", "end")}
    with behind.platform.warehouse.hold("somebody"):
        ui = start(behind, *job, "-j", "build", "--tags", json.dumps(tags), DAGSTER_HOME=str(behind.root))
        said = until(lambda: warnings_of_the_newest_run(behind))
    assert f"held by somebody (pid {__import__('os').getpid()}," in said

    def held_by_ui() -> bool:
        return f"(pid {ui.pid}," in behind.platform.warehouse.lock.holder()

    until(held_by_ui)
    terminal = Terminal("Waiting", lambda: None)
    os_chdir(behind)
    outcome = run_build(behind.platform, behind.definitions, Progress(Console(file=terminal)))
    code, _, problems = ended(ui)

    assert code == 0, problems
    assert outcome.exit_code == 0, outcome.failures
    run_id = next(r.run_id for r in runs(behind) if r.run_id != outcome.run_id)
    assert f"Waiting for the warehouse: it is held by run {run_id} (pid {ui.pid}," in (
        terminal.getvalue()
    )
    assert_each_batch_came_in_once(behind)
    assert len(behind.platform.releases.list()) == 3
