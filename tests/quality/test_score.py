"""What the quality score says, and what it keeps silent about."""

from datetime import datetime

import pytest

from assetops.history import CheckOutcome
from assetops.model import Severity, Status
from assetops.quality.score import (
    Dimension,
    Graded,
    dimension_of,
    graded_checks,
    score_of,
    sparkline,
    trend_of,
)

PASSED, FAILED, ERRORED = Status.PASSED, Status.FAILED, Status.ERRORED


def graded(name: str, severity: str = "critical", dimension: str = "validity") -> Graded:
    return Graded(name=name, severity=Severity(severity), dimension=Dimension(dimension))


def outcome(number: int, run: str, check: str, status: Status) -> CheckOutcome:
    at = datetime(2026, 1, 1, number)
    critical = Severity.CRITICAL
    return CheckOutcome(id=number, check=check, severity=critical, status=status, run_id=run, at=at)


def test_the_score_is_the_share_of_the_weight_that_passed() -> None:
    checks = [graded("a"), graded("b", "warning"), graded("c", "info")]
    assert score_of(checks, {"a": PASSED, "b": FAILED, "c": PASSED}).score == 75.0


def test_a_dataset_without_checks_has_no_score() -> None:
    found = score_of([], {})
    assert (found.score, found.coverage) == (None, None)


def test_an_errored_check_is_neither_passed_nor_failed_and_lowers_coverage() -> None:
    checks = [graded("a"), graded("b"), graded("c"), graded("d")]
    found = score_of(checks, {"a": PASSED, "b": FAILED, "c": ERRORED})
    assert found.score == 50.0
    assert (found.coverage, found.errored, found.never_ran) == (50.0, 1, 1)


def test_where_every_check_errored_there_is_no_score() -> None:
    assert score_of([graded("a")], {"a": ERRORED}).score is None


def test_a_failure_never_rounds_up_to_a_hundred() -> None:
    checks = [graded("small", "info"), *(graded(f"c{number}") for number in range(500))]
    latest = {check.name: PASSED for check in checks} | {"small": FAILED}
    assert score_of(checks, latest).score == 99.9


def test_a_check_that_was_removed_no_longer_counts() -> None:
    assert score_of([graded("a")], {"a": PASSED, "gone": FAILED}).score == 100.0


def test_each_dimension_has_its_own_score() -> None:
    checks = [graded("a"), graded("b", dimension="uniqueness"), graded("c", dimension="timeliness")]
    found = score_of(checks, {"a": PASSED, "b": FAILED, "c": ERRORED}).dimensions
    assert found == {"validity": 100.0, "uniqueness": 0.0, "timeliness": None}


@pytest.mark.parametrize(
    ("kind", "kwargs", "dimension"),
    [
        ("expect_column_values_to_not_be_null", {}, "completeness"),
        ("expect_table_row_count_to_be_between", {"min_value": 1}, "completeness"),
        ("expect_compound_columns_to_be_unique", {}, "uniqueness"),
        ("expect_column_values_to_be_in_set", {}, "validity"),
        ("expect_column_pair_values_to_be_equal", {}, "consistency"),
        ("expect_table_row_count_to_equal_other_table", {}, "consistency"),
        ("unexpected_rows_expectation", {}, "consistency"),
        ("expect_column_max_to_be_between", {"min_value": 3}, "validity"),
        (
            "expect_column_max_to_be_between",
            {"min_value": {"$PARAMETER": "as_of_minus_1_day"}},
            "timeliness",
        ),
    ],
)
def test_an_expectation_has_the_dimension_that_it_is_about(
    kind: str, kwargs: dict[str, object], dimension: str
) -> None:
    assert dimension_of(kind, kwargs) == dimension


def test_the_score_is_made_of_the_contract_the_dbt_tests_and_the_suite(
    project, suite, expecting
) -> None:
    mart, source = project.dataset("marts/orders"), project.dataset("retail/orders")
    one = suite(expecting("expect_column_values_to_not_be_null", column="email"))
    assert [(c.name, c.dimension.value) for c in graded_checks(mart, one)] == [
        ("unique_orders_order_id", "uniqueness"),
        ("email_not_null", "completeness"),
    ]
    assert [check.name for check in graded_checks(source, None)] == ["contract"]


def test_the_trend_is_the_score_after_each_run_and_a_check_stands_until_it_runs_again() -> None:
    checks = [graded("a"), graded("b")]
    outcomes = [
        outcome(1, "first", "a", PASSED),
        outcome(2, "second", "a", FAILED),
        outcome(3, "second", "b", FAILED),
        outcome(4, "third", "a", PASSED),
    ]
    trend = trend_of(checks, {"b": PASSED}, outcomes)
    assert [run["score"] for run in trend] == [100.0, 0.0, 50.0]
    assert [run["run"] for run in trend] == ["first", "second", "third"]


def test_a_sparkline_goes_from_the_lowest_bar_to_the_highest() -> None:
    assert sparkline([0, 50.0, 99.9, 100.0, None]) == "▁▄▇█ "
