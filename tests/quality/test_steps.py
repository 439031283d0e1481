"""Suites as Dagster's asset checks: what is shown, what blocks, and what is remembered."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import dagster as dg
import pytest

from assetops.model import Severity, Status, Verdict
from assetops.quality.steps import as_check_result, check_specs
from assetops.quality.suites import Suite

MARTS_ORDERS = dg.AssetKey(["marts", "orders"])
NOT_NULL = "expect_column_values_to_not_be_null"
BETWEEN = "expect_column_values_to_be_between"
REGEX = "expect_column_values_to_match_regex"
AS_OF = datetime(2026, 1, 5)

SuiteOf = Callable[..., Suite]
Expecting = Callable[..., Any]


def verdict(status: Status, severity: Severity = Severity.CRITICAL, **more: Any) -> Verdict:
    return Verdict(check="it", severity=severity, status=status, expected="good", **more)


def metadata(result: dg.AssetCheckResult | None) -> dict[str, Any]:
    assert result is not None
    return {name: value.value for name, value in result.metadata.items()}


def test_a_check_says_what_it_expects_and_blocks_if_it_is_critical(
    suite: SuiteOf, expecting: Expecting
) -> None:
    critical, warning = check_specs(
        suite(
            expecting(NOT_NULL, column="email"),
            expecting(BETWEEN, severity="warning", column="total", min_value=0),
        ),
        MARTS_ORDERS,
    )
    assert (critical.name, critical.blocking, critical.asset_key) == (
        "email_not_null",
        True,
        MARTS_ORDERS,
    )
    assert critical.description == "Expects every row to have email. So it was agreed."
    assert critical.metadata["suite"] == "gx/expectations/marts/orders.json"
    assert (warning.name, warning.blocking) == ("total_between", False)


@pytest.mark.parametrize(
    ("status", "severity", "passed", "shown"),
    [
        (Status.PASSED, Severity.CRITICAL, True, dg.AssetCheckSeverity.ERROR),
        (Status.FAILED, Severity.CRITICAL, False, dg.AssetCheckSeverity.ERROR),
        (Status.FAILED, Severity.WARNING, False, dg.AssetCheckSeverity.WARN),
        (Status.FAILED, Severity.INFO, False, dg.AssetCheckSeverity.WARN),
    ],
)
def test_a_verdict_is_a_result(
    status: Status, severity: Severity, passed: bool, shown: dg.AssetCheckSeverity
) -> None:
    result = as_check_result(verdict(status, severity), MARTS_ORDERS)
    assert result is not None
    assert (result.passed, result.severity, result.check_name) == (passed, shown, "it")


def test_a_check_that_could_not_run_has_no_result() -> None:
    assert as_check_result(verdict(Status.ERRORED, error="no such column"), MARTS_ORDERS) is None


def test_a_result_shows_the_failing_rows_and_how_to_find_them() -> None:
    failed = verdict(
        Status.FAILED,
        observed="-1",
        failing_rows=1,
        rows=8,
        query="select 1",
        sample=({"id": 1, "total": None},),
    )
    shown = metadata(as_check_result(failed, MARTS_ORDERS))
    assert shown["expected"] == "good"
    assert shown["observed"] == "-1"
    assert (shown["failing rows"], shown["rows"], shown["failing percentage"]) == (1, 8, 12.5)
    assert shown["query"] == "```sql\nselect 1\n```"
    assert shown["sample"].records == [dg.TableRecord({"id": "1", "total": "NULL"})]


@pytest.mark.parametrize("observed", [3, 2.5, ["a"], {"a": 1}, True])
def test_whatever_was_observed_can_be_shown(observed: Any) -> None:
    shown = metadata(as_check_result(verdict(Status.PASSED, observed=observed), MARTS_ORDERS))
    assert shown["observed"] == (str(observed) if observed is True else observed)


def test_a_result_says_first_what_was_found_and_then_why_it_is_asked() -> None:
    found = {"failing_rows": 1, "rows": 8, "observed": "-1", "description": "So it was agreed."}
    failed = as_check_result(verdict(Status.FAILED, **found), MARTS_ORDERS)
    passed = as_check_result(verdict(Status.PASSED, **found), MARTS_ORDERS)
    assert failed is not None and passed is not None
    assert failed.description == "1 of 8 rows, found -1. So it was agreed."
    assert passed.description == "So it was agreed."
