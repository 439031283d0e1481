"""Contracts choose the conditions of assets."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from tests.test_project import node, project, source

from assetops.automate.conditions import Automated
from assetops.automate.graph import Policy
from assetops.automate.policies import automated
from assetops.automate.rollup import Rollup
from assetops.errors import ContractError
from assetops.project import Project

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01")


def python_made(project: Project, partitions: Any = None) -> dg.AutomationCondition[Any] | None:
    """Return the condition of the one asset of a project that Python makes."""
    key = dg.AssetKey(["marts", "segments"])

    @dg.asset(key=key, partitions_def=partitions)
    def segments() -> None: ...

    project.learn_parents({("marts", "segments"): []})
    (found,) = automated([segments], [], project)
    return found.specs_by_key[key].automation_condition


def segments(tmp_path: Path, **contract: Any) -> Project:
    meta = {"dagster": {"asset_key": ["marts", "segments"]}, "assetops": contract}
    return project(tmp_path, source("segments", meta=meta))


def test_what_says_nothing_follows_its_parents(tmp_path: Path) -> None:
    condition = python_made(segments(tmp_path))
    assert isinstance(condition, Automated)
    assert condition.policy == Policy()


def test_a_time_is_part_of_the_condition_and_its_name(tmp_path: Path) -> None:
    for said in ('on_cron("0 6 * * 1")', 'on_cron("0 6 * * 1", "Europe/Berlin")'):
        condition = python_made(segments(tmp_path, automate=said))
        assert isinstance(condition, Automated)
        assert condition.name == said


@pytest.mark.parametrize("policy", ["manual", "on_schedule"])
def test_what_others_ask_for_has_no_condition(tmp_path: Path, policy: str) -> None:
    assert python_made(segments(tmp_path, automate=policy)) is None


def test_a_day_may_wait_for_its_parts(tmp_path: Path) -> None:
    condition = python_made(segments(tmp_path, wait_for="at least 20"), DAYS)
    assert isinstance(condition, Rollup)
    assert condition.at_least == 20


def test_who_has_no_partitions_cannot_wait_for_parts(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"segments: meta\.assetops\.wait_for is 'all', and"):
        python_made(segments(tmp_path, wait_for="all"))


def test_a_view_with_a_check_is_no_view_that_passes_news_on(tmp_path: Path) -> None:
    found = project(tmp_path, node("seen"), node("checked"))
    metadata = {"dagster-dbt/materialization_type": "view"}
    specs = [dg.AssetSpec(["marts", name], metadata=metadata) for name in ("seen", "checked")]
    checks = [dg.AssetCheckSpec("whole", asset=["marts", "checked"])]

    @dg.multi_asset(specs=specs, check_specs=checks)
    def views(): ...  # what it returns, Dagster would take for a type

    (views,) = automated([views], [], found)
    passes = {
        key.path[-1]: spec.automation_condition.policy.passes
        for key, spec in views.specs_by_key.items()
    }
    assert passes == {"seen": True, "checked": False}
