"""Suites have little memory, a statement that needs more has all of it, and nothing stays so."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assetops.errors import ConfigError
from assetops.model import Relation
from assetops.warehouse import Connection, Warehouse
from assetops.warehouse.foreign import open_beside
from assetops.warehouse.lock import WarehouseLock
from assetops.warehouse.sparing import Memory, SparingConnection

ALL = "953.6 MiB"  # 1 GB, as DuckDB shows it
# It holds 2 million numbers of 8 bytes, and cannot put them aside.
MEDIAN = "select median(n) from range(2000000) as r(n)"


def limit_of(connection: Connection | SparingConnection) -> str:
    row = connection.execute("select current_setting('memory_limit')").fetchone()
    return str(row[0])


class Counting:
    """A connection that remembers what it is asked."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.asked: list[str] = []

    def execute(self, *arguments: Any) -> Connection:
        self.asked.append(arguments[0])
        return self.connection.execute(*arguments)

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dev.duckdb"
    duckdb.connect(path).close()
    return path


@pytest.fixture
def beside(file: Path) -> Iterator[Connection]:
    """Another connection of this process, which shares the limit."""
    connection = duckdb.connect(file)
    connection.execute("set memory_limit = '1GB'")
    connection.execute("set threads = 2")
    yield connection
    connection.close()


@pytest.fixture
def little(file: Path, beside: Connection) -> Iterator[SparingConnection]:
    spared = SparingConnection(duckdb.connect(file), Memory("1GB", 5))
    yield spared
    spared.close()


def test_it_has_what_is_set_for_each_thread_until_the_warehouse_is_opened_again(
    beside: Connection, little: SparingConnection, tmp_path: Path
) -> None:
    assert limit_of(beside) == ALL  # until it is used
    assert limit_of(little) == limit_of(beside) == "9.5 MiB"
    little.close()
    little.close()  # closed twice, as by an engine and by whoever opened it
    lock = WarehouseLock(tmp_path / "lock", wait=0)
    with Warehouse(tmp_path / "dev.duckdb", lock, memory_limit="1GB").connect() as connection:
        assert limit_of(connection) == limit_of(beside) == ALL


def test_a_suite_whose_warehouse_gives_memory_back_costs_one_statement(
    beside: Connection, file: Path
) -> None:
    counted = Counting(duckdb.connect(file))
    spared = SparingConnection(counted, Memory("1GB", 5))
    spared.execute("select 1")
    spared.execute("select 2")
    spared.close()
    assert counted.asked == [counted.asked[0], "select 1", "select 2"]
    assert counted.asked[0].startswith("set memory_limit = ")


def test_a_statement_that_needs_more_is_answered_and_the_next_has_little_again(
    beside: Connection, little: SparingConnection
) -> None:
    assert little.execute(MEDIAN).fetchone() == (999999.5,)
    assert limit_of(little) == "9.5 MiB"
    assert little.execute(MEDIAN).fetchone() == (999999.5,)
    assert limit_of(beside) == ALL  # until the next one


def test_what_fails_with_all_memory_fails_and_leaves_the_limit_as_it_was(file: Path) -> None:
    beside = duckdb.connect(file)
    beside.execute("set memory_limit = '12MB'")
    little = SparingConnection(duckdb.connect(file), Memory("12MB", 10))
    beside.execute("set threads = 1")
    with pytest.raises(duckdb.OutOfMemoryException):
        little.execute(MEDIAN)
    assert limit_of(beside) == "11.4 MiB"
    with pytest.raises(duckdb.CatalogException):
        little.execute("select * from nothing")
    little.close()
    beside.close()


@pytest.mark.parametrize("limit", ["1GB", "90%"])
def test_a_smaller_limit_is_never_raised(file: Path, beside: Connection, limit: str) -> None:
    spared = SparingConnection(duckdb.connect(file), Memory(limit, 5000))
    assert limit_of(spared) == ALL
    spared.close()
    assert limit_of(beside) == ALL


def test_a_table_in_memory_stays_there(file: Path, beside: Connection, tmp_path: Path) -> None:
    beside.execute("attach ':memory:' as candidates")
    beside.execute("create table candidates.t as select hash(n) as h from range(3000000) as r(n)")
    spared = SparingConnection(duckdb.connect(file), Memory("1GB", 5, in_memory=True))
    row = spared.execute(
        "select memory_usage_bytes, temporary_storage_bytes from duckdb_memory() "
        "where tag = 'IN_MEMORY_TABLE'"
    ).fetchone()
    assert row[0] > 20_000_000 and row[1] == 0
    spared.close()


def test_the_limit_of_somebody_elses_connection_is_left_alone(
    file: Path, beside: Connection
) -> None:
    spared = SparingConnection(open_beside(file), Memory(None, 5))
    assert limit_of(spared) == ALL
    spared.close()
    assert limit_of(beside) == ALL


def test_a_file_that_is_only_read_has_little_too(file: Path) -> None:
    default = open_beside(file)
    before = limit_of(default)
    spared = SparingConnection(open_beside(file), Memory(None, 5))
    assert limit_of(spared) != before
    spared.close()
    assert limit_of(default) == before
    default.close()


def test_a_limit_that_is_none_is_named(file: Path, tmp_path: Path) -> None:
    lock = WarehouseLock(tmp_path / "lock", wait=0)
    with pytest.raises(ConfigError, match=r"memory_limit is 'much': .*Set it as in 2GB"):
        Warehouse(file, lock, memory_limit="much").exists(Relation(schema_name="main", name="t"))
