"""Suites are read without Great Expectations, and a mistake in one is found before any run."""

import json
from pathlib import Path
from typing import Any

import pytest

from assetops.errors import SuiteError
from assetops.model import Severity
from assetops.project import Project
from assetops.quality.suites import Suite, load_suites

NOT_NULL = "expect_column_values_to_not_be_null"
BETWEEN = "expect_column_values_to_be_between"
ROWS = "unexpected_rows_expectation"


PAID_OR_LATE = {
    "type": "or",
    "conditions": [
        {"type": "comparison", "column": {"name": "stauts"}, "operator": "==", "parameter": "paid"},
        {"type": "nullity", "column": {"name": "updated_at"}, "is_null": False},
    ],
}


def write(project: Project, *entries: Any, address: str = "marts/orders", **more: Any) -> Path:
    path = project.suites_dir / f"{address}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    suite = {"name": address.replace("/", "."), "expectations": entries, **more}
    path.write_text(json.dumps(suite, indent=2))
    return path


def entry(kind: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs}


def loaded(project: Project) -> Suite:
    return load_suites(project)["marts/orders"]


def mistakes(project: Project) -> str:
    with pytest.raises(SuiteError) as error:
        load_suites(project)
    return str(error.value)


def test_a_suite_is_found_by_its_path_and_read_in_its_order(project: Project) -> None:
    write(project, entry(BETWEEN, column="total", min_value=0), entry(NOT_NULL, column="email"))
    suite = loaded(project)
    assert [e.name for e in suite.expectations] == ["total_between", "email_not_null"]
    assert suite.expectations[0].kwargs == {"column": "total", "min_value": 0}


def test_severity_is_critical_unless_the_suite_says_otherwise(project: Project) -> None:
    write(
        project,
        entry(NOT_NULL, column="email"),
        {**entry(NOT_NULL, column="total"), "severity": "info"},
    )
    severities = [e.severity for e in loaded(project).expectations]
    assert severities == [Severity.CRITICAL, Severity.INFO]


def test_the_reason_is_the_description_or_the_notes(project: Project) -> None:
    write(
        project,
        {**entry(NOT_NULL, column="email"), "notes": ["We write", "to them."]},
        {**entry(NOT_NULL, column="total"), "notes": "unread", "description": "It is money."},
    )
    reasons = [e.description for e in loaded(project).expectations]
    assert reasons == ["We write to them.", "It is money."]


def test_a_name_of_ones_own_is_kept(project: Project) -> None:
    write(project, {**entry(NOT_NULL, column="email"), "meta": {"name": "everybody_has_mail"}})
    assert loaded(project).expectations[0].name == "everybody_has_mail"


def test_a_project_without_suites_has_none(project: Project) -> None:
    assert load_suites(project) == {}


def test_json_that_does_not_parse_names_file_and_line(project: Project) -> None:
    path = write(project)
    path.write_text('{\n "name": "marts.orders",\n "expectations": [\n  {,}\n ]\n}')
    assert "gx/expectations/marts/orders.json:4: is no valid JSON" in mistakes(project)


def test_a_suite_that_is_no_object_is_refused(project: Project) -> None:
    write(project).write_text("[]")
    assert "a suite is an object with a list of expectations" in mistakes(project)


def test_a_suites_meta_is_an_object(project: Project) -> None:
    write(project, meta=["assetops"])
    assert "marts/orders.json: a suite's meta is an object." in mistakes(project)


def test_a_suite_for_no_known_asset_names_the_nearest(project: Project) -> None:
    write(project, address="retail/ordres")
    expected = "gx/expectations/retail/ordres.json checks no known asset. "
    assert mistakes(project) == expected + "Did you mean retail/orders?"


