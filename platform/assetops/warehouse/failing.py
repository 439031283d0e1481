"""The rows of a built table that broke its checks, kept as evidence beside those of batches."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from assetops.model import Dataset, Status, Verdict, literal, quote
from assetops.warehouse.duckdb import Connection, columns_of, returns, transaction
from assetops.warehouse.quarantine import DEEP, Origin, settle, table_of
from assetops.warehouse.snapshot import Snapshot

_STILL = "assetops_still"


def keep_failing(
    connection: Connection,
    dataset: Dataset,
    verdicts: Sequence[Verdict],
    *,
    state: str,
    run_id: str,
    limit: int,
    still: Snapshot | None = None,
) -> None:
    """Keep the rows that break a table's critical checks; those of other content are superseded.

    Where a check could not run, all that was kept stays as it is.

    Args:
        connection: To the private warehouse.
        dataset: Whose table it is.
        verdicts: Of all its checks. A query that returns other columns points at no row.
        state: The fingerprint of the table's content.
        run_id: The run that has seen it.
        limit: How many rows are kept at most, the newest.
        still: Where the table was held still that deep checks looked at; their rows are settled
            apart from what light ones find.
    """
    if any(verdict.status is Status.ERRORED for verdict in verdicts):
        return
    source = still.relation if still else dataset.relation
    queries = {v.check: v.query for v in verdicts if v.blocks and v.by_row and v.query}
    with _looking_at(connection, still):
        own = [name for name, _ in columns_of(connection, source)]
        whole = {c: query for c, query in queries.items() if returns(connection, query, own)}
        found = _collected(connection, whole, own, limit) if whole else None
    with transaction(connection):
        # A table that failed is kept from consumers whole.
        origin = Origin(str(dataset.relation), DEEP + state if still else state, None, run_id)
        settle(connection, dataset, origin, found, blocked=True)
        if found:
            table = table_of(dataset).quoted
            newest = f"select _id from {table} order by _id desc limit ?"
            connection.execute(f"delete from {table} where _id not in ({newest})", [limit])


@contextmanager
def _looking_at(connection: Connection, still: Snapshot | None) -> Iterator[None]:
    """Ask queries of a table that is held still, as they were asked when it was looked at."""
    if still is None:
        yield
        return
    (here,) = connection.execute("select current_catalog()").fetchall()[0]
    connection.execute(f"attach {literal(str(still.file))} as {_STILL} (read_only)")
    connection.execute(f"use {_STILL}")
    try:
        yield
    finally:
        connection.execute(f"use {quote(here)}")
        connection.execute(f"detach {_STILL}")


def _collected(
    connection: Connection, queries: Mapping[str, str], own: Sequence[str], limit: int
) -> str:
    """Put failing rows into a temporary table, equal rows once; return its name.

    The first by their hash, in each query as in all: so each row has all the checks that it broke.
    """
    names = ", ".join(map(quote, own))
    # A row is known by its content: a table's rows have no number.
    number = f"cast(hash({names}) >> 1 as bigint)"
    # The names of checks are letters, digits and underscores: suites take no others.
    found = " union all ".join(
        f"(select {names}, '{check}' as _check, {number} as _row from ({query}\n) as failing "
        f"order by _row limit {int(limit)})"
        for check, query in queries.items()
    )
    connection.execute(
        f"create or replace temp table failing_rows as select {names}, _row, "
        f"list(distinct _check order by _check) as _broke, "
        f"cast(null as map(varchar, varchar)) as _as_landed from ({found}) "
        f"group by {names}, _row order by _row limit {int(limit)}"
    )
    return "failing_rows"
