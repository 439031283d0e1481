"""Raw: rows, load journal and what is held back change in one transaction, or not at all."""

from collections.abc import Sequence

from assetops.errors import AssetOpsError
from assetops.model import Batch, Dataset, Relation, quote
from assetops.warehouse import Connection, journal
from assetops.warehouse.duckdb import described


def replace_partition(
    connection: Connection,
    candidate: Relation,
    dataset: Dataset,
    batch: Batch,
    *,
    landed: int,
    held_back: int,
    run_id: str,
) -> tuple[int, int]:
    """Replace the batch's partition in raw by the candidate's rows, and journal it.

    Returns the rows and the load's id. Raises `AssetOpsError` unless the rows that landed are
    those that are loaded and those that are held back.
    """
    raw = dataset.relation
    names = ", ".join(quote(column.name) for column in dataset.columns)
    standing = journal.standing_loads(connection, dataset.address)
    load_id = journal.next_load_id(connection)
    prepare_raw(connection, dataset)
    if batch.partition in standing:
        connection.execute(
            f"delete from {raw.quoted} where _partition is not distinct from ?",
            [batch.partition],
        )
    row = connection.execute(
        f"insert into {raw.quoted} by name select {names}, cast(? as date) as _partition, "
        f"cast(? as timestamp) as _landed_at, cast(? as bigint) as _load_id "
        f"from {candidate.quoted} order by _row",
        [batch.partition, batch.as_of, load_id],
    ).fetchone()
    rows = int(row[0]) if row else 0
    if rows + held_back != landed:
        raise AssetOpsError(
            f"{batch}: {landed} rows landed, but {rows} would be loaded and {held_back} held back. "
            "Nothing of it was kept. An expectation's query must not change what it is asked of."
        )
    journal.record(connection, load_id, batch, rows, run_id=run_id, held_back=held_back)
    return rows, load_id


def prepare_raw(connection: Connection, dataset: Dataset) -> None:
    """Create the raw table, or add the columns that its contract has gained."""
    raw = dataset.relation
    wanted = [(column.name, column.data_type or "") for column in dataset.columns]
    kept = [("_partition", "DATE"), ("_landed_at", "TIMESTAMP"), ("_load_id", "BIGINT")]
    columns = ", ".join(f"{quote(name)} {kind}" for name, kind in [*wanted, *kept])
    connection.execute(f"create schema if not exists {quote(raw.schema_name)}")
    connection.execute(f"create table if not exists {raw.quoted} ({columns})")
    present = dict(described(connection, raw.quoted))
    canonical = _canonical(connection, [kind for _, kind in wanted])
    for (name, kind), known in zip(wanted, canonical, strict=True):
        if name not in present:
            connection.execute(f"alter table {raw.quoted} add column {quote(name)} {kind}")
        elif known != present[name]:
            raise AssetOpsError(
                f"{raw}.{name} is {present[name]}, but {dataset.file} says {kind}. "
                f"Change the table (alter table {raw} alter {name} type {kind}) or the yml."
            )


def _canonical(connection: Connection, kinds: Sequence[str]) -> Sequence[str]:
    """Return DuckDB's own names of types: INT8 and BIGINT are the same."""
    asked = ", ".join(f"typeof(cast(null as {kind}))" for kind in kinds)
    row = connection.execute(f"select {asked}").fetchone()
    assert row is not None  # a query without a table always has one row
    return row