def test_a_suites_name_is_that_of_its_path(project: Project) -> None:
    write(project, name="marts.customers")
    said = (
        "marts/orders.json:2: the suite is called marts.customers: by its path it is marts.orders"
    )
    assert said in mistakes(project)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            entry("expect_column_values_to_not_be_nul", column="email"),
            f":5: expect_column_values_to_not_be_nul is no known expectation. "
            f"Did you mean {NOT_NULL}?",
        ),
        (
            entry(BETWEEN, column="total", minimum=0),
            f":8: {BETWEEN} has no argument minimum. Did you mean min_value?",
        ),
        (entry(BETWEEN, min_value=0), f":5: {BETWEEN} needs the argument column."),
        (
            entry(NOT_NULL, column="totl"),
            ":7: marts/orders has no column totl. Did you mean total?",
        ),
        (
            entry(NOT_NULL, column="total", row_condition='col("stauts") == "paid"'),
            "marts/orders has no column stauts. Did you mean status?",
        ),
        (
            entry(NOT_NULL, column="total", row_condition=PAID_OR_LATE),
            "marts/orders has no column stauts. Did you mean status?",
        ),
        (
            {**entry(NOT_NULL, column="total"), "severity": "criticl"},
            ":9: criticl is no severity. Did you mean critical?",
        ),
        (
            {**entry(NOT_NULL, column="total"), "severity": "fatal!"},
            "fatal! is no severity. Use critical, warning, info.",
        ),
        (
            {**entry(NOT_NULL, column="total"), "note": "x"},
            "note is no key of an expectation. Did you mean notes?",
        ),
        (
            {**entry(NOT_NULL, column="total"), "meta": {"name": "not null!"}},
            "meta.name 'not null!' may only have letters, digits and underscores.",
        ),
        (
            entry(BETWEEN, column="updated_at", max_value={"$PARAMETER": "as_off"}),
            "as_off is no parameter. Did you mean as_of?",
        ),
        (
            entry(ROWS, unexpected_rows_query="select 1 from marts.orders"),
            "the query does not read from {batch}, the table that is checked.",
        ),
        (
            entry(ROWS, unexpected_rows_query="select {column} from {batch}"),
            "the query has {column}: only {batch} is filled in.",
        ),
        (
            entry(ROWS, unexpected_rows_query="select '}' from {batch}"),
            "the query has a brace without its pair",
        ),
        ("not_null", "an expectation is an object with a type."),
        ({"type": 5}, "an expectation is an object with a type."),
        ({"type": NOT_NULL, "kwargs": ["email"]}, ":6: kwargs is an object, with a name for each"),
        ({**entry(NOT_NULL, column="email"), "meta": "x"}, "meta is an object, with a name for"),
        ({"type": NOT_NULL}, f"{NOT_NULL} needs the argument column."),
    ],
)
def test_a_mistake_names_its_line_and_the_nearest_word(
    project: Project, wrong: Any, said: str
) -> None:
    write(project, wrong)
    found = mistakes(project)
    assert found.startswith("gx/expectations/marts/orders.json:")
    assert said in found


def test_an_unknown_key_of_a_suite_is_refused(project: Project) -> None:
    write(project, expectation=[])
    assert "expectation is no key of a suite. Did you mean expectations?" in mistakes(project)


def test_two_expectations_of_one_name_are_refused(project: Project) -> None:
    write(project, entry(BETWEEN, column="total", min_value=0), entry(BETWEEN, column="total"))
    said = mistakes(project)
    assert ":11: a second expectation called total_between (the first is in line 4)" in said


def test_an_expectation_may_not_be_called_like_a_dbt_test(project: Project) -> None:
    unique = entry("expect_column_values_to_be_unique", column="order_id")
    write(project, {**unique, "meta": {"name": "unique_orders_order_id"}})
    assert "unique_orders_order_id is the name of a dbt test on marts/orders" in mistakes(project)


def test_another_encoding_is_named(project: Project) -> None:
    write(project).write_bytes('{"name": "Größe"}'.encode("latin-1"))
    assert "marts/orders.json is no UTF-8 text" in mistakes(project)


def test_every_mistake_is_told_at_once(project: Project) -> None:
    write(project, entry(NOT_NULL, column="totl"), entry(NOT_NULL, column="emial"))
    write(project, address="retail/ordres")
    assert len(mistakes(project).splitlines()) == 3


def test_expressions_over_parameters_are_understood(project: Project) -> None:
    ago = {"$PARAMETER": "as_of - timedelta(days=45)"}
    write(project, entry(BETWEEN, column="updated_at", min_value=ago))
    assert loaded(project).expectations[0].kwargs["min_value"] == ago


def test_columns_that_ingestion_adds_may_be_checked(project: Project) -> None:
    write(project, entry(NOT_NULL, column="_landed_at"), address="retail/orders")
    assert load_suites(project)["retail/orders"].expectations[0].name == "landed_at_not_null"


def test_an_expectation_of_the_projects_own_is_known(project: Project) -> None:
    plugin = project.suites_dir.parent / "plugins" / "expectations" / "totals.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(
        "class ExpectTotalsToBeRound(ColumnMapExpectation):\n"
        "    places: int\n"
        "    map_metric = 'x'\n"
    )
    write(project, entry("expect_totals_to_be_round", column="total", placs=2))
    said = mistakes(project)
    assert "has no argument placs. Did you mean places?" in said
    assert "needs the argument places." in said
