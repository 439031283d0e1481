"""What is held back, for those who look: how much, why, and the rows without what is private."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from assetops.model import MASK, Dataset
from assetops.warehouse.duckdb import Connection
from assetops.warehouse.quarantine import State, exists, table_of


def counts(connection: Connection, dataset: Dataset) -> dict[str, int]:
    """Return how many rows of a dataset are in each state."""
    if not exists(connection, dataset):
        return {}
    return dict(
        connection.execute(
            f"select _state, count(*) from {table_of(dataset).quoted} group by all order by all"
        ).fetchall()
    )


def held_since(connection: Connection, dataset: Dataset) -> tuple[int, datetime] | None:
    """Return how many rows of a dataset are held, and when the first of them was; None if none."""
    if not exists(connection, dataset):
        return None
    row = connection.execute(
        f"select count(*), min(_held_at) from {table_of(dataset).quoted} where _state = 'held'"
    ).fetchone()
    return (row[0], row[1]) if row and row[0] else None


def reasons(connection: Connection, dataset: Dataset) -> dict[str, int]:
    """Return how many of the held rows broke each expectation, the most first."""
    return dict(
        connection.execute(
            f"select broke, count(*) from (select unnest(_broke) as broke "
            f"from {table_of(dataset).quoted} where _state = 'held') "
            "group by all order by count(*) desc, broke"
        ).fetchall()
    )


def rows(
    connection: Connection, dataset: Dataset, states: Sequence[State], *, limit: int
) -> list[dict[str, Any]]:
    """Return the newest rows in one of the states, private values masked."""
    if not exists(connection, dataset):
        return []
    result = connection.execute(
        f"select * from {table_of(dataset).quoted} where list_contains(?, _state) "
        "order by _id desc limit ?",
        [list(states), limit],
    )
    names = [column[0] for column in result.description or ()]
    private = {column.name for column in dataset.columns if column.pii}

    def shown(row: Mapping[str, Any]) -> dict[str, Any]:
        hidden = private & {name for name, value in row.items() if value is not None}
        return {**row, **dict.fromkeys(hidden, MASK)}

    found = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    return [shown({**row, "_as_landed": shown(row.get("_as_landed") or {})}) for row in found]
