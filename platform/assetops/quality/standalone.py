"""Suites as asset checks in a Dagster project that has no use for the rest of the platform."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from assetops.errors import SuiteError
from assetops.model import Relation, Verdict
from assetops.quality.elsewhere import is_elsewhere
from assetops.quality.running import Table, run_suite
from assetops.quality.steps import suite_step
from assetops.quality.suites import read_suite
from assetops.quality.suites.inputs import Input, input_mistakes
from assetops.quality.suites.parameters import (
    PARAMETERS,
    WEEKDAYS,
    days_of,
    days_said,
    parameters_of,
)
from assetops.quality.suites.reading import Surroundings
from assetops.warehouse.foreign import open_beside
from assetops.warehouse.postgres import open_postgres
from assetops.warehouse.sparing import Memory

Database = str | Path | Callable[[], Any] | None


def suite_checks(
    asset: dg.AssetKey | Sequence[str] | str,
    suite: str | Path,
    database: Database = None,
    *,
    connection: str | None = None,
    table: str | None = None,
    input: Mapping[str, Any] | None = None,
    key: Sequence[str] = (),
    pii: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    pool: str | None = None,
) -> dg.AssetChecksDefinition:
    """Return a Great Expectations suite as checks of an asset, one for each expectation.

    Args:
        asset: The asset that is checked, such as `orders` or `sales/orders`.
        suite: The suite's JSON file, as GX writes it.
        database: A DuckDB file, or a function that opens a connection to one, which is closed
            again. Not needed where the suite looks at files.
        connection: The environment variable with the URL of a Postgres server, where the table is.
        table: The table as schema.table; by default the last two parts of the asset's key.
        input: What to look at instead of the table; else the suite's `meta.assetops.input` says.
        key: The columns that tell a person which row is meant.
        pii: The columns whose values are masked wherever rows are shown.
        parameters: What the suite may ask for as `$PARAMETER`, beside `as_of`, `partition` and what
            follows from them; a function is called when the checks run.
        pool: The Dagster pool that the checks take part in.

    Raises:
        SuiteError: The suite or the input is malformed; each mistake with its file and line.
    """
    asset_key = (
        dg.AssetKey.from_user_string(asset)
        if isinstance(asset, str)
        else dg.AssetKey.from_coercible(asset)
    )
    path, own = Path(suite), dict(parameters or {})
    subject = Surroundings(
        address=asset_key.to_user_string(), parameters=(*PARAMETERS, *WEEKDAYS, *own)
    )
    read = read_suite(path, subject, shown=str(suite))
    if input is not None:
        read = read.model_copy(update={"input": _input(input, asset_key)})
    if connection is not None:
        read = read.model_copy(update={"input": _elsewhere(read.input, connection, asset_key)})
    relation = _relation(table, asset_key, "public" if is_elsewhere(read) else "main")
    looked_at = Table(relation, path.parent, key=list(key), pii=frozenset(pii))
    opened = _opener(read.input, database)
    # A connection of somebody's own keeps the limit that it has.
    memory = None if callable(database) else Memory(limit=None)

    def look(context: dg.AssetCheckExecutionContext, chosen: set[str]) -> list[Verdict]:
        known = {
            **parameters_of(_facts(context)),
            **{name: value() if callable(value) else value for name, value in own.items()},
        }
        verdicts = run_suite(read.only(chosen), looked_at, opened, known, memory)
        days = days_said(context.run.tags)
        return [verdict.model_copy(update={"partition": days}) for verdict in verdicts]

    return suite_step(read, asset_key, look, pool=pool)


def _facts(context: dg.AssetCheckExecutionContext) -> dict[str, Any]:
    """Return the days of the run; rules about age look at them from the last one's end."""
    days = days_of(context.run.tags)
    if not days:
        return {"as_of": datetime.combine(datetime.now(UTC).date(), time())}
    return {**days, "as_of": parameters_of(days)["partition_end"]}


def _input(block: Mapping[str, Any], key: dg.AssetKey) -> Input:
    mistakes = [
        f"{key.to_user_string()}: {said.replace('meta.assetops.', '')}"
        for said, _ in input_mistakes(block)
    ]
    if mistakes:
        raise SuiteError("\n".join(mistakes))
    return Input.model_validate(block)


def _elsewhere(looked_at: Input | None, connection: str, key: dg.AssetKey) -> Input:
    """Return an input as one that is in Postgres."""
    whole = _input({"connection": connection}, key)
    if looked_at is None:
        return whole
    if looked_at.files is not None:
        raise SuiteError(
            f"{key.to_user_string()}: files are not in Postgres: leave one of them out."
        )
    return looked_at.model_copy(update={"connection": connection})


def _opener(looked_at: Input | None, database: Database) -> Callable[[], Any]:
    if looked_at is not None and looked_at.connection is not None:
        return partial(open_postgres, looked_at.connection)
    return database if callable(database) else partial(open_beside, database)


def _relation(table: str | None, key: dg.AssetKey, schema: str) -> Relation:
    parts = table.split(".") if table else list(key.path)
    schema, name = parts[-2:] if parts[1:] else (schema, parts[0])
    return Relation(schema_name=schema, name=name)
