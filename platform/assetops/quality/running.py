"""Runs a suite on its input: prepares what it looks at, and hands that to the engine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from assetops.model import Relation, Verdict
from assetops.quality.elsewhere import prepared_elsewhere
from assetops.quality.suites import Suite
from assetops.quality.suites.inputs import Prepared, prepared
from assetops.warehouse.postgres import PostgresConnection
from assetops.warehouse.sparing import Memory, SparingConnection


@dataclass(frozen=True)
class Table:
    """What is known of the table that a suite is about."""

    relation: Relation
    # The folder that an input's relative paths start from.
    base: Path
    types: Mapping[str, str | None] = field(default_factory=dict)
    # The columns by which a person knows a row.
    key: list[str] = field(default_factory=list)
    # The columns whose values nobody may see in a verdict.
    pii: frozenset[str] = frozenset()


def run_suite(
    suite: Suite,
    table: Table,
    open_connection: Callable[[], Any],
    parameters: Mapping[str, Any],
    memory: Memory | None,
) -> list[Verdict]:
    """Return one verdict for each expectation of a suite, on what its input says.

    Args:
        suite: What is expected.
        table: What the suite is about.
        open_connection: Opens what it looks at; the connection is closed again.
        parameters: What the suite may ask for as `$PARAMETER`.
        memory: What DuckDB may use meanwhile; None leaves the connection as it is.

    Raises:
        CheckCouldNotRun: What it looks at is not there or cannot be read.
    """
    # Great Expectations takes seconds to import: only a step that needs it pays for it.
    from assetops.quality.engine import validate

    connection = open_connection()
    try:
        looked_at = _prepared(suite, table, connection, parameters)
        if memory is not None and not isinstance(connection, PostgresConnection):
            # What it was prepared from is in memory now, and stays there.
            held = memory.in_memory or looked_at.made_from is not None
            connection = SparingConnection(connection, replace(memory, in_memory=held))
        verdicts = validate(
            lambda: connection,
            looked_at.relation,
            suite,
            parameters=parameters,
            key=table.key,
            pii=table.pii,
        )
    finally:
        connection.close()
    elsewhere = isinstance(connection, PostgresConnection)
    return [
        verdict.model_copy(
            update={
                "query": looked_at.lasting(verdict.query),
                # What is kept of rows that fail is asked of the warehouse, which has none of these.
                "by_row": verdict.by_row and not elsewhere,
            }
        )
        if verdict.query
        else verdict
        for verdict in verdicts
    ]


def _prepared(
    suite: Suite, table: Table, connection: Any, parameters: Mapping[str, Any]
) -> Prepared:
    if isinstance(connection, PostgresConnection):
        return prepared_elsewhere(connection, suite.input, table.relation, parameters)
    return prepared(
        connection,
        suite.input,
        table.relation,
        base=table.base,
        parameters=parameters,
        types=table.types,
    )
