"""What a suite costs in Postgres, which moment it sees, and what its messages do not tell."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from tests.quality.conftest import expect, suite_of

from assetops.model import Relation, Status, Verdict
from assetops.quality.engine import Validator
from assetops.warehouse.postgres import open_postgres

NOT_NULL = "expect_column_values_to_not_be_null"
BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
UNIQUE = "expect_column_values_to_be_unique"
KEY = "expect_compound_columns_to_be_unique"
REGEX = "expect_column_values_to_match_regex"
LENGTH = "expect_column_value_lengths_to_equal"
QUANTILES = "expect_column_quantile_values_to_be_between"
PAIR = "expect_column_pair_values_a_to_be_greater_than_b"
ORDERS = Relation(schema_name="engine", name="orders")
TABLE = """
create schema engine;
create type engine.state as enum ('paid', 'lost');
create domain engine.money as numeric(8, 2);
create table engine.orders as select i as order_id, 'p' || i || '@example.com' as email,
  cast(i as engine.money) as total, cast('paid' as engine.state) as status,
  array[i] as tags, json_build_object('n', i) as doc, interval '1 day' * i as age
  from generate_series(1, 50) as t(i);
"""
MEDIAN = {"quantiles": [0.5], "value_ranges": [[25, 26]]}
ALL_PASS = (
    expect(NOT_NULL, column="email"),
    expect(UNIQUE, column="email"),
    expect(KEY, column_list=["order_id", "status"]),
    expect(BETWEEN, column="total", min_value=1, max_value=50),
    expect(REGEX, column="email", regex="^p\\d+@[^@%]+$"),
    expect(QUANTILES, column="order_id", quantile_ranges=MEDIAN),
    expect(PAIR, column_A="total", column_B="order_id", or_equal=True),
    expect("expect_column_mean_to_be_between", column="total", min_value=25, max_value=26),
    expect("expect_column_stdev_to_be_between", column="total", min_value=14, max_value=15),
    expect("expect_table_row_count_to_equal", value=50),
)


@pytest.fixture(scope="module")
def table(postgres_engine: sa.Engine) -> Iterator[sa.Connection]:
    with postgres_engine.connect() as connection:
        connection.exec_driver_sql(TABLE)
        yield connection
        connection.exec_driver_sql("drop schema engine cascade")


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def judged(
    table: sa.Connection, postgres: str, asked: list[str]
) -> Iterator[Callable[..., dict[str, Verdict]]]:
    connection = open_postgres(postgres)

    @sa.event.listens_for(connection, "before_cursor_execute")
    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if not statement.startswith("SAVEPOINT"):
            asked.append(statement)

    with Validator(lambda: connection) as validator:

        def run(*expectations: Any, pii: tuple[str, ...] = ()) -> dict[str, Verdict]:
            suite = suite_of(*expectations)
            found = validator.validate(ORDERS, suite, parameters={}, key=["order_id"], pii=pii)
            return {verdict.check: verdict for verdict in found}

        yield run


def test_what_passes_takes_one_statement_after_the_columns(judged: Any, asked: list[str]) -> None:
    verdicts = judged(*ALL_PASS)
    assert {v.check: v.error or v.observed for v in verdicts.values() if v.status != "passed"} == {}
    assert len(asked) == 2
    assert "pg_attribute" in asked[0]


def test_only_what_fails_takes_more(judged: Any, asked: list[str]) -> None:
    verdicts = judged(*ALL_PASS, expect(BETWEEN, "low", column="total", max_value=47))
    assert verdicts["low"].failing_rows == 3
    assert [row["order_id"] for row in verdicts["low"].sample] == [48, 49, 50]
    assert len(asked) == 3


def test_a_rule_that_cannot_be_answered_takes_nothing_with_it(judged: Any) -> None:
    verdicts = judged(
        *ALL_PASS,
        expect(BETWEEN, "wrong", column="tags", max_value=3),
        expect(NOT_NULL, "gone", column="emial"),
        expect(UNIQUE, "json", column="doc"),
        expect(IN_SET, "state", column="status", value_set=["paid", "lost"]),
    )
    errors = {v.check: v.error for v in verdicts.values() if v.status is Status.ERRORED}
    assert set(errors) == {"wrong", "gone", "json"}
    assert "operator does not exist" in str(errors["wrong"])
    assert "emial" in str(errors["gone"])
    assert "json" in str(errors["json"])
    assert all("LINE 1" not in str(error) and "SQL" not in str(error) for error in errors.values())


def test_rows_of_types_without_an_order_can_be_shown(judged: Any) -> None:
    query = "select * from {batch} where order_id < 3"
    (verdict,) = judged(expect("unexpected_rows_expectation", unexpected_rows_query=query)).values()
    assert verdict.failing_rows == 2
    assert {row["order_id"] for row in verdict.sample} == {1, 2}


def test_each_suite_sees_one_moment_and_the_next_one_a_later(
    judged: Any, table: sa.Connection
) -> None:
    count = expect("expect_table_row_count_to_equal", "rows", value=50)
    nulls = expect(NOT_NULL, "mail", column="email")

    assert judged(count, nulls)["rows"].status is Status.PASSED
    table.exec_driver_sql("update engine.orders set email = null where order_id = 9")
    assert judged(nulls)["mail"].failing_rows == 1
    table.exec_driver_sql("update engine.orders set email = 'p9@example.com' where order_id = 9")
    assert judged(nulls)["mail"].failing_rows == 0


def test_private_values_are_in_no_message(judged: Any, table: sa.Connection) -> None:
    query = "select * from {batch} where cast(email as integer) = 1"
    own = expect("unexpected_rows_expectation", "own", unexpected_rows_query=query)
    low = expect(LENGTH, "length", column="email", value=3)
    verdicts = judged(own, low, pii=("email",))
    assert "invalid input syntax for type integer" in str(verdicts["own"].error)
    assert verdicts["length"].failing_rows == 50
    said = "".join(verdict.model_dump_json() for verdict in verdicts.values())
    assert "@example.com" not in said
    assert "p1@example.com" in str(judged(own)["own"].error)
