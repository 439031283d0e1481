"""Runs a suite on its input: prepares what it looks at, and hands that to the engine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assetops.model import Relation, Verdict
from assetops.quality.suites import Suite
from assetops.quality.suites.inputs import prepared


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
    suite: Suite, table: Table, open_connection: Callable[[], Any], parameters: Mapping[str, Any]
) -> list[Verdict]:
    """Return one verdict for each expectation of a suite, on what its input says.

    Raises `CheckCouldNotRun` if that is not there or cannot be read.
    """
    # Great Expectations takes seconds to import: only a step that needs it pays for it.
    from assetops.quality.engine import validate

    connection = open_connection()
    try:
        looked_at = prepared(
            connection,
            suite.input,
            table.relation,
            base=table.base,
            parameters=parameters,
            types=table.types,
        )
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
    return [
        verdict.model_copy(update={"query": looked_at.lasting(verdict.query)})
        if verdict.query
        else verdict
        for verdict in verdicts
    ]
