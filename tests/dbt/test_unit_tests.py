"""A unit test that passed says nothing new until the code or a variable that it reads changes."""

from pathlib import Path
from typing import Any

import pytest

from assetops.dbt.results import NodeResult
from assetops.dbt.unit_tests import UnitTests
from assetops.settings import Settings, load_settings

TEST, OTHER = "unit_test.shop.orders.adds_up", "unit_test.shop.orders.is_kept"


def project(model: str, *, macros: dict[str, tuple[str, list[str]]] | None = None,
            replaced: dict[str, str] | None = None) -> dict[str, Any]:  # fmt: skip
    """A manifest with unit tests of a model; macros by their name, with those that they call."""
    macros = macros or {}
    called = [f"macro.shop.{name}" for name in macros if f"{name}(" in model]
    unit = {"depends_on": {"nodes": ["model.shop.orders"]}, "overrides": {"macros": replaced or {}}}
    return {
        "unit_tests": {TEST: unit, OTHER: unit},
        "nodes": {"model.shop.orders": {"raw_code": model, "depends_on": {"macros": called}}},
        "macros": {
            f"macro.shop.{name}": {
                "name": name,
                "macro_sql": sql,
                "depends_on": {"macros": [f"macro.shop.{other}" for other in others]},
            }
            for name, (sql, others) in macros.items()
        },
    }


PLAIN = project("select 1 as n")


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
    tests = UnitTests(settings, PLAIN, {})
    assert tests.due([TEST]) == [TEST]
    tests.remember(came_to("pass", TEST))
    assert UnitTests(settings, PLAIN, {}).due([TEST]) == []
    (settings.dbt_project / "dbt_project.yml").write_text("name: shop2\n")
    assert UnitTests(settings, PLAIN, {}).due([TEST]) == [TEST]


AS_OF = {"as_of": ("cast('{{ var(\"as_of\") }}' as date)", [])}
AGE = {"age": ("date_diff({{ as_of() }})", ["as_of"]), **AS_OF}


@pytest.mark.parametrize(
    ("manifest", "matters"),
    [
        (PLAIN, False),
        (project("select '{{ var(\"currency\") }}' as as_of"), False),
        (project("select {{ var('as_of') }}"), True),
        (project('select {{ var( "as_of", none ) }}'), True),
        (project("select {{ as_of() }}", macros=AS_OF), True),
        (project("select {{ age() }}", macros=AGE), True),
        (project("select {{ as_of() }}", macros=AS_OF, replaced={"as_of": "1"}), False),
        # Another macro calls what it calls by itself.
        (project("select {{ age() }}", macros=AGE, replaced={"as_of": "1"}), True),
        # A name that is made up, and a look at all that was passed.
        (project("select {{ var('as' ~ '_of') }}"), True),
        (project("select {{ var.has_var('as_of') }}"), True),
        (project("select {{ invocation_args_dict }}"), True),
        (project("select {{ flags.VARS }}"), True),
        (project("select {{ flags.FULL_REFRESH }}"), False),
    ],
)
def test_a_variable_counts_as_code_where_it_is_read(
    settings: Settings, manifest: dict[str, Any], matters: bool
) -> None:
    UnitTests(settings, manifest, {"as_of": "2026-01-01"}).remember(came_to("pass", TEST))
    tomorrow = UnitTests(settings, manifest, {"as_of": "2026-01-02"})
    assert tomorrow.due([TEST]) == ([TEST] if matters else [])


@pytest.mark.parametrize("status", ["fail", "error", "skipped"])
def test_one_that_did_not_pass_stays_due(settings: Settings, status: str) -> None:
    UnitTests(settings, PLAIN, {}).remember({**came_to("pass", TEST), **came_to("pass", OTHER)})
    UnitTests(settings, PLAIN, {}).remember(came_to(status, TEST))
    assert UnitTests(settings, PLAIN, {}).due([TEST, OTHER]) == [TEST]


def test_a_broken_file_costs_a_run_of_the_tests(settings: Settings) -> None:
    UnitTests(settings, PLAIN, {}).remember(came_to("pass", TEST))
    (settings.dbt_target / "unit_tests.json").write_text("{")
    assert UnitTests(settings, PLAIN, {}).due([TEST]) == [TEST]
