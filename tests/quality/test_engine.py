"""What the engine finds on real tables: counts, samples, queries, and what it cannot find out."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import duckdb
import pytest

from assetops.errors import CheckCouldNotRun
from assetops.model import Relation, Severity, Status, Verdict

Expecting = Callable[..., Any]
Judged = Callable[..., dict[str, Verdict]]

NOT_NULL = "expect_column_values_to_not_be_null"
BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
UNIQUE = "expect_column_values_to_be_unique"
REGEX = "expect_column_values_to_match_regex"
MAX = "expect_column_max_to_be_between"
ROWS = "unexpected_rows_expectation"


def rows_of(database: duckdb.DuckDBPyConnection, verdict: Verdict) -> list[Any]:
    assert verdict.query is not None
    return database.execute(f"select order_id from ({verdict.query}) order by all").fetchall()


@pytest.mark.parametrize(
    ("kind", "kwargs", "failing", "observed"),
    [
        (NOT_NULL, {"column": "email"}, [(3,)], None),
        (BETWEEN, {"column": "total", "min_value": 0}, [(2,)], "-3.00"),
        (IN_SET, {"column": "status", "value_set": ["paid"]}, [(3,)], "lost"),
        (UNIQUE, {"column": "order_id"}, [(3,), (3,)], "3"),
        (REGEX, {"column": "email", "regex": "@"}, [(3,)], "no address"),
        (
            "expect_compound_columns_to_be_unique",
            {"column_list": ["order_id"] * 2},
            [(3,), (3,)],
            None,
        ),
        (
            "expect_column_pair_values_a_to_be_greater_than_b",
            {
                "column_A": "total",
                "column_B": "order_id",
                "ignore_row_if": "either_value_is_missing",
            },
            [(2,)],
            None,
        ),
        (
            ROWS,
            {"unexpected_rows_query": "select order_id, status from {batch} where total > 15"},
            [(3,)],
            "order_id 3, status lost",
        ),
    ],
)
def test_failing_rows_are_counted_and_found_by_the_query(
    database: duckdb.DuckDBPyConnection,
    expecting: Expecting,
    judged: Judged,
    kind: str,
    kwargs: dict[str, Any],
    failing: list[tuple[int]],
    observed: str | None,
) -> None:
    verdict = judged(expecting(kind, "it", **kwargs))["it"]
    assert verdict.status is Status.FAILED
    assert verdict.failing_rows == len(failing)
    assert rows_of(database, verdict) == failing
    assert [row["order_id"] for row in verdict.sample] == [key for (key,) in failing]
    assert verdict.observed == observed


def test_what_holds_passes_without_query_or_sample(expecting: Expecting, judged: Judged) -> None:
    verdict = judged(expecting(NOT_NULL, column="status"))["status_not_null"]
    assert verdict.status is Status.PASSED
    assert (verdict.failing_rows, verdict.rows) == (0, 4)
    assert (verdict.query, verdict.sample) == (None, ())


def test_a_tolerated_share_of_failing_rows_passes_and_is_still_counted(
    expecting: Expecting, judged: Judged
) -> None:
    verdict = judged(expecting(NOT_NULL, column="email", mostly=0.7))["email_not_null"]
    assert verdict.status is Status.PASSED
    assert verdict.failing_rows == 1
    assert verdict.sample == ({"order_id": 3, "email": None},)


def test_an_aggregate_shows_what_it_observed(expecting: Expecting, judged: Judged) -> None:
    mean = expecting("expect_column_mean_to_be_between", column="order_id", max_value=2)
    verdict = judged(mean)["order_id_mean_between"]
    assert verdict.status is Status.FAILED
    assert verdict.observed == 2.25
    assert verdict.sentence().endswith("expected the mean of order_id at most 2; found 2.25")


def test_rows_outside_of_the_condition_are_not_asked(
    database: duckdb.DuckDBPyConnection, expecting: Expecting, judged: Judged
) -> None:
    column = {"column": {"name": "order_id"}}
    condition = {"type": "comparison", **column, "operator": "<", "parameter": 3}
    positive = expecting(BETWEEN, column="total", min_value=100, row_condition=condition)
    verdict = judged(positive)["total_between"]
    assert verdict.expected == "total at least 100, where order_id < 3"
    assert verdict.failing_rows == 2
    assert rows_of(database, verdict) == [(1,), (2,)]


def test_verdicts_come_in_the_suites_order_with_its_severity_and_reason(
    expecting: Expecting, judged: Judged
) -> None:
    verdicts = judged(
        expecting(MAX, "newest", "info", column="order_id", max_value=9),
        expecting(UNIQUE, "twice", "warning", column="order_id"),
        expecting(NOT_NULL, "mail", column="email"),
    )
    assert list(verdicts) == ["newest", "twice", "mail"]
    severities = [verdict.severity for verdict in verdicts.values()]
    assert severities == [Severity.INFO, Severity.WARNING, Severity.CRITICAL]
    assert {verdict.description for verdict in verdicts.values()} == {"So it was agreed."}


def test_a_check_that_cannot_run_is_errored_and_takes_no_other_with_it(
    expecting: Expecting, judged: Judged
) -> None:
    verdicts = judged(
        expecting(REGEX, "broken", column="email", regex="(("),
        expecting(BETWEEN, "of_text", column="status", min_value=1),
        expecting(IN_SET, "no_column", column="colour", value_set=["red"]),
        expecting(BETWEEN, "bad_argument", column="total", min_value=0, mostly=7),
        expecting("expect_nothing_at_all", "no_rule"),
        expecting(ROWS, "bad_query", unexpected_rows_query="select colour from {batch}"),
        expecting(NOT_NULL, "sound", column="status"),
        expecting(NOT_NULL, "failing", column="email"),
    )
    statuses = {name: verdict.status for name, verdict in verdicts.items()}
    assert statuses.pop("sound") is Status.PASSED
    assert statuses.pop("failing") is Status.FAILED
    assert set(statuses.values()) == {Status.ERRORED}
    assert "missing )" in str(verdicts["broken"].error)
    assert "Cannot compare values of type VARCHAR" in str(verdicts["of_text"].error)
    assert '"colour"' in str(verdicts["no_column"].error)
    assert "mostly" in str(verdicts["bad_argument"].error)
    assert "expect_nothing_at_all not found" in str(verdicts["no_rule"].error)
    assert "colour" in str(verdicts["bad_query"].error)
    assert verdicts["broken"].sentence().startswith("broken could not run: ")
    assert verdicts["broken"].blocks


def test_an_empty_table_has_no_row_that_fails(
    database: duckdb.DuckDBPyConnection, expecting: Expecting, judged: Judged
) -> None:
    database.execute("create table marts.none as from marts.orders where false")
    verdicts = judged(
        expecting(BETWEEN, "rows", column="total", min_value=0),
        expecting(UNIQUE, "keys", column="order_id"),
        expecting(MAX, "newest", column="updated_at", min_value=datetime(2026, 1, 1)),
        expecting("expect_table_row_count_to_be_between", "count", min_value=1),
        relation=Relation(schema_name="marts", name="none"),
    )
    statuses = [verdict.status for verdict in verdicts.values()]
    assert statuses == [Status.PASSED, Status.PASSED, Status.FAILED, Status.FAILED]
    assert verdicts["count"].observed == 0


@pytest.mark.parametrize("name", ["Odd Name", "select", "with.dot", "it's", "a:b", "Größe", "at"])
def test_tables_and_columns_may_have_odd_names(
    database: duckdb.DuckDBPyConnection, expecting: Expecting, judged: Judged, name: str
) -> None:
    database.execute(
        f'create schema "My Schema"; create table "My Schema"."{name}" as '
        f'select 1 as order_id, null as "{name}" union all select 1, 5'
    )
    verdicts = judged(
        expecting(NOT_NULL, "full", column=name),
        expecting(UNIQUE, "once", column="order_id"),
        expecting(MAX, "most", column=name, max_value=5),
        expecting("expect_compound_columns_to_be_unique", "both", column_list=["order_id", name]),
        expecting(ROWS, "own", unexpected_rows_query="select * from {batch} where order_id = 1"),
        relation=Relation(schema_name="My Schema", name=name),
    )
    assert {check: v.failing_rows for check, v in verdicts.items()} == {
        "full": 1,
        "once": 2,
        "most": None,
        "both": 0,
        "own": 2,
    }
    assert verdicts["full"].sample == ({"order_id": 1, name: None},)


def test_private_values_are_seen_nowhere_in_a_verdict(expecting: Expecting, judged: Judged) -> None:
    verdicts = judged(
        expecting(REGEX, "mail", column="email", regex="^x"),
        expecting(ROWS, "rows", unexpected_rows_query="select * from {batch}"),
        expecting(MAX, "last", column="email", max_value="aaa"),
        expecting(
            "expect_column_distinct_values_to_be_in_set", "set", column="email", value_set=[]
        ),
        expecting(BETWEEN, "number", column="email", min_value=1),
        expecting(
            ROWS, "cast", unexpected_rows_query="select cast(email as integer) as n from {batch}"
        ),
        pii=("email",),
    )
    said = " ".join(verdict.model_dump_json() for verdict in verdicts.values())
    assert "example.com" not in said
    assert "no address" not in said
    assert verdicts["cast"].status is Status.ERRORED
    masked = {row["email"] for row in verdicts["rows"].sample}
    assert masked == {"•••", None}
    assert verdicts["mail"].failing_rows == 3


def test_parameters_are_filled_in(expecting: Expecting, judged: Judged) -> None:
    parameters = {"as_of": datetime(2026, 1, 5), "partition": date(2026, 1, 4)}
    day_before = {"$PARAMETER": "as_of - timedelta(days=1)"}
    verdicts = judged(
        expecting(MAX, "fresh", column="updated_at", min_value=day_before),
        expecting(BETWEEN, "past", column="updated_at", max_value={"$PARAMETER": "as_of"}),
        expecting(BETWEEN, "since", column="updated_at", min_value={"$PARAMETER": "partition"}),
        expecting(BETWEEN, "late", column="updated_at", min_value=day_before),
        parameters=parameters,
    )
    failing = {check: verdict.failing_rows for check, verdict in verdicts.items()}
    assert failing == {"fresh": None, "past": 0, "since": 3, "late": 3}
    assert verdicts["fresh"].status is Status.PASSED
    assert verdicts["fresh"].observed == "2026-01-04 13:00:00"
    assert verdicts["past"].expected == "updated_at at most 2026-01-05 00:00:00"


def test_an_hour_too_old_is_too_old(expecting: Expecting, judged: Judged) -> None:
    fresh = expecting(MAX, "fresh", column="updated_at", min_value={"$PARAMETER": "as_of"})
    just = judged(fresh, parameters={"as_of": datetime(2026, 1, 4, 13)})
    late = judged(fresh, parameters={"as_of": datetime(2026, 1, 4, 14)})
    assert (just["fresh"].status, late["fresh"].status) == (Status.PASSED, Status.FAILED)


@pytest.mark.parametrize("parameters", [{}, {"as_of": None}])
def test_a_parameter_without_a_value_is_no_verdict_on_the_data(
    expecting: Expecting, judged: Judged, parameters: dict[str, Any]
) -> None:
    past = expecting(BETWEEN, "past", column="updated_at", max_value={"$PARAMETER": "as_of"})
    verdict = judged(past, parameters=parameters)["past"]
    assert verdict.status is Status.ERRORED
    assert "as_of" in str(verdict.error)


def test_a_table_that_is_gone_is_named(expecting: Expecting, judged: Judged) -> None:
    with pytest.raises(CheckCouldNotRun, match=r"^marts\.gone is not there to be checked"):
        judged(expecting(NOT_NULL, column="x"), relation=Relation(schema_name="marts", name="gone"))
