"""The file of a release: published tables and nothing else, finished before anybody sees it."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import duckdb

from assetops.errors import PublishError
from assetops.model import Dataset, Relation, literal, quote
from assetops.warehouse.duckdb import (
    Connection,
    Warehouse,
    fingerprint_of,
    open_read_only,
    transaction,
)

SCHEMA = "marts"
FILE_NAME = "warehouse.duckdb"

# DuckDB calls an attached file after its stem unless told; neither name may be that of an
# environment, which is the name of the private catalog.
_TARGET = "assetops_release"
_PREVIOUS = "assetops_previous"


def write_release(
    warehouse: Warehouse,
    target: Path,
    *,
    fresh: Mapping[str, Relation],
    carried: Collection[str],
    previous: Path | None,
    datasets: Mapping[str, Dataset],
) -> dict[str, tuple[str, int]]:
    """Write a release's file, durable and read-only, and say what its tables hold.

    Args:
        warehouse: Where the fresh tables are.
        target: The file to write; its folder exists, the file does not.
        fresh: The relations to copy from the warehouse, by published name.
        carried: The names of the tables to copy from the previous release's file.
        previous: The previous release's file, if anything is carried.
        datasets: By published name, what the comments of tables and columns say.

    Returns:
        Fingerprint and rows of each table, read from the finished file.
    """
    try:
        with warehouse.connect() as connection:
            _write(connection, target, fresh, carried, previous=previous, datasets=datasets)
            os.chmod(target, 0o444)
            return _read(connection, target, [*fresh, *carried])
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise PublishError(f"{target} could not be written: {reason}") from None


def count_rows(file: Path) -> dict[str, int]:
    """Return the rows of each table in a release's file.

    Raises `PublishError` if it cannot be read.
    """
    try:
        with open_read_only(file) as connection:
            names = connection.execute(
                "select table_name from duckdb_tables() where schema_name = ?", [SCHEMA]
            ).fetchall()
            return {name: _count(connection, f"{quote(SCHEMA)}.{quote(name)}") for (name,) in names}
    except duckdb.Error as error:
        raise PublishError(f"{file} cannot be read: {str(error).splitlines()[0]}") from None


def _write(
    connection: Connection,
    target: Path,
    fresh: Mapping[str, Relation],
    carried: Collection[str],
    *,
    previous: Path | None,
    datasets: Mapping[str, Dataset],
) -> None:
    sources = {name: relation.quoted for name, relation in fresh.items()}
    if carried and previous is not None:
        connection.execute(f"attach {literal(str(previous))} as {_PREVIOUS} (read_only)")
        sources |= {name: _table(_PREVIOUS, name) for name in carried}
    connection.execute(f"attach {literal(str(target))} as {_TARGET}")
    # One for all: each comment by itself would wait for the disk.
    with transaction(connection):
        connection.execute(f"create schema {_TARGET}.{quote(SCHEMA)}")
        for name, source in sources.items():
            connection.execute(f"create table {_table(_TARGET, name)} as select * from {source}")
            _comment(connection, _table(_TARGET, name), datasets.get(name))
    connection.execute(f"checkpoint {_TARGET}")
    connection.execute(f"detach {_TARGET}")
    if carried and previous is not None:
        connection.execute(f"detach {_PREVIOUS}")
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _read(
    connection: Connection, target: Path, names: Collection[str]
) -> dict[str, tuple[str, int]]:
    """Read the tables as a consumer will: from the finished file, opened anew."""
    connection.execute(f"attach {literal(str(target))} as {_TARGET} (read_only)")
    found: dict[str, tuple[str, int]] = {}
    for name in names:
        table = _table(_TARGET, name)
        found[name] = (fingerprint_of(connection, table), _count(connection, table))
    connection.execute(f"detach {_TARGET}")
    return found


def _comment(connection: Connection, table: str, dataset: Dataset | None) -> None:
    if dataset is None:
        return
    connection.execute(f"comment on table {table} is {literal(dataset.description)}")
    there = {name for name, *_ in connection.execute(f"describe {table}").fetchall()}
    for column in dataset.columns:
        if column.description and column.name in there:
            connection.execute(
                f"comment on column {table}.{quote(column.name)} is {literal(column.description)}"
            )


def _count(connection: Connection, table: str) -> int:
    rows: list[tuple[int]] = connection.execute(f"select count(*) from {table}").fetchall()
    return rows[0][0]


def _table(catalog: str, name: str) -> str:
    return f"{catalog}.{quote(SCHEMA)}.{quote(name)}"
