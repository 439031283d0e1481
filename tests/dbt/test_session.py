"""Calls of one run share what the first has set up, and notice what others do between them."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.dbt.school import FILES, make_school

from assetops.dbt.inside import Inside, let_go
from assetops.dbt.invoke import build_arguments
from assetops.dbt.lines import lines
from assetops.opened import Platform, open_platform

# Calls upon calls, of what other tests measure already.
pytestmark = pytest.mark.no_cover

HOOK = "on-run-start: ['create table if not exists calls (n int)', 'insert into calls values (1)']"
NUMBERS = count()
# Of an event, what differs from one call to the next whatever is shared.
OWN = {"ts", "invocation_id", "pid", "thread", "execution_time", "execution", "timing_info"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    root = make_school(tmp_path_factory.mktemp("school"))
    project = root / "dbt_project/dbt_project.yml"
    project.write_text(f"{FILES['dbt_project.yml']}{HOOK}\n")
    with chdir(root):
        yield open_platform(root)
        let_go()


@contextmanager
def run(platform: Platform) -> Iterator[Any]:
    """A run, in which dbt may be called with the names of nodes; returns events and results."""
    run_id = f"run {next(NUMBERS)}"
    found = platform.project.manifest
    nodes = {n["name"]: i for kind in ("nodes", "unit_tests") for i, n in found[kind].items()}

    def call(*names: str, by_id: bool = True) -> tuple[list[Any], Mapping[str, str], str]:
        folder = platform.settings.dbt_target / "runs" / run_id / f"step {next(NUMBERS)}"
        folder.mkdir(parents=True)
        arguments = build_arguments(
            platform.settings,
            nodes=[nodes[name] for name in names],
            manifest=found,
            variables={},
            artifacts=folder,
        )
        with lines(folder, aloud=False) as log:
            inside = Inside(platform.settings, arguments, run_id, folder, log)
            inside.stays_open = platform.warehouse.host(let_go)
            inside.nodes = [nodes[name] for name in names] if by_id else None
            with closing(inside.events()) as events:
                said = [*events]
        written = json.loads((folder / "run_results.json").read_text())["results"]
        assert {one["unique_id"] for one in written} == inside.results.keys()
        nodes_only = {i: r for i, r in inside.results.items() if not i.startswith("operation.")}
        ended = {i.split(".")[2]: result.status for i, result in nodes_only.items()}
        return said, ended, (folder / "dbt.log").read_text()

    with platform.warehouse.hold("a run"):
        yield call


def is_set_up(log: str) -> bool:
    return "Registered adapter" in log


def told(events: list[Any]) -> list[str]:
    """Return events without what is theirs alone, in an order of their own: threads have none."""

    def kept(thing: Any) -> Any:
        if isinstance(thing, dict):
            return {k: kept(v) for k, v in thing.items() if k not in OWN and not k.endswith("_at")}
        return [kept(each) for each in thing] if isinstance(thing, list) else thing

    for event in events:
        # It has the seconds in it.
        event["info"].pop("msg")
    return sorted(json.dumps(kept(event), sort_keys=True) for event in events)


def can_be_opened(platform: Platform) -> bool:
    """Say whether another process can open the warehouse."""
    program = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    words = [sys.executable, "-c", program, str(platform.warehouse.path)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_a_later_call_says_what_a_first_one_does(platform: Platform) -> None:
    names = ("pupils", "ages", "oldest", "kept", "unique_ages_pupil", "pupils_have_ages")
    with run(platform) as call:
        call(*names)
    with run(platform) as call:
        first, ended, log = call(*names)
        assert is_set_up(log)
    with run(platform) as call:
        call("odd")
        # dbt reads all words of a second call, and of a third one those that are its own.
        second, ended_second, log = call(*names, by_id=False)
        assert not is_set_up(log)
    with run(platform) as call:
        call("odd")
        call("doubtful")
        third, ended_third, log = call(*names)
        assert not is_set_up(log)
        assert not can_be_opened(platform)
    assert can_be_opened(platform)
    assert told(first) == told(second) == told(third)
    assert ended == ended_second == ended_third
    assert set(ended.values()) == {"success", "pass"}


def arguments_written(folder: Path) -> dict[str, Any]:
    """Return the arguments that dbt's artifact of a call tells of, without those of that call."""
    told: dict[str, Any] = json.loads((folder / "run_results.json").read_text())["args"]
    own = {"select", "exclude", "target_path", "log_path"}
    assert own <= told.keys()
    assert told["target_path"] == told["log_path"] == str(folder)
    return {name: value for name, value in told.items() if name not in own}


