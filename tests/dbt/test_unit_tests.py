"""A unit test that passed says nothing new until the code or the variables change."""

from pathlib import Path

import pytest

from assetops.dbt.results import NodeResult
from assetops.dbt.unit_tests import UnitTests
from assetops.settings import Settings, load_settings

TEST, OTHER = "unit_test.shop.orders.adds_up", "unit_test.shop.orders.is_kept"


def came_to(status: str, test: str) -> dict[str, NodeResult]:
    return {test: NodeResult(test, status, "", None, "models/orders.yml", None, None)}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(tmp_path, {})
    settings.dbt_project.mkdir()
    (settings.dbt_project / "dbt_project.yml").write_text("name: shop\n")
    settings.dbt_target.mkdir(parents=True)
    return settings


def test_one_that_passed_is_due_again_once_the_code_has_changed(settings: Settings) -> None:
    tests = UnitTests(settings, {})
    assert tests.due([TEST]) == [TEST]
    tests.remember(came_to("pass", TEST))
    assert UnitTests(settings, {}).due([TEST]) == []
    (settings.dbt_project / "dbt_project.yml").write_text("name: shop2\n")
    assert UnitTests(settings, {}).due([TEST]) == [TEST]


def test_variables_count_as_code(settings: Settings) -> None:
    UnitTests(settings, {"as_of": "2026-01-01"}).remember(came_to("pass", TEST))
    assert UnitTests(settings, {"as_of": "2026-01-02"}).due([TEST]) == [TEST]


@pytest.mark.parametrize("status", ["fail", "error", "skipped"])
def test_one_that_did_not_pass_stays_due(settings: Settings, status: str) -> None:
    UnitTests(settings, {}).remember({**came_to("pass", TEST), **came_to("pass", OTHER)})
    UnitTests(settings, {}).remember(came_to(status, TEST))
    assert UnitTests(settings, {}).due([TEST, OTHER]) == [TEST]


def test_a_broken_file_costs_a_run_of_the_tests(settings: Settings) -> None:
    UnitTests(settings, {}).remember(came_to("pass", TEST))
    (settings.dbt_target / "unit_tests.json").write_text("{")
    assert UnitTests(settings, {}).due([TEST]) == [TEST]
