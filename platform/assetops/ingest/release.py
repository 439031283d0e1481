"""Rows that go back: through the gate again, with what stands in raw of the batch they came in."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from assetops.ingest.bad_rows import drop_tables, find_bad_rows
from assetops.ingest.load import Loader, candidate_of
from assetops.ingest.raw import replace_partition
from assetops.ingest.returning import Group, put_beside_raw, unfit, without_key_of_their_own
from assetops.model import Dataset, Verdict
from assetops.warehouse import Connection, journal
from assetops.warehouse.duckdb import transaction
from assetops.warehouse.quarantine import State, decide, held_rows

_NOT_IN_RAW = (
    "its batch is not in raw: mend the suite or the file and build it, or discard its bad rows "
    "and build the others"
)


@dataclass
class Returned:
    """What became of rows that somebody wanted to release: by id, why one stays held."""

    released: list[int] = field(default_factory=list)
    still: dict[int, str] = field(default_factory=dict)


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
        groups: dict[int, Group] = {}
        for row in held:
            load = standing.get(row.partition)
            if load is None or row.blocked or load.fingerprint != row.fingerprint:
                returned.still[row.id] = _NOT_IN_RAW
            else:
                groups.setdefault(load.load_id, Group(dataset, load, [])).ids.append(row.id)
        for group in groups.values():
            _release(connection, loader, group, returned, by=by, run_id=run_id)
            drop_tables(connection, candidate_of(dataset))
    return returned


def _release(
    connection: Connection,
    loader: Loader,
    group: Group,
    returned: Returned,
    *,
    by: str,
    run_id: str,
) -> None:
    """Bring the rows of one batch back that pass; say of the others why they stay."""
    dataset, batch = group.dataset, group.batch
    staying = unfit(connection, group)
    fit = replace(group, ids=[row for row in group.ids if row not in staying])
    going: list[int] = []
    if fit.ids:
        put_beside_raw(connection, fit)
        refused, verdicts = _judged(connection, loader, fit)
        staying |= refused
        going = [row for row in fit.ids if row not in staying]
    returned.still |= staying
    if not going:
        return
    with transaction(connection):
        replace_partition(
            connection,
            candidate_of(dataset),
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


def _judged(
    connection: Connection, loader: Loader, group: Group
) -> tuple[dict[int, str], Sequence[Verdict]]:
    """Take the candidate through its gate; return why rows stay, and the verdicts on the rest."""
    candidate = candidate_of(group.dataset)
    staying = without_key_of_their_own(connection, group)
    verdicts = loader.gate(group.dataset, candidate, group.batch)
    staying |= _failing(connection, group, verdicts)
    going = [row for row in group.ids if row not in staying]
    if going and staying:
        connection.execute(
            f"delete from {candidate.quoted} where _row in "
            f"(select _row from {group.returning} where list_contains(?, _id))",
            [list(staying)],
        )
        verdicts = loader.gate(group.dataset, candidate, group.batch)
    if going and any(verdict.blocks for verdict in verdicts):
        said = "; ".join(verdict.sentence() for verdict in verdicts if verdict.blocks)
        staying |= dict.fromkeys(going, f"with it in raw, {said}")
    return staying, verdicts


def _failing(connection: Connection, group: Group, verdicts: Sequence[Verdict]) -> dict[int, str]:
    """Return the rows that still fail, with what they break."""
    bad = find_bad_rows(connection, candidate_of(group.dataset), verdicts)
    if bad is None:
        return {}
    found = connection.execute(
        f"select there._id, bad._broke from {bad.table} as bad "
        f"join {group.returning} as there on there._row = bad._row"
    ).fetchall()
    return {row: f"it still breaks {', '.join(broke)}" for row, broke in found}