def test_each_call_tells_the_same_arguments_but_its_own(platform: Platform) -> None:
    with run(platform) as call:
        for names in (("pupils",), ("ages", "kept"), ("odd",), ("ages",)):
            call(*names)
    runs = platform.settings.dbt_target / "runs"
    newest = max(runs.iterdir(), key=lambda folder: folder.stat().st_mtime_ns)
    first, *others = [arguments_written(step) for step in newest.glob("step *")]
    assert others == [first] * 3


def test_a_variable_of_dbt_that_is_set_meanwhile_counts(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run(platform) as call:
        for _ in range(3):
            _, ended, log = call("pupils", "ages")
        assert not is_set_up(log)
        monkeypatch.setenv("DBT_FAIL_FAST", "true")
        _, ended, log = call("ages")
        assert (ended, is_set_up(log)) == ({"ages": "success"}, True)


def test_flags_of_the_project_that_change_meanwhile_count(platform: Platform) -> None:
    file = platform.settings.dbt_project / "dbt_project.yml"
    before = file.read_text()
    with run(platform) as call:
        for _ in range(3):
            _, _, log = call("pupils", "ages")
        assert not is_set_up(log)
        file.write_text(before.replace("flags: {", "flags: {fail_fast: true, "))
        _, _, log = call("ages")
        file.write_text(before)
        assert is_set_up(log)


def test_hooks_run_in_each_call(platform: Platform) -> None:
    with run(platform) as call, platform.warehouse.connect() as connection:
        call("pupils")
        (before,) = connection.execute("select count(*) from calls").fetchone() or (0,)
        call("pupils")
        call("pupils")
        assert connection.execute("select count(*) from calls").fetchone() == (before + 2,)


def test_a_later_call_sees_what_somebody_else_has_made_and_dropped(platform: Platform) -> None:
    with run(platform) as call, platform.warehouse.connect() as connection:
        call("pupils", "ages", "kept")
        # dbt would drop a table of that name, and append to the other.
        connection.execute("drop table ages; create view ages as select 7 as pupil, 30 as age")
        connection.execute("drop table kept")
        _, ended, log = call("kept")
        assert (ended, is_set_up(log)) == ({"kept": "success"}, False)
        assert connection.execute("from kept").fetchall() == [(7, 30)]
        _, ended, log = call("ages")
        assert (ended, is_set_up(log)) == ({"ages": "success"}, False)


def test_after_a_failure_dbt_is_set_up_anew(platform: Platform) -> None:
    with run(platform) as call:
        call("pupils", "ages")
        events, ended, log = call("broken", "after_broken")
        assert not is_set_up(log)
        assert ended == {"broken": "error", "after_broken": "skipped"}
        assert "Could not convert" in json.dumps(events)
        _, ended, log = call("ages")
        assert (ended, is_set_up(log)) == ({"ages": "success"}, True)


def test_a_file_that_is_not_shared_is_closed_after_each_call(platform: Platform) -> None:
    platform.warehouse.shared = False
    try:
        with run(platform) as call, platform.warehouse.lent():
            call("pupils")
            assert can_be_opened(platform)
            _, ended, log = call("ages")
            assert (ended, is_set_up(log)) == ({"ages": "success"}, False)
            assert can_be_opened(platform)
    finally:
        platform.warehouse.shared = True
