"""A table in DuckDB and the same in Postgres, whatever is in it, and a single value that is not."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from assetops.model import Relation, Severity, Verdict, quote
from assetops.quality.reconcile import Comparison, Side
from assetops.quality.reconcile.canonical import Dialect, form_of, shared_form
from assetops.warehouse.postgres import open_postgres, postgres_columns, rows

THERE = Relation(schema_name="reconciled", name='it\'s "50%"')
CHANCE = random.Random(7)
LETTERS = "aZ0 .,:|-'\"\\%\n\t" + "é" + "ß" + "中" + "😀" + "\u0301"


def text() -> str:
    return "".join(CHANCE.choices(LETTERS, k=CHANCE.randrange(12)))


def moment() -> datetime:
    return datetime(1, 1, 2) + timedelta(microseconds=CHANCE.randrange(9998 * 365 * 86400 * 10**6))


# Each column with its type here and there, values that are traps, and others by chance.
COLUMNS: dict[str, tuple[str, str, list[Any], Any]] = {
    "small": ("UTINYINT", "smallint", [0, 255], lambda: CHANCE.randrange(256)),
    "whole": ("BIGINT", "bigint", [-(2**63), 2**63 - 1], lambda: CHANCE.randrange(-999, 999)),
    "wide": ("HUGEINT", "numeric(39,0)", [2**100, -(2**90)], lambda: CHANCE.randrange(10**25)),
    "money": (
        "DECIMAL(18,4)",
        "numeric",
        [Decimal("0.0000"), Decimal("-0.5"), Decimal("100"), Decimal("10.50")],
        lambda: Decimal(CHANCE.randrange(-(10**9), 10**9)).scaleb(-4),
    ),
    "ratio": (
        "DOUBLE",
        "double precision",
        [float("nan"), float("inf"), -float("inf"), -0.0, 5e-324, 1.7e308],
        lambda: CHANCE.gauss(0, 1e6),
    ),
    "weight": ("FLOAT", "real", [float("nan"), -0.0, 0.5], lambda: CHANCE.randrange(999) / 8),
    "text": ("VARCHAR", "text", ["", " ", "-", "0:", "null"], text),
    "short": ("VARCHAR", "character varying(20)", ["", "%s"], text),
    "flag": ("BOOLEAN", "boolean", [True, False], lambda: CHANCE.random() < 0.5),
    "day": (
        "DATE",
        "date",
        ["infinity", "-infinity", date(1, 1, 1), date(9999, 12, 31)],
        lambda: moment().date(),
    ),
    "hour": ("TIME", "time", [time(), time(23, 59, 59, 999999)], lambda: moment().time()),
    "seen": ("TIMESTAMP", "timestamp", ["infinity", datetime(1970, 1, 1)], moment),
    "zoned": (
        "TIMESTAMP WITH TIME ZONE",
        "timestamp with time zone",
        [datetime(2026, 3, 29, 1, 30, tzinfo=UTC)],
        lambda: moment().replace(tzinfo=UTC),
    ),
    "utc": ("TIMESTAMP", "timestamp with time zone", [], lambda: moment().replace(tzinfo=UTC)),
    "code": ("BLOB", "bytea", [b"", b"\x00\xff"], lambda: CHANCE.randbytes(5)),
}
ROWS = 200


def drawn(row: int, traps: list[Any], chance: Any) -> Any:
    if row < len(traps):
        return traps[row]
    return None if CHANCE.random() < 0.1 else chance()


@pytest.fixture(scope="module")
def values() -> list[list[Any]]:
    made = [[drawn(row, traps, c) for _, _, traps, c in COLUMNS.values()] for row in range(ROWS)]
    return [[number, *row] for number, row in enumerate(made)]


@pytest.fixture(scope="module")
def here(values: list[list[Any]]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'America/Toronto'")
        columns = ", ".join(f"{name} {kinds[0]}" for name, kinds in COLUMNS.items())
        connection.execute(f"create table here (id INTEGER, {columns})")
        marks = ", ".join("?" for _ in values[0])
        utc = list(COLUMNS).index("utc") + 1
        for row in values:
            plain = row[utc] and row[utc].replace(tzinfo=None)
            connection.execute(
                f"insert into here values ({marks})", [*row[:utc], plain, *row[utc + 1 :]]
            )
        yield connection


@pytest.fixture(scope="module")
def there(postgres_engine: sa.Engine, values: list[list[Any]]) -> Iterator[sa.Connection]:
    columns = ", ".join(f"{name} {kinds[1]}" for name, kinds in COLUMNS.items())
    marks = ", ".join("%s" for _ in values[0])
    table = THERE.quoted.replace("%", "%%")
    with postgres_engine.connect() as connection:
        connection.exec_driver_sql("create schema reconciled")
        connection.exec_driver_sql("set timezone = 'Asia/Kolkata'")
        connection.exec_driver_sql(f"create table {table} (id numeric, {columns})")
        connection.exec_driver_sql(
            f"insert into {table} values ({marks})", [tuple(row) for row in values[::-1]]
        )
        yield connection
        connection.exec_driver_sql("drop schema reconciled cascade")


def compared(here: Any, postgres: str) -> Verdict:
    described = {n: k for n, k, *_ in here.execute("describe here").fetchall()}
    with open_postgres(postgres) as reached:
        types = dict(postgres_columns(reached, THERE))
        forms = {}
        for name, kind in described.items():
            mine, theirs = form_of(kind), form_of(types[name], Dialect.POSTGRES)
            assert mine and theirs, (name, kind, types[name])
            shared = shared_form(mine, theirs)
            assert shared, (name, kind, types[name])
            forms[name] = shared
        sides = (
            Side("here", Dialect.DUCKDB, "here", lambda sql: here.execute(sql).fetchall()),
            Side("Postgres", Dialect.POSTGRES, THERE.quoted, lambda sql: rows(reached, sql)),
        )
        comparison = Comparison(forms=forms, key=["id"], buckets=16)
        return comparison.verdict(*sides, check="reconciles", severity=Severity.CRITICAL)


@pytest.fixture
def table(there: sa.Connection) -> str:
    return THERE.quoted.replace("%", "%%")


def test_rows_of_every_type_reconcile(here: Any, there: Any, postgres: str) -> None:
    verdict = compared(here, postgres)
    assert (verdict.sample, verdict.status.value, verdict.rows) == ((), "passed", ROWS)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_single_value_that_was_changed_is_found_with_its_key(
    here: Any, there: sa.Connection, table: str, postgres: str, column: str
) -> None:
    row, name = CHANCE.randrange(10, ROWS), quote(column)
    before = there.exec_driver_sql(f"select {name} from {table} where id = {row}").scalar()
    another = f"(select {name} from {table} where {name} is distinct from %s limit 1)"
    there.exec_driver_sql(f"update {table} set {name} = {another} where id = {row}", (before,))
    try:
        verdict = compared(here, postgres)
    finally:
        there.exec_driver_sql(f"update {table} set {name} = %s where id = {row}", (before,))
    assert [(found["id"], found["found"]) for found in verdict.sample] == [(str(row), "differs")]
    assert set(verdict.sample[0]) == {"id", "found", column}
    assert "1 of 16 buckets differ" in str(verdict.observed)
