"""Rows on their way back: beside what stands in raw of their batch, typed and told apart again."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from assetops.errors import AssetOpsError
from assetops.ingest.bad_rows import count_rows
from assetops.ingest.candidate import is_no, is_text
from assetops.ingest.load import candidate_of, ingest_of
from assetops.ingest.raw import prepare_raw
from assetops.model import Batch, Column, Dataset, literal, quote
from assetops.warehouse import Connection, SqlError, journal
from assetops.warehouse.duckdb import columns_of
from assetops.warehouse.quarantine import table_of


@dataclass(frozen=True)
class Group:
    """The rows of one batch that are to go back, and the load that they join."""

    dataset: Dataset
    load: journal.Load
    ids: list[int]

    @property
    def batch(self) -> Batch:
        """The batch that they came in."""
        return Batch(
            source=self.dataset.address,
            file=Path(self.load.file),
            fingerprint=self.load.fingerprint,
            partition=self.load.partition,
            as_of=self.load.as_of,
        )

    @property
    def returning(self) -> str:
        """The quoted table that says which `_row` of the candidate is which row of quarantine."""
        return "candidate." + quote(candidate_of(self.dataset).name + "__returning")


def unfit(connection: Connection, group: Group) -> dict[int, str]:
    """Return the rows that landed with what is no value of its column's type, as it is now."""
    kept = table_of(group.dataset)
    if "_as_landed" not in dict(columns_of(connection, kept)):
        return {}
    faults: dict[int, list[str]] = {}
    for column in group.dataset.columns:
        if is_text(column):
            continue
        landed = f"_as_landed[{literal(column.name)}] as {quote(column.name)}"
        found = connection.execute(
            f"select _id from (select _id, {landed} from {kept.quoted} "
            f"where list_contains(?, _id)) as landed where {is_no(column)}",
            [group.ids],
        ).fetchall()
        for (row,) in found:
            faults.setdefault(row, []).append(f"its {column.name} is no {column.data_type}")
    return {row: "; ".join(said) for row, said in faults.items()}


def put_beside_raw(connection: Connection, group: Group) -> None:
    """Make a candidate of what stands in raw of the batch and, behind it, the rows that go back."""
    dataset, raw, kept = group.dataset, group.dataset.relation, table_of(group.dataset)
    candidate = candidate_of(dataset)
    names = ", ".join(quote(column.name) for column in dataset.columns)
    known = dict(columns_of(connection, kept))
    values = ", ".join(f"{_value(c, known)} as {quote(c.name)}" for c in dataset.columns)
    connection.execute("attach if not exists ':memory:' as candidate")
    prepare_raw(connection, dataset)
    try:
        connection.execute(
            f"create or replace table {candidate.quoted} as "
            f"select {names}, row_number() over (order by rowid) as _row from {raw.quoted} "
            "where _partition is not distinct from ?",
            [group.load.partition],
        )
        first = count_rows(connection, candidate.quoted)
        connection.execute(
            f"create or replace table {group.returning} as select _id, {first} + row_number() "
            f"over (order by _id) as _row from {kept.quoted} where list_contains(?, _id)",
            [group.ids],
        )
        connection.execute(
            f"insert into {candidate.quoted} by name select {values}, there._row as _row "
            f"from {kept.quoted} as kept join {group.returning} as there on there._id = kept._id"
        )
    except SqlError:
        raise AssetOpsError(
            f"A row of {kept} does not fit the types in {dataset.file} any more. "
            "Choose the others with --row, or build the day again from its file."
        ) from None


def _value(column: Column, known: Collection[str]) -> str:
    """Return SQL for what a row has in a column: what it landed with, if that had no type then."""
    kept = quote(column.name) if column.name in known else "null"
    value = f"cast({kept} as {column.data_type})"
    if "_as_landed" not in known:
        return value
    landed = f"_as_landed[{literal(column.name)}]"
    return f"case when {landed} is null then {value} else cast({landed} as {column.data_type}) end"


def without_key_of_their_own(connection: Connection, group: Group) -> dict[int, str]:
    """Return the rows without a key, and those whose key is in raw or in another held row."""
    key = ingest_of(group.dataset).key
    if not key:
        return {}
    named, candidate = ", ".join(key), candidate_of(group.dataset).quoted
    none = " or ".join(f"mine.{quote(name)} is null" for name in key)
    same = " and ".join(f"other.{quote(name)} = mine.{quote(name)}" for name in key)
    # As texts: a column of quarantine whose type has changed is one.
    alike = " and ".join(f"other.{quote(n)}::varchar = mine.{quote(n)}::varchar" for n in key)
    held = (
        f"select list(other._id order by other._id) from {table_of(group.dataset).quoted} as other "
        f"where {alike} and other._id <> there._id and other._state = 'held' "
        "and not other._blocked and other._partition is not distinct from ? "
        "and other._fingerprint = ?"
    )
    found = connection.execute(
        f"select there._id, {none}, ({held}), exists (select 1 from {candidate} as other "
        f"where {same} and other._row <> mine._row) "
        f"from {group.returning} as there join {candidate} as mine on mine._row = there._row",
        [group.load.partition, group.load.fingerprint],
    ).fetchall()
    staying = {}
    for row, missing, others, in_raw in found:
        if missing:
            staying[row] = f"it has no {named}, which is the key"
        elif others:
            rows = ", ".join(map(str, others))
            staying[row] = f"row {rows} has its key ({named}) too: discard all but one of them"
        elif in_raw:
            staying[row] = f"its key ({named}) is in raw already"
    return staying
