"""What a validation costs and leaves behind: few statements, short samples, a free file."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from assetops.model import Relation, Status, Verdict
from assetops.quality.engine import Validator, validate
from assetops.quality.engine.evidence import cause, plain
from assetops.warehouse import Warehouse

Expecting = Callable[..., Any]
Judged = Callable[..., dict[str, Verdict]]

NOT_NULL = "expect_column_values_to_not_be_null"
BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
UNIQUE = "expect_column_values_to_be_unique"
REGEX = "expect_column_values_to_match_regex"
COUNT = "expect_column_unique_value_count_to_be_between"
MAX = "expect_column_max_to_be_between"
ROWS = "unexpected_rows_expectation"


def test_a_changed_table_is_looked_at_afresh(
    database: duckdb.DuckDBPyConnection, expecting: Expecting, judged: Judged
) -> None:
    mail = expecting(NOT_NULL, "mail", column="email")
    assert judged(mail)["mail"].failing_rows == 1
    database.execute("update marts.orders set email = null")
    assert judged(mail)["mail"].failing_rows == 4
    database.execute("alter table marts.orders rename email to address")
    assert judged(mail)["mail"].status is Status.ERRORED
    database.execute("alter table marts.orders rename address to email")
    assert judged(mail)["mail"].failing_rows == 4


def test_a_sample_is_short_and_always_the_same(
    database: duckdb.DuckDBPyConnection, expecting: Expecting, judged: Judged
) -> None:
    database.execute(
        "create or replace table marts.orders as "
        "select (i * 7919) % 10007 as order_id, null as email from range(10000) t(i)"
    )
    mail = expecting(NOT_NULL, "mail", column="email")
    first = judged(mail)["mail"]
    assert first.failing_rows == 10000
    assert [row["order_id"] for row in first.sample] == list(range(20))
    assert judged(mail)["mail"].sample == first.sample


class Counting:
    """A real connection that notes every statement."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, statements: list[str]) -> None:
        self._connection = connection
        self._statements = statements

    def execute(self, statement: str, *parameters: Any) -> Any:
        self._statements.append(statement)
        return self._connection.execute(statement, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def test_a_passing_suite_takes_one_statement_on_its_rows(
    database: duckdb.DuckDBPyConnection, expecting: Expecting, suite: Expecting, orders: Relation
) -> None:
    statements: list[str] = []
    pair = {"column_A": "updated_at", "column_B": "updated_at", "or_equal": True}
    expectations = [
        *(expecting(NOT_NULL, column=c) for c in ("order_id", "status", "updated_at")),
        expecting(BETWEEN, column="total", min_value=-5),
        expecting(IN_SET, column="status", value_set=["paid", "lost"]),
        expecting(MAX, column="updated_at", max_value=datetime(2027, 1, 1)),
        expecting("expect_column_mean_to_be_between", column="total", min_value=0),
        expecting("expect_column_stdev_to_be_between", column="total", min_value=0),
        expecting(COUNT, column="status", max_value=2),
        expecting("expect_table_row_count_to_be_between", min_value=1),
        expecting(UNIQUE, column="updated_at"),
        expecting("expect_compound_columns_to_be_unique", column_list=["order_id", "updated_at"]),
        expecting("expect_column_pair_values_a_to_be_greater_than_b", **pair),
        expecting("expect_multicolumn_values_to_be_equal", column_list=["total", "total"]),
        expecting(
            "expect_column_quantile_values_to_be_between",
            column="total",
            quantile_ranges={"quantiles": [0.5, 0.9], "value_ranges": [[10, 11], [None, 20]]},
        ),
    ]
    verdicts = validate(
        lambda: Counting(database.cursor(), statements), orders, suite(*expectations), parameters={}
    )
    assert {verdict.status for verdict in verdicts} == {Status.PASSED}
    # The columns, whether there are too many rows for what holds their values, and all the rest.
    assert ["FROM marts.orders" in s for s in statements] == [False, False, True], statements


def test_what_holds_the_values_of_a_large_table_is_asked_alone(
    database: duckdb.DuckDBPyConnection, expecting: Expecting, suite: Expecting, orders: Relation
) -> None:
    database.execute(
        "create or replace table marts.orders as "
        "select r.n as order_id, -r.n as status, r.n // 2 as total from range(1000000) as r(n)"
    )
    statements: list[str] = []
    verdicts = validate(
        lambda: Counting(database.cursor(), statements),
        orders,
        suite(
            *(expecting(UNIQUE, column=column) for column in ("order_id", "status")),
            *(expecting(NOT_NULL, column=column) for column in ("order_id", "status")),
            expecting(COUNT, column="total", min_value=500_000, max_value=500_000),
        ),
        parameters={},
    )
    assert {verdict.status for verdict in verdicts} == {Status.PASSED}
    assert [s.lower().count("distinct") for s in statements] == [0, 0, 1, 1, 1], statements


def test_texts_of_a_large_table_are_unique_by_their_digests_and_counted_by_themselves(
    database: duckdb.DuckDBPyConnection, expecting: Expecting, suite: Expecting, orders: Relation
) -> None:
    key = expecting(UNIQUE, "key", column="order_id")
    statements: list[str] = []

    def repeated(kind: str, last: str) -> int | None:
        database.execute(f"create or replace table marts.orders (order_id {kind})")
        database.execute("insert into marts.orders select 'no ' || n from range(1000000) as r(n)")
        database.execute("insert into marts.orders values (?), (null), (null)", [last])
        connection = Counting(database.cursor(), statements)
        (verdict,) = validate(lambda: connection, orders, suite(key), parameters={})
        return verdict.failing_rows

    assert repeated("varchar", "NO 7") == 0
    assert "md5_number" in statements[-1]
    assert repeated("varchar", "no 7") == 2
    # Where these are the same text, their digests say nothing.
    assert repeated("varchar collate nocase", "NO 7") == 2
    assert len([s for s in statements if "md5_number" in s]) == 2


def test_what_repeats_is_counted_as_rows_that_repeat(
    database: duckdb.DuckDBPyConnection, expecting: Expecting, judged: Judged
) -> None:
    database.execute(
        "create or replace table marts.orders as select * from (values (1, 1, 'a'), (1, 1, 'a'), "
        "(1, null, 'a'), (2, null, 'b'), (2, null, 'b'), (null, 5, 'c'), (null, 5, 'c')) "
        "as t(order_id, line, part)"
    )
    both = ["order_id", "line"]
    compound = "expect_compound_columns_to_be_unique"
    of_a = {"type": "comparison", "column": {"name": "part"}, "operator": "==", "parameter": "a"}
    verdicts = judged(
        expecting(UNIQUE, "one", column="order_id"),
        expecting(UNIQUE, "one_of_a", column="order_id", row_condition=of_a),
        expecting(compound, "both", column_list=both),
        expecting(compound, "whole", column_list=both, ignore_row_if="any_value_is_missing"),
    )
    assert {v.check: v.failing_rows for v in verdicts.values()} == {
        "one": 5,
        "one_of_a": 3,
        "both": 2,
        "whole": 2,
    }


def test_values_are_asked_for_as_they_are(
    database: duckdb.DuckDBPyConnection, expecting: Expecting, judged: Judged
) -> None:
    values = ["it's", "100%", "a:b", "back\\slash", "$1 ?", "día"]
    database.execute("create or replace table marts.orders (order_id varchar, day timestamp)")
    database.executemany("insert into marts.orders values (?, '2026-01-01')", [[v] for v in values])
    verdicts = judged(
        expecting(IN_SET, "among", column="order_id", value_set=values),
        expecting(
            "expect_column_values_to_not_be_in_set", "none", column="order_id", value_set=values
        ),
        expecting(REGEX, "slash", column="order_id", regex=r"^back\\slash$|^\w+$"),
        expecting(
            "expect_column_values_to_match_like_pattern",
            "like",
            column="order_id",
            like_pattern="%:%",
        ),
        expecting(BETWEEN, "day", column="day", max_value=datetime(2026, 1, 1)),
        expecting(BETWEEN, "text", column="day", min_value="2026-01-02"),
    )
    failing = {check: verdict.failing_rows for check, verdict in verdicts.items()}
    assert failing == {"among": 0, "none": 6, "slash": 5, "like": 5, "day": 0, "text": 6}
    found = database.execute(f"select count(*) from ({verdicts['slash'].query})").fetchone()
    assert found == (5,)


def test_one_broken_rule_does_not_cost_the_others_a_statement_each(
    database: duckdb.DuckDBPyConnection, expecting: Expecting, suite: Expecting, orders: Relation
) -> None:
    statements: list[str] = []
    sound = [expecting(MAX, f"rule_{n}", column="order_id", max_value=9 + n) for n in range(30)]
    broken = expecting("expect_column_sum_to_be_between", "broken", column="status", min_value=1)
    verdicts = validate(
        lambda: Counting(database.cursor(), statements),
        orders,
        suite(*sound[:15], broken, *sound[15:]),
        parameters={},
    )
    errored = [verdict.check for verdict in verdicts if verdict.status is Status.ERRORED]
    assert errored == ["broken"]
    assert len(statements) < 10, statements


def test_what_one_expectation_needs_is_imported_when_it_is_used() -> None:
    code = (
        "import sys, assetops.quality.engine; from great_expectations.expectations.core import "
        "expect_column_kl_divergence_to_be_less_than as kl;"
        "assert not {'altair', 'scipy.stats'} & set(sys.modules);"
        "assert kl.stats.entropy([0.5, 0.5], [0.5, 0.5]) == 0 and 'scipy.stats' in sys.modules;"
        "from scipy import stats; assert stats.entropy is kl.stats.entropy;"
        "assert kl.alt.Chart.__module__.startswith('altair')"
    )
    path = str(Path(__file__).parents[2] / "platform")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_file_is_free_for_other_processes_afterwards(
    warehouse: Warehouse, expecting: Expecting, suite: Expecting, orders: Relation
) -> None:
    with Validator(warehouse.open) as validator:
        validator.validate(orders, suite(expecting(NOT_NULL, column="email")), parameters={})
        validator.close()  # closing twice is no fault
    code = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('create table mine (i int)')"
    done = subprocess.run(
        [sys.executable, "-c", code, str(warehouse.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_an_expectation_of_the_projects_own_is_run(
    tmp_path: Path, expecting: Expecting, judged: Judged
) -> None:
    plugin = tmp_path / "gx" / "plugins" / "expectations" / "paid.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(
        "from great_expectations.expectations import UnexpectedRowsExpectation\n\n\n"
        "class ExpectOrdersToBePaid(UnexpectedRowsExpectation):\n"
        "    unexpected_rows_query: str = \"select * from {batch} where status <> 'paid'\"\n"
    )
    verdict = judged(expecting("expect_orders_to_be_paid", "paid"), root=tmp_path)["paid"]
    assert (verdict.status, verdict.failing_rows) == (Status.FAILED, 1)
    assert verdict.query == "select * from marts.orders where status <> 'paid'"


def test_values_are_made_plain() -> None:
    assert plain({"a": (1.5, float("nan"), None)}) == {"a": [1.5, "nan", None]}
    assert plain("x" * 300) == "x" * 200 + "…"
    assert plain(date(2026, 1, 2)) == "2026-01-02"
    assert plain(b"ab") == "b'ab'"


def test_a_cause_is_short() -> None:
    raised = (
        "(duckdb.BinderException) Binder Error: no\n\n   ^^^\n[SQL: select 1]\n(Background on …"
    )
    assert cause(raised) == "Binder Error: no"
    assert cause(ValueError()) == "ValueError"
