"""Rows that go back: through the gate again, with what stands in raw of the batch they came in."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assetops.errors import AssetOpsError
from assetops.ingest.bad_rows import count_rows, drop_tables, find_bad_rows
from assetops.ingest.load import Loader, candidate_of, ingest_of
from assetops.ingest.raw import prepare_raw, replace_partition, transaction
from assetops.model import Batch, Dataset, Verdict, quote
from assetops.warehouse import Connection, SqlError, journal
from assetops.warehouse.duckdb import columns_of
from assetops.warehouse.quarantine import State, decide, held_rows, table_of

_NOT_IN_RAW = (
    "its batch is not in raw: mend the suite or the file and build it, or discard its bad rows "
    "and build the others"
)


@dataclass
class Returned:
    """What became of rows that somebody wanted to release: by id, why one stays held."""

    released: list[int] = field(default_factory=list)
    still: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Group:
    """The rows of one batch that are to go back, and the load that they join."""

    dataset: Dataset
    load: journal.Load
    ids: list[int]

    @property
    def batch(self) -> Batch:
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


def release(
    loader: Loader, dataset: Dataset, ids: Collection[int], *, by: str, run_id: str
) -> Returned:
    """Bring held rows into raw, each batch in one transaction, if they pass the gate now.

    Raises `AssetOpsError` if a row is not there or not held.
    """
    returned = Returned()
    with loader.warehouse.connect() as connection:
        held = held_rows(connection, dataset, ids)
        standing = journal.standing_loads(connection, dataset.address)
        groups: dict[int, _Group] = {}
        for row in held:
            load = standing.get(row.partition)
            if load is None or row.blocked or load.fingerprint != row.fingerprint:
                returned.still[row.id] = _NOT_IN_RAW
            else:
                groups.setdefault(load.load_id, _Group(dataset, load, [])).ids.append(row.id)
        for group in groups.values():
            _release(connection, loader, group, returned, by=by, run_id=run_id)
            drop_tables(connection, candidate_of(dataset))
    return returned


def _release(
    connection: Connection,
    loader: Loader,
    group: _Group,
    returned: Returned,
    *,
    by: str,
    run_id: str,
) -> None:
    dataset, batch = group.dataset, group.batch
    candidate = candidate_of(dataset)
    _make_candidate(connection, group)
    staying = _repeated_keys(connection, group)
    verdicts = loader.gate(dataset, candidate, batch)
    staying |= _failing(connection, group, verdicts)
    going = [row for row in group.ids if row not in staying]
    if going and staying:
        connection.execute(
            f"delete from {candidate.quoted} where _row in "
            f"(select _row from {group.returning} where list_contains(?, _id))",
            [list(staying)],
        )
        verdicts = loader.gate(dataset, candidate, batch)
    if going and any(verdict.blocks for verdict in verdicts):
        said = "; ".join(verdict.sentence() for verdict in verdicts if verdict.blocks)
        staying |= dict.fromkeys(going, f"with it in raw, {said}")
        going = []
    returned.still |= staying
    if not going:
        return
    with transaction(connection):
        replace_partition(
            connection,
            candidate,
            dataset,
            batch,
            landed=group.load.rows + group.load.held_back,
            held_back=group.load.held_back - len(going),
            run_id=run_id,
        )
        decide(connection, dataset, going, State.RELEASED, by=by, why="released by hand")
    returned.released += going
    loader.ledger.record_results(
        dataset.address,
        verdicts,
        state=batch.fingerprint,
        run_id=run_id,
        partition=str(batch.partition) if batch.partition else None,
    )


def _make_candidate(connection: Connection, group: _Group) -> None:
    """Put what stands in raw of the batch, and behind it the rows that go back, side by side."""
    dataset, raw, kept = group.dataset, group.dataset.relation, table_of(group.dataset)
    candidate = candidate_of(dataset)
    names = ", ".join(quote(column.name) for column in dataset.columns)
    known = dict(columns_of(connection, kept))
    values = ", ".join(
        f"cast({quote(c.name) if c.name in known else 'null'} as {c.data_type}) as {quote(c.name)}"
        for c in dataset.columns
    )
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
            f"A row of {kept} does not fit the types in dbt_project/{dataset.file} any more. "
            "Choose the others with --row, or build the day again from its file."
        ) from None


def _repeated_keys(connection: Connection, group: _Group) -> dict[int, str]:
    """Return the rows whose key is there already, with that as the reason."""
    key = ingest_of(group.dataset).key
    if not key:
        return {}
    names = ", ".join(map(quote, key))
    found = connection.execute(
        f"select there._id from {group.returning} as there join (select _row, count(*) over "
        f"(partition by {names}) as times from {candidate_of(group.dataset).quoted}) as present "
        "on present._row = there._row where times > 1"
    ).fetchall()
    return {row: f"its key ({', '.join(key)}) is in raw already" for (row,) in found}


def _failing(connection: Connection, group: _Group, verdicts: Sequence[Verdict]) -> dict[int, str]:
    """Return the rows that still fail, with what they break."""
    bad = find_bad_rows(connection, candidate_of(group.dataset), verdicts)
    if bad is None:
        return {}
    found = connection.execute(
        f"select there._id, bad._broke from {bad.table} as bad "
        f"join {group.returning} as there on there._row = bad._row"
    ).fetchall()
    return {row: f"it still breaks {', '.join(broke)}" for row, broke in found}
