"""What a suite looks at when that is in a Postgres of somebody else's, held still meanwhile."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assetops.errors import CheckCouldNotRun
from assetops.model import Relation, quote
from assetops.quality.suites import Suite
from assetops.quality.suites.counterparts import relation_of
from assetops.quality.suites.inputs import Input, Prepared, files_state, within
from assetops.warehouse import Warehouse
from assetops.warehouse.postgres import (
    PostgresConnection,
    PostgresError,
    make_temporary,
    open_postgres,
    postgres_columns,
    postgres_fingerprint,
    read_only,
    said,
)

_PREPARED = Relation(schema_name="pg_temp", name="batch_to_check")


@dataclass(frozen=True)
class Seen:
    """What a suite looks at: how it is opened, and what identifies its content."""

    open: Callable[[], Any]
    relation: Relation
    state: str
    sampled_of: int | None = None


def is_elsewhere(suite: Suite) -> bool:
    """Say whether a suite looks at a table in Postgres."""
    return suite.input is not None and suite.input.connection is not None


@contextmanager
def seen_elsewhere(suite: Suite, relation: Relation, *, state: str | None = None) -> Iterator[Seen]:
    """Yield the table in Postgres that a suite looks at, as it is at one moment.

    Its own content is its state, unless it is looked at for another's.

    Raises `CheckCouldNotRun` if the server or the table cannot be reached.
    """
    assert suite.input is not None and suite.input.connection is not None  # is_elsewhere
    there = _there(suite.input, relation)
    with closing(open_postgres(suite.input.connection)) as connection:
        state = state or _state(connection, suite.input, there)
        yield Seen(lambda: connection, relation, state)


@contextmanager
def seen(suite: Suite, relation: Relation, warehouse: Warehouse, root: Path) -> Iterator[Seen]:
    """Yield what a suite looks at, with its state.

    Raises `CheckCouldNotRun` or `WarehouseBusy` if it cannot be reached.
    """
    # Publication asks what was found while the mart was as it is, wherever that was looked for.
    state = warehouse.fingerprint(relation) if warehouse.exists(relation) else None
    if suite.input is not None and suite.input.files is not None:
        yield Seen(warehouse.open, relation, state or files_state(suite.input.files, root))
    elif is_elsewhere(suite):
        with seen_elsewhere(suite, relation, state=state) as found:
            yield found
    else:
        yield Seen(warehouse.open, relation, state or "no table")


def prepared_elsewhere(
    connection: PostgresConnection,
    looked_at: Input | None,
    table: Relation,
    parameters: Mapping[str, Any],
) -> Prepared:
    """Return the relation, of this connection alone, that a suite is to be run on in Postgres.

    Raises:
        CheckCouldNotRun: There is nothing to look at, or it cannot be read.
    """
    if looked_at is not None and looked_at.files is not None:
        raise CheckCouldNotRun(
            f"{looked_at.files} cannot be read by Postgres: leave the connection out."
        )
    there = _there(looked_at, table)
    with _readable(there):
        if not (_has_query(looked_at) or postgres_columns(connection, there)):
            raise CheckCouldNotRun(f"{there} is not there to be checked. Build it first.")
        query = _query(looked_at, there, parameters)
        if query:
            make_temporary(connection, quote(_PREPARED.name), query)
        read_only(connection)
    return Prepared(relation=_PREPARED if query else there, made_from=query)


def _state(connection: PostgresConnection, looked_at: Input, there: Relation) -> str:
    with _readable(there):
        if _has_query(looked_at):
            return postgres_fingerprint(connection, f"({_query(looked_at, there, {})})")
        if not postgres_columns(connection, there):
            return "no table"
        return postgres_fingerprint(connection, there.quoted)


def _there(looked_at: Input | None, table: Relation) -> Relation:
    return relation_of(looked_at.table) if looked_at and looked_at.table else table


def _has_query(looked_at: Input | None) -> bool:
    return looked_at is not None and looked_at.query is not None


def _query(looked_at: Input | None, there: Relation, parameters: Mapping[str, Any]) -> str | None:
    """Return the query whose rows a suite looks at, if they are not those of the whole table."""
    if looked_at is None:
        return None
    if looked_at.query is not None:
        query = looked_at.query.replace("{table}", there.quoted).strip().rstrip(";")
        return f"select * from (\n{query}\n) as asked"
    if looked_at.range or looked_at.partition:
        return f"select * from {there.quoted} where {within(looked_at, parameters)}"
    return None


@contextmanager
def _readable(there: Relation) -> Iterator[None]:
    try:
        yield
    except PostgresError as error:
        raise CheckCouldNotRun(f"{there} cannot be read in Postgres: {said(error)}.") from None
