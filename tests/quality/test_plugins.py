"""Expectations of the project's own, in Python and in SQL, and what becomes of broken ones."""

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import great_expectations as gx
import pytest

from assetops.errors import SuiteError
from assetops.model import Status, Verdict
from assetops.project import Project
from assetops.quality.engine.plugins import import_plugins
from assetops.quality.suites import load_suites
from assetops.quality.suites.sql_rules import filled_in, sql_arguments

Expecting = Callable[..., Any]
Judged = Callable[..., dict[str, Verdict]]

DEAR = """
-- Orders of these states that cost more than they may.
select * from {batch}
where {column} > {limit} and status in ({states}) and status <> '{{}}';
"""


def plugin(root: Path, name: str, text: str) -> Path:
    path = root / "gx" / "plugins" / "expectations" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_query_with_arguments_is_an_expectation(
    expecting: Expecting, judged: Judged, tmp_path: Path
) -> None:
    plugin(tmp_path, "expect_orders_to_be_cheap.sql", DEAR)
    kind = "expect_orders_to_be_cheap"
    verdicts = judged(
        expecting(kind, "dear", column="total", limit=5, states=["paid", "lost"]),
        expecting(kind, "cheap", column="total", limit=100, states=["it's {odd}"]),
        expecting(
            kind, "late", column="updated_at", limit={"$PARAMETER": "as_of"}, states=["paid"]
        ),
        expecting(kind, "broken", column="colour", limit=1, states=["paid"]),
        parameters={"as_of": datetime(2026, 1, 3)},
        pii=("email",),
        root=tmp_path,
    )
    dear = verdicts["dear"]
    assert (dear.status, dear.failing_rows) == (Status.FAILED, 2)
    assert [row["order_id"] for row in dear.sample] == [1, 3]
    assert {row["email"] for row in dear.sample} == {"•••", None}
    assert "\"total\" > 5 and status in ('paid', 'lost')" in str(dear.query)
    assert dear.expected == "total orders cheap"
    assert verdicts["cheap"].status is Status.PASSED
    assert verdicts["late"].failing_rows == 1
    assert verdicts["broken"].status is Status.ERRORED
    assert "colour" in str(verdicts["broken"].error)


def test_stock_great_expectations_knows_a_query_once_it_is_imported(tmp_path: Path) -> None:
    plugin(tmp_path, "expect_totals_to_be_small.sql", "from {batch} where {column} > {limit}")
    assert import_plugins(tmp_path / "gx" / "plugins") == {}
    entry = {"type": "expect_totals_to_be_small", "kwargs": {"column": "total", "limit": 1}}
    (rule,) = gx.ExpectationSuite(name="orders", expectations=[entry]).expectations
    assert rule.unexpected_rows_query == 'from {batch} where "total" > 1'


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
        ("it's", "'it''s'"),
        ("{x}", "'{{x}}'"),
        (date(2026, 1, 2), "date '2026-01-02'"),
        (datetime(2026, 1, 2, 3), "timestamp '2026-01-02 03:00:00'"),
        ([1, "a"], "1, 'a'"),
    ],
)
def test_values_become_literals(tmp_path: Path, value: Any, sql: str) -> None:
    path = plugin(tmp_path, "expect_it.sql", "from {batch} where x = {value}")
    assert filled_in(path, {"value": value}) == "from {batch} where x = " + sql


@pytest.mark.parametrize("argument", ["column", "column_a", "other_column", "columns"])
def test_columns_are_quoted(tmp_path: Path, argument: str) -> None:
    path = plugin(tmp_path, "expect_it.sql", f"select {{{argument}}} from {{batch}}")
    assert filled_in(path, {argument: ['a"b', "c"]}) == 'select "a""b", "c" from {batch}'
    assert sql_arguments(path) == (argument,)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("orders.sql", "from {batch}", "orders.sql: the file's name is the expectation's type"),
        ("expect_x.sql", "from orders", "expect_x.sql: the query does not read from {batch}"),
        ("expect_x.sql", "from {batch} where '}'", "a brace has no pair"),
        ("expect_x.sql", "from {batch} where {}", "{} cannot be an argument's name"),
        ("expect_x.sql", "from {batch} where {meta}", "{meta} cannot be an argument's name"),
        ("expect_x.py", "class X(\n", "plugins/expectations/expect_x.py:1: is no Python: "),
    ],
)
def test_a_file_that_is_no_expectation_is_found_when_the_project_loads(
    project: Project, name: str, text: str, said: str
) -> None:
    plugin(project.settings.root, name, text)
    with pytest.raises(SuiteError) as error:
        load_suites(project)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"column": "total", "limt": 5}, "has no argument limt. Did you mean limit?"),
        ({"column": "total", "limit": 5}, "needs the argument states."),
        ({"column": "totl", "limit": 5, "states": []}, "has no column totl. Did you mean total?"),
    ],
)
def test_a_suite_that_uses_a_query_wrongly_is_told(
    project: Project, kwargs: dict[str, Any], said: str
) -> None:
    plugin(project.settings.root, "expect_orders_to_be_cheap.sql", DEAR)
    suite = project.suites_dir / "marts" / "orders.json"
    suite.parent.mkdir(parents=True)
    entry = {"type": "expect_orders_to_be_cheap", "kwargs": kwargs}
    suite.write_text(json.dumps({"name": "marts.orders", "expectations": [entry]}))
    with pytest.raises(SuiteError) as error:
        load_suites(project)
    assert said in str(error.value)


RAISING = """
from great_expectations.expectations.core import UnexpectedRowsExpectation
class ExpectTotalsToAddUp(UnexpectedRowsExpectation):
    unexpected_rows_query: str = "select * from {batch} where false"
    def _validate(self, *args, **kwargs):
        raise ZeroDivisionError("nobody ordered anything")
"""


def test_an_expectation_that_raises_is_errored_by_name_and_takes_no_other_with_it(
    expecting: Expecting, judged: Judged, tmp_path: Path
) -> None:
    plugin(tmp_path, "adding.py", RAISING)
    plugin(
        tmp_path,
        "absent.py",
        "import nothing_like_it\nclass ExpectRowsToShine(UnexpectedRowsExpectation):\n    x: int\n",
    )
    verdicts = judged(
        expecting("expect_totals_to_add_up", "adds_up"),
        expecting("expect_rows_to_shine", "shine"),
        expecting("expect_column_values_to_not_be_null", "sound", column="status"),
        root=tmp_path,
    )
    assert {name: verdict.status.value for name, verdict in verdicts.items()} == {
        "adds_up": "errored",
        "shine": "errored",
        "sound": "passed",
    }
    assert verdicts["adds_up"].sentence() == "adds_up could not run: nobody ordered anything"
    assert "absent.py cannot be imported: ModuleNotFoundError" in str(verdicts["shine"].error)
