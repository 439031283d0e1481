"""Every expectation on every kind of data, by our gates on Postgres and on DuckDB.

What DuckDB says is compared with GX's pandas engine elsewhere.
"""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from tests.quality.conformance.data import TABLES, statements
from tests.quality.conformance.differences import OF_POSTGRES, pairs
from tests.quality.conformance.judges import full
from tests.quality.conformance.test_conformance import asked_of
from tests.quality.conftest import expect, suite_of

from assetops.model import Relation, Status, Verdict
from assetops.quality.engine import Validator
from assetops.warehouse.postgres import open_postgres

Opened = dict[str, Any]


@pytest.fixture(scope="module")
def tables(postgres_engine: sa.Engine) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as here, postgres_engine.connect() as there:
        for statement in statements():
            here.execute(statement)
            there.exec_driver_sql(statement, execution_options={"no_parameters": True})
        yield here
        there.exec_driver_sql("drop schema marts cascade")


def verdicts(connection: Any, data: str) -> list[Verdict]:
    asked = asked_of(data)
    suite = suite_of(*(expect(full(k), str(n), **kwargs) for n, (k, kwargs) in enumerate(asked)))
    relation = Relation(schema_name="marts", name=TABLES[data].name)
    with Validator(lambda: connection) as validator:
        return validator.validate(relation, suite, parameters={})


def answer(verdict: Verdict) -> tuple[Any, ...]:
    """Return what was found; which of the rows that failed are the first is each one's own."""
    observed = None if verdict.failing_rows else verdict.observed
    return verdict.status, verdict.rows, verdict.failing_rows, observed


@pytest.mark.parametrize("data", TABLES)
def test_postgres_says_what_duckdb_says_but_where_it_is_told(
    tables: duckdb.DuckDBPyConnection, postgres: str, data: str
) -> None:
    mine, theirs = verdicts(tables.cursor(), data), verdicts(open_postgres(postgres), data)
    unlike = {
        kind: (kwargs, answer(one), answer(other), other.error)
        for (kind, kwargs), one, other in zip(asked_of(data), mine, theirs, strict=True)
        if answer(one) != answer(other)
    }
    known = {kind for kind, where in pairs(OF_POSTGRES) if where == data or data == "oddly named"}
    assert {kind: said for kind, said in unlike.items() if kind not in known} == {}
    assert known - unlike.keys() == set(), "these agree by now"
    assert {verdict.status for verdict in theirs} == set(Status)
    for (kind, _), one, other in zip(asked_of(data), mine, theirs, strict=True):
        assert kind in known or len(one.sample) == len(other.sample)
