"""What the catalog says of one table: its columns and how many rows it has, without reading it."""

from collections.abc import Iterable
from typing import NamedTuple

from assetops.model import Relation
from assetops.warehouse.duckdb import Connection, SqlError, described


class Measure(NamedTuple):
    """A relation's columns with their types, in order, and its rows where they were counted."""

    columns: list[tuple[str, str]]
    rows: int | None


def measured(connection: Connection, relation: Relation, *, counted: bool) -> Measure | None:
    """Return a relation's measure; None where it is not in this file, or cannot be bound.

    Neither statement reads a row or looks through the catalog. To count the rows of a view would
    be to run its query: `counted` is for tables.
    """
    try:
        columns = described(connection, relation.quoted)
        if not counted:
            return Measure(columns, None)
        row = connection.execute(f"select count(*) from {relation.quoted}").fetchone()
    except SqlError:
        return None
    return Measure(columns, row[0] if row else None)


def others_in(
    connection: Connection, schemas: Iterable[str], known: Iterable[Relation]
) -> list[Relation]:
    """Return the tables and views in some schemas that are none of the known ones."""
    found = connection.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = current_catalog() and not internal and not temporary "
        "union all select schema_name, view_name from duckdb_views() "
        "where database_name = current_catalog() and not internal and not temporary order by all"
    ).fetchall()
    wanted = {schema.lower() for schema in schemas}
    expected = {(each.schema_name.lower(), each.name.lower()) for each in known}
    return [
        Relation(schema_name=schema, name=name)
        for schema, name in found
        if schema.lower() in wanted and (schema.lower(), name.lower()) not in expected
    ]


def all_columns(connection: Connection) -> dict[str, list[tuple[str, str]]]:
    """Return the columns of every relation in the file, with their types, by its name."""
    found: dict[str, list[tuple[str, str]]] = {}
    rows = connection.execute(
        "select lower(schema_name || '.' || table_name), column_name, data_type "
        "from duckdb_columns() where database_name = current_catalog() and not internal "
        "order by 1, column_index"
    ).fetchall()
    for relation, name, kind in rows:
        found.setdefault(relation, []).append((name, kind))
    return found
