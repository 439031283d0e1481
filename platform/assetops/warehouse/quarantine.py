"""Rows that were held back: one table per dataset, in a schema that is never published."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from assetops.errors import AssetOpsError
from assetops.model import Dataset, Relation, quote
from assetops.warehouse.duckdb import Connection, described, has_table

SCHEMA = "quarantine"


class State(StrEnum):
    """What became of a row that was held back."""

    HELD = "held"
    RELEASED = "released"
    DISCARDED = "discarded"
    SUPERSEDED = "superseded"


# What quarantine says of a row, before the row's own columns.
KEPT = {
    "_id": "BIGINT",
    "_state": "VARCHAR",
    "_broke": "VARCHAR[]",
    "_run_id": "VARCHAR",
    "_file": "VARCHAR",
    "_fingerprint": "VARCHAR",
    "_partition": "DATE",
    "_row": "BIGINT",
    "_blocked": "BOOLEAN",
    "_held_at": "TIMESTAMP",
    # The text of what has no value of its column's type, by the column's name.
    "_as_landed": "MAP(VARCHAR, VARCHAR)",
    "_decided_at": "TIMESTAMP",
    "_decided_by": "VARCHAR",
    "_why": "VARCHAR",
}
# Of these, what is known of bad rows before they are kept.
_GIVEN = ("_row", "_broke", "_as_landed")
# Before the fingerprint of content in which a deep check found rows: what light ones find of other
# content says nothing about them.
DEEP = "deep "
_DECIDED = "_state = ?, _decided_at = ?, _decided_by = ?, _why = ?"
_HELD_HERE = "_partition is not distinct from ? and _state = 'held'"
_UNDECIDED = "_decided_at = null, _decided_by = null, _why = null"


@dataclass(frozen=True)
class Origin:
    """Where rows come from: the content that they were part of, and the run that saw them."""

    file: str
    fingerprint: str
    partition: date | None
    run_id: str


@dataclass(frozen=True)
class HeldRow:
    """A row that may be released or discarded: which it is, and the batch that it came in."""

    id: int
    partition: date | None
    fingerprint: str
    blocked: bool


def table_of(dataset: Dataset) -> Relation:
    """Return the table of a dataset's rows that were held back; it may not exist yet."""
    return Relation(schema_name=SCHEMA, name="__".join(dataset.key))


def exists(connection: Connection, dataset: Dataset) -> bool:
    """Say whether rows of the dataset were ever held back."""
    return has_table(connection, table_of(dataset))


def settle(
    connection: Connection,
    dataset: Dataset,
    origin: Origin,
    broken: str | None,
    *,
    standing: str | None = None,
    blocked: bool = False,
) -> None:
    """Keep the bad rows of a batch, and settle what was held of its partition before.

    The caller's transaction holds what becomes of the batch's other rows. Saying the same again
    changes nothing.

    Args:
        connection: To the private warehouse.
        dataset: Whose rows they are.
        origin: The batch.
        broken: A quoted table with `_row`, `_broke`, `_as_landed` and the row's own columns; None
            if no row is.
        standing: The fingerprint of what stands in raw, if that stays.
        blocked: Whether the whole batch is kept out of raw.
    """
    if broken is not None:
        _prepare(connection, dataset, broken)
    elif not exists(connection, dataset):
        return
    table = table_of(dataset).quoted
    _supersede(connection, table, origin, standing)
    _let_go(connection, table, origin, broken, blocked=blocked)
    if broken is not None:
        _keep(connection, table, broken, origin, blocked=blocked)


def _supersede(connection: Connection, table: str, origin: Origin, standing: str | None) -> None:
    """Settle the held rows of content that is neither this batch nor what stands in raw."""
    kept = [origin.fingerprint, standing or origin.fingerprint]
    connection.execute(
        f"update {table} set {_DECIDED} where {_HELD_HERE} and _fingerprint not in (?, ?) "
        "and starts_with(_fingerprint, ?) = ?",
        [
            *_said(State.SUPERSEDED, origin, f"replaced by {origin.file}"),
            *(origin.partition, *kept, DEEP, origin.fingerprint.startswith(DEEP)),
        ],
    )


def _let_go(
    connection: Connection, table: str, origin: Origin, broken: str | None, *, blocked: bool
) -> None:
    """Settle the held rows of a batch that are bad no more; out of raw only what was blocked is."""
    still = f"and _row not in (select _row from {broken})" if broken else ""
    only_blocked = "and _blocked" if blocked else ""
    end = State.SUPERSEDED if blocked else State.RELEASED
    batch = [origin.partition, origin.fingerprint]
    connection.execute(
        f"update {table} set {_DECIDED} "
        f"where {_HELD_HERE} and _fingerprint = ? {still} {only_blocked}",
        [*_said(end, origin, "it passes now"), *batch],
    )
    if not blocked:
        # The batch has come in without them: if they are held again, that is by themselves.
        connection.execute(
            f"update {table} set _blocked = false where _state = 'discarded' and _blocked "
            "and _partition is not distinct from ? and _fingerprint = ?",
            batch,
        )


