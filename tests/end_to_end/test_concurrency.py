"""One process at a time has the warehouse; others wait and say for whom, and nothing is lost."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from rich.console import Console
from tests.end_to_end.conftest import ASSETOPS, YESTERDAY, Shop, simulate
from tests.end_to_end.observed import ended, instance_of, loads, runs, start, until
from tests.processes import Process

from assetops.cli.progress import Progress
from assetops.cli.running import Outcome, run_build

# Builds upon builds, of what other tests measure already.
pytestmark = pytest.mark.no_cover

# A run as the UI starts it: Dagster's own process, which knows nothing of our command line.
UI_RUN = ("dagster", "job", "execute", "-m", "retail.definitions", "-d", "platform", "-j", "build")
# It logs more than a pipe holds.
LOGGED = """
import os, runpy, sys
log = os.open("run.log", os.O_WRONLY | os.O_CREAT)
os.dup2(log, 1), os.dup2(log, 2)
del sys.argv[0]
runpy.run_module("dagster", run_name="__main__", alter_sys=True)
"""
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""
BESIEGED = ("dbt", "dbt_after_customer_segments", "release")
INTRUDER = "import sys, duckdb; duckdb.connect(sys.argv[1])"


class Terminal(io.StringIO):
    """A terminal at which somebody acts as soon as a word appears."""

    def __init__(self, word: str = "", act: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.word, self.act, self.acted = word, act, False

    def write(self, text: str) -> int:
        written = super().write(text)
        if not self.acted and self.word in self.getvalue():
            self.acted = True
            self.act()
        return written


class Besieged(Progress):
    """Lets another process try to open the warehouse at the start of each step of the run."""

    def __call__(self, entry: Any) -> None:
        super().__call__(entry)
        event = entry.dagster_event
        if event and event.is_step_start and event.step_key in BESIEGED:
            words = [sys.executable, "-c", INTRUDER, "data/dev/dev.duckdb"]
            tried = subprocess.run(words, capture_output=True, text=True, check=False)
            self.tries = [*getattr(self, "tries", []), "Conflicting lock" in tried.stderr]


@contextmanager
def held_by_a_stranger(shop: Shop) -> Iterator[Process]:
    """Let a process that does not know the lock keep the warehouse open."""
    holder = start(shop, "-c", HOLDER, str(shop.platform.settings.warehouse))
    assert holder.stdout.readline() == "open\n"
    try:
        yield holder
    finally:
        ended(holder)


def build(shop: Shop, progress: Progress) -> Outcome:
    os.chdir(shop.root)
    return run_build(shop.platform, shop.definitions, progress)


def assert_each_batch_came_in_once(shop: Shop) -> None:
    came = list(loads(shop).values())
    assert len(came) == len(set(came)) == len(list(shop.landing.glob("*/*.*"))) + 3


def started_by_the_ui(shop: Shop, first: date, last: date) -> Process:
    """Start a run of some partitions as the UI does, in a process that logs into a file."""
    tags = dict(zip(RANGE, (str(first), str(last)), strict=True))
    words = (*UI_RUN, "--tags", json.dumps(tags))
    return start(shop, "-c", LOGGED, *words, DAGSTER_HOME=str(shop.root))


def test_of_two_first_builds_at_once_one_waits_and_says_for_whom(empty_shop):
    simulate(empty_shop.root, 4, start=YESTERDAY - timedelta(days=3))
    processes = [start(empty_shop, *ASSETOPS, "build") for _ in range(2)]
    outcomes = [(process.pid, *ended(process)) for process in processes]

    assert [code for _, code, _, _ in outcomes] == [0, 0], outcomes
    (first, _, made, _), (_, _, kept, _) = sorted(outcomes, key=lambda outcome: outcome[2])
    assert "Waiting" not in made and "is published in" in made
    (waiting,) = (line for line in kept.splitlines() if "Waiting" in line)
    assert waiting.startswith("Waiting for the warehouse: it is held by run ")
    assert f" (pid {first}, since " in waiting
    assert "Nothing changed: release" in kept
    assert len(empty_shop.platform.releases.list()) == 1
    assert_each_batch_came_in_once(empty_shop)


def test_a_build_and_a_run_of_the_ui_wait_for_each_other(behind):
    with behind.platform.warehouse.hold("somebody"), instance_of(behind) as instance:
        (before,) = runs(behind)
        ui = started_by_the_ui(behind, YESTERDAY - timedelta(days=1), YESTERDAY)

        def warning() -> str | None:
            newest = next(iter(instance.get_runs(limit=1)))
            entries = instance.all_logs(newest.run_id) if newest.run_id != before.run_id else []
            return next((e.user_message for e in entries if "Waiting" in e.user_message), None)

        said = until(warning)
    me = os.getpid()
    assert said.startswith(f"Waiting for the warehouse: it is held by somebody (pid {me}, since ")

    until(lambda: f"(pid {ui.pid}," in behind.platform.warehouse.lock.holder())
    terminal = Terminal()
    outcome = build(behind, Progress(Console(file=terminal)))
    assert ended(ui)[0] == 0, (behind.root / "run.log").read_text()
    assert outcome.exit_code == 0, outcome.failures

    run_id = runs(behind)[1].run_id
    waited = f"Waiting for the warehouse: it is held by run {run_id} (pid {ui.pid}, since "
    assert waited in terminal.getvalue()
    assert_each_batch_came_in_once(behind)
    made = [release.run_id for release in behind.platform.releases.list()]
    assert made == [before.run_id, run_id]
    assert outcome.publication.startswith("Nothing changed")


def test_a_build_names_the_process_that_keeps_the_warehouse_and_ends(behind):
    before = behind.state()
    with held_by_a_stranger(behind) as holder:
        finished = behind.command("build", ASSETOPS_WAREHOUSE_WAIT="0.5")
    assert finished.returncode == 2, finished.stderr
    assert f"Waiting for the warehouse: it is open in {sys.executable}" in finished.stdout or (
        f"(pid {holder.pid})" in finished.stdout
    )
    assert f"(pid {holder.pid}), which does not know the warehouse's lock." in finished.stderr
    assert "Traceback" not in finished.stderr
    assert behind.state() == before


def test_a_build_waits_for_a_stranger_and_then_lets_nobody_come_between_its_steps(behind):
    with held_by_a_stranger(behind) as holder:
        terminal = Terminal("Waiting", lambda: (holder.stdin.write("\n"), holder.stdin.flush()))
        progress = Besieged(Console(file=terminal))
        outcome = build(behind, progress)
    assert outcome.exit_code == 0, outcome.failures
    assert "Waiting for the warehouse: it is open in " in terminal.getvalue()
    assert f"(pid {holder.pid})." in terminal.getvalue()
    assert progress.tries == [True, True, True]
    assert_each_batch_came_in_once(behind)
