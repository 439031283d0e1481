"""A source is asked how old its newest row is: aside from builds, by dbt, in either transport."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rich.console import Console
from tests.dbt.school import make_school, recorded

from assetops.build import BUILD_JOB, build_definitions
from assetops.cli.facts import facts_of
from assetops.cli.outcome import Outcome
from assetops.cli.progress import Progress
from assetops.cli.running import run_freshness_checks
from assetops.dbt.freshness import FRESHNESS_JOB
from assetops.errors import ConfigError
from assetops.model import Status
from assetops.opened import Platform, open_platform

JOBS = (BUILD_JOB, FRESHNESS_JOB)

pytestmark = pytest.mark.no_cover

YML = """
sources:
  - name: town
    schema: main
    config:
      loaded_at_field: loaded_at
      freshness: {warn_after: {count: 1, period: hour}, error_after: {count: 2, period: day}}
    tables:
      - name: fresh
      - name: late
      - name: old
      - name: gone
      - name: unasked
        config: {freshness: null}
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, warm_dbt: None) -> Iterator[Path]:
    """A root whose sources are new, three hours old, a week old, and not there."""
    root, before = make_school(tmp_path_factory.mktemp("town")), Path.cwd()
    (root / "dbt_project/models/town.yml").write_text(YML)
    with duckdb.connect(root / "dbt_project/school.duckdb") as connection:
        for name, age in (("fresh", "0 hours"), ("late", "3 hours"), ("old", "7 days")):
            when = f"now()::timestamptz at time zone 'UTC' - interval '{age}'"
            connection.execute(f"create table {name} as select {when} as loaded_at")
    os.chdir(root)
    yield root
    os.chdir(before)


def ask(root: Path, *sources: str) -> tuple[Platform, Outcome, dict[str, list[Any]]]:
    """Ask sources for their freshness; return what Dagster was told, by kind and source."""
    platform, definitions = open_platform(root), build_definitions(root)
    progress = Progress(Console(quiet=True))
    outcome = run_freshness_checks(platform, definitions, progress, [f"town/{s}" for s in sources])
    told: dict[str, list[Any]] = {"checks": [], "seen": []}
    for entry in recorded(root, outcome.run_id):
        event = entry.dagster_event
        if event and event.event_type_value == "ASSET_CHECK_EVALUATION":
            data = event.asset_check_evaluation_data
            told["checks"].append((data.asset_key.path[-1], data.passed, data.severity.value))
        elif event and event.event_type_value == "ASSET_OBSERVATION":
            observation = event.asset_observation_data.asset_observation
            told["seen"].append((observation.asset_key.path[-1], sorted(observation.metadata)))
    return platform, outcome, {kind: sorted(found) for kind, found in told.items()}


def standing(platform: Platform, source: str) -> tuple[Status, str]:
    ((verdict, _, _),) = platform.ledger.latest_results(f"town/{source}")
    return verdict.status, verdict.error or verdict.description


@pytest.mark.parametrize("transport", ["process", "subprocess"])
def test_late_warns_old_fails_and_what_is_gone_is_neither_passed_nor_failed(
    town: Path, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    monkeypatch.setenv("ASSETOPS_DBT_TRANSPORT", transport)
    open_platform.cache_clear()
    platform, outcome, told = ask(town, "fresh", "late", "old", "gone")

    assert told["checks"] == [
        ("fresh", True, "ERROR"),
        ("late", False, "WARN"),
        ("old", False, "ERROR"),
    ]
    seen = ["age_seconds", "dagster/last_updated_timestamp", "max_loaded_at"]
    assert told["seen"] == [(name, seen) for name in ("fresh", "late", "old")]
    (failure,) = outcome.failures
    (failure,) = outcome.failures
    assert outcome.exit_code == 2
    assert "town/old: source_freshness: expected a newer row (warn after 1 hour" in failure.reason
    assert "town/gone: source_freshness could not run" in failure.reason
    assert "late" not in failure.reason
    status, why = standing(platform, "gone")
    assert status is Status.ERRORED and "gone does not exist" in why
    late = facts_of(platform, platform.project.dataset("town/late"))["data"]["source freshness"]
    assert late.startswith("warned when asked") and re.search(r"\b3:\d\d:", late)


def test_old_alone_is_bad_data_and_late_alone_is_good(town: Path) -> None:
    open_platform.cache_clear()
    assert ask(town, "old", "fresh")[1].exit_code == 1
    assert ask(town, "late")[1].exit_code == 0


def test_builds_do_not_ask_and_a_source_without_a_promise_cannot_be_asked(town: Path) -> None:
    definitions = build_definitions(town)
    steps = {
        job: definitions.resolve_job_def(job).graph.node_dict for job in (BUILD_JOB, FRESHNESS_JOB)
    }
    assert "dbt" in steps[BUILD_JOB] and "ask_sources" not in steps[BUILD_JOB]
    assert set(steps[FRESHNESS_JOB]) == {"ask_sources"}
    with pytest.raises(ConfigError, match="town/unasked promises no freshness"):
        ask(town, "unasked")