def _said(state: State, origin: Origin, why: str) -> list[Any]:
    return [state, _now(), f"run {origin.run_id}", why]


def _keep(
    connection: Connection, table: str, broken: str, origin: Origin, *, blocked: bool
) -> None:
    """Write the bad rows of a batch, or what is new about those that are written already."""
    same = "_partition is not distinct from ? and _fingerprint = ?"
    batch = [origin.partition, origin.fingerprint]
    connection.execute(
        f"update {table} as kept set _broke = found._broke, "
        "_as_landed = found._as_landed, _run_id = ?, _state = 'held', "
        # A row that was out of raw by itself still is; one whose batch was in raw is there.
        f"_blocked = ? and (kept._state <> 'held' or kept._blocked), {_UNDECIDED} "
        f"from {broken} as found where kept._row = found._row and {same} "
        "and kept._state <> 'discarded'",
        [origin.run_id, blocked, *batch],
    )
    connection.execute(
        f"insert into {table} by name select found.*, row_number() over (order by found._row) + "
        f"(select coalesce(max(_id), 0) from {table}) as _id, 'held' as _state, ? as _run_id, "
        "? as _file, ? as _fingerprint, cast(? as date) as _partition, "
        "cast(? as boolean) as _blocked, cast(? as timestamp) as _held_at "
        f"from {broken} as found where found._row not in (select _row from {table} where {same})",
        [
            *(origin.run_id, origin.file, origin.fingerprint, origin.partition, blocked, _now()),
            *batch,
        ],
    )


def decide(
    connection: Connection,
    dataset: Dataset,
    ids: Collection[int],
    state: State,
    *,
    by: str,
    why: str,
) -> None:
    """Write what somebody decided about rows, or take a decision back (`State.HELD`)."""
    undone = state is State.HELD
    said: list[Any] = [None, None, None] if undone else [_now(), by, why]
    connection.execute(
        f"update {table_of(dataset).quoted} set {_DECIDED} where list_contains(?, _id)",
        [state, *said, list(ids)],
    )


def held_rows(
    connection: Connection,
    dataset: Dataset,
    ids: Collection[int],
    state: State = State.HELD,
) -> list[HeldRow]:
    """Return the rows that are held (or in another state); all of them if no id is given.

    Raises `AssetOpsError` if one of the ids is no such row.
    """
    found = []
    if exists(connection, dataset):
        found = connection.execute(
            f"select _id, _partition, _fingerprint, _blocked from {table_of(dataset).quoted} "
            "where _state = ? and (? or list_contains(?, _id)) order by _id",
            [state, not ids, list(ids)],
        ).fetchall()
    missing = sorted(set(ids) - {row for row, *_ in found})
    if missing:
        raise AssetOpsError(
            f"{dataset.address} has no {state.value} row {', '.join(map(str, missing))}. "
            f"Look with: assetops quarantine show {dataset.address} --state {state.value}"
        )
    return [HeldRow(*row) for row in found]


def forget(connection: Connection, *, days: int) -> int:
    """Delete the rows about which nothing has happened for `days` days; return how many.

    Of every table that is there, also where its dataset has left the project.
    """
    tables = connection.execute(
        "select table_name from information_schema.tables "
        "where table_catalog = current_catalog() and table_schema = ?",
        [SCHEMA],
    ).fetchall()
    before, gone = _now() - timedelta(days=days), 0
    for (name,) in tables:
        row = connection.execute(
            f"delete from {Relation(schema_name=SCHEMA, name=name).quoted} "
            "where coalesce(_decided_at, _held_at) < ?",
            [before],
        ).fetchone()
        gone += int(row[0]) if row else 0
    return gone


def _prepare(connection: Connection, dataset: Dataset, source: str) -> None:
    """Create the table, or fit it to columns that have come or changed; no row is ever lost."""
    table = table_of(dataset)
    own = {name: kind for name, kind in described(connection, source) if name not in _GIVEN}
    if taken := KEPT.keys() & own.keys():
        raise AssetOpsError(
            f"{dataset.address} has a column {min(taken)}, which quarantine needs for itself. "
            "Rename it, or set on_bad_rows: block."
        )
    columns = ", ".join(f"{quote(name)} {kind}" for name, kind in {**KEPT, **own}.items())
    connection.execute(f"create schema if not exists {SCHEMA}")
    connection.execute(f"create table if not exists {table.quoted} ({columns})")
    present = dict(described(connection, table.quoted))
    for name, kind in {**KEPT, **own}.items():
        if name not in present:
            connection.execute(f"alter table {table.quoted} add column {quote(name)} {kind}")
        elif name in own and present[name] not in (kind, "VARCHAR"):
            # Rows of before keep their values: every one of them is a text, too.
            connection.execute(f"alter table {table.quoted} alter {quote(name)} type varchar")


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
