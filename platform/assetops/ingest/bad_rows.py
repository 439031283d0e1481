"""The rows of a batch that are bad by themselves: those that a critical expectation points at."""

from collections.abc import Sequence
from dataclasses import dataclass

from assetops.ingest.unfit import Unfit
from assetops.model import CONTRACT_CHECK, Relation, Severity, Status, Verdict, quote
from assetops.warehouse import Connection
from assetops.warehouse.duckdb import returns


@dataclass(frozen=True)
class BadRows:
    """The bad rows of a candidate, with the expectations that each of them broke."""

    table: str
    count: int
    by_check: dict[str, int]


def find_bad_rows(
    connection: Connection, candidate: Relation, verdicts: Sequence[Verdict]
) -> BadRows | None:
    """Copy the candidate's bad rows, with `_broke`, into a table beside it; None if there are none.

    An expectation about the table as a whole, one that tolerates some bad rows, and a query that
    does not return the `_row` of what it found point at no row.
    """
    queries = {
        v.check: v.query
        for v in verdicts
        if v.blocks and v.status is Status.FAILED and v.by_row and v.query
        if returns(connection, v.query, ["_row"])
    }
    if not queries:
        return None
    # The names of checks are letters, digits and underscores: suites take no others.
    found = " union all ".join(
        f"select _row, '{check}' as broke from ({query}\n) as failing"
        for check, query in queries.items()
    )
    table = "candidate." + quote(candidate.name + "__bad")
    connection.execute(
        f"create or replace table {table} as select present.*, found._broke, "
        f"cast(null as map(varchar, varchar)) as _as_landed from {candidate.quoted} as present "
        "join (select _row, list(distinct broke order by broke) as _broke "
        f"from ({found}) group by _row) as found on found._row = present._row"
    )
    by_check = connection.execute(
        f"select broke, count(*) from (select unnest(_broke) as broke from {table}) group by all"
    ).fetchall()
    return BadRows(table, count_rows(connection, table), dict(by_check))


def with_unfit(
    connection: Connection, candidate: Relation, bad: BadRows | None, unfit: Unfit
) -> BadRows:
    """Return the bad rows of a candidate with those that it could not even take."""
    if bad is None:
        return BadRows(unfit.table.quoted, unfit.count, {CONTRACT_CHECK: unfit.count})
    connection.execute(f"insert into {bad.table} by name from {unfit.table.quoted}")
    by_check = bad.by_check | {CONTRACT_CHECK: unfit.count}
    return BadRows(bad.table, bad.count + unfit.count, by_check)


def take_out(connection: Connection, candidate: Relation, bad: BadRows) -> None:
    """Delete the bad rows from the candidate."""
    connection.execute(
        f"delete from {candidate.quoted} where _row in (select _row from {bad.table})"
    )


def drop_tables(connection: Connection, candidate: Relation) -> None:
    """Forget the candidate and what was found in it."""
    for name in ("", "__text", "__unfit", "__bad", "__returning"):
        connection.execute(f"drop table if exists candidate.{quote(candidate.name + name)}")


def count_rows(connection: Connection, table: str) -> int:
    """Return the number of rows of a quoted table."""
    row = connection.execute(f"select count(*) from {table}").fetchone()
    assert row is not None  # an aggregate without GROUP BY always has one row
    return int(row[0])


def let_through(
    before: Sequence[Verdict], after: Sequence[Verdict], bad: BadRows
) -> tuple[Verdict, ...]:
    """Return what there is to say of a batch whose bad rows are held back.

    Where rows were held back it is a warning that shows them; all else is about the rows that stay.
    """
    remaining = {verdict.check: verdict for verdict in after}
    return tuple(
        verdict.model_copy(
            update={
                "severity": Severity.WARNING,
                "description": f"{_rows(bad.by_check[verdict.check])} held back. "
                f"{verdict.description}".strip(),
            }
        )
        if verdict.check in bad.by_check
        else remaining[verdict.check]
        for verdict in before
    )


def _rows(number: int) -> str:
    return f"{number} row" + ("s" * (number != 1)) + (" is" if number == 1 else " are")
