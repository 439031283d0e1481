"""Suites as Dagster sees them: asset checks, one for each expectation, that gate what is built."""

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from assetops.errors import AssetOpsError
from assetops.ledger import Ledger
from assetops.model import EXIT_CODE, Batch, Dataset, Relation, Severity, Status, Verdict
from assetops.project import Project
from assetops.quality.previous import compared
from assetops.quality.report import metadata_of
from assetops.quality.running import Table, run_suite
from assetops.quality.suites import Suite
from assetops.quality.suites.depth import Depth
from assetops.quality.suites.inputs import files_state
from assetops.quality.suites.parameters import days_of, days_said, parameters_of
from assetops.quality.suites.words import columns_of, sentence
from assetops.settings import Settings
from assetops.warehouse import Connection, Warehouse
from assetops.warehouse.failing import keep_failing

Facts = Callable[[], Mapping[str, Any]]
Look = Callable[[dg.AssetCheckExecutionContext, set[str]], list[Verdict]]
BatchGate = Callable[[Dataset, Relation, Batch], list[Verdict]]


def check_specs(
    suite: Suite, asset_key: dg.AssetKey, *, depth: Depth = Depth.LIGHT
) -> list[dg.AssetCheckSpec]:
    """Return one check for each expectation; the critical light ones block what comes after.

    Deep ones run when that is there already: publication asks the ledger for them.
    """
    return [
        dg.AssetCheckSpec(
            expectation.name,
            asset=asset_key,
            blocking=depth is Depth.LIGHT and expectation.severity is Severity.CRITICAL,
            description=_described(
                sentence(expectation.type, expectation.kwargs), expectation.description
            ),
            metadata={
                "severity": expectation.severity.value,
                "depth": depth.value,
                "expectation": expectation.type,
                "suite": "/".join(("gx", "expectations", f"{suite.address}.json")),
            },
        )
        for expectation in suite.expectations
    ]


def as_check_result(verdict: Verdict, asset_key: dg.AssetKey) -> dg.AssetCheckResult | None:
    """Return a verdict as Dagster's result; a check that could not run has none to give."""
    if verdict.status is Status.ERRORED:
        return None
    critical = verdict.severity is Severity.CRITICAL
    return dg.AssetCheckResult(
        passed=verdict.status is Status.PASSED,
        check_name=verdict.check,
        asset_key=asset_key,
        severity=dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN,
        description=verdict.description or None,
        metadata=metadata_of(verdict),
    )


def gate_checks(
    project: Project,
    warehouse: Warehouse,
    ledger: Ledger,
    suites: Mapping[str, Suite],
    facts: Facts,
) -> list[dg.AssetChecksDefinition]:
    """Return the gate of every table that is built here and has a suite.

    Args:
        project: Knows the datasets. Ingested sources have their gate before they are loaded.
        warehouse: Where the tables are.
        ledger: Remembers each verdict, on the content that it is about.
        suites: By dataset address.
        facts: Tells, when a gate runs, what suites may ask for; at least `as_of`.
    """
    return [
        _gate(
            project.by_address[address],
            suite,
            warehouse,
            ledger,
            settings=project.settings,
            facts=facts,
            limit=project.settings.quarantine_rows,
        )
        for address, suite in suites.items()
        if project.by_address[address].contract.ingest is None and suite.expectations
    ]


def batch_gate(warehouse: Warehouse, ledger: Ledger, suites: Mapping[str, Suite]) -> BatchGate:
    """Return the pre-flight: what a source's suite says about a candidate table."""

    def gate(dataset: Dataset, candidate: Relation, batch: Batch) -> list[Verdict]:
        suite = suites.get(dataset.address)
        if suite is None or not suite.expectations:
            return []
        before = ledger.last_accepted(
            dataset.address, other_than=batch.fingerprint, before=batch.partition
        )
        suite, previous = compared(suite, before)
        parameters = parameters_of({"as_of": batch.as_of, "partition": batch.partition})
        known = parameters | previous
        return validated(warehouse.open, dataset, candidate, suite, parameters=known, root=Path())

    return gate


def judge(
    dataset: Dataset,
    suite: Suite,
    warehouse: Warehouse,
    ledger: Ledger,
    *,
    facts: Mapping[str, Any],
    root: Path,
    chosen: Container[str] | None = None,
) -> tuple[list[Verdict], str]:
    """Run a suite, or its chosen checks, on its input as it is now.

    Returns the verdicts, and the state of what they are about.

    Raises `CheckCouldNotRun` if the table is not there, `WarehouseBusy` if somebody keeps it.
    """
    if suite.input is not None and suite.input.files is not None:
        state = files_state(suite.input.files, root)
    else:
        there = warehouse.exists(dataset.relation)
        state = warehouse.fingerprint(dataset.relation) if there else "no table"
    suite, previous = compared(suite, ledger.last_accepted(dataset.address, other_than=state))
    if chosen is not None:
        suite = suite.only(chosen)
    parameters = parameters_of(facts) | previous
    return validated(
        warehouse.open, dataset, dataset.relation, suite, parameters=parameters, root=root
    ), state


def _gate(
    dataset: Dataset,
    suite: Suite,
    warehouse: Warehouse,
    ledger: Ledger,
    *,
    settings: Settings,
    facts: Facts,
    limit: int,
) -> dg.AssetChecksDefinition:
    def look(context: dg.AssetCheckExecutionContext, chosen: set[str]) -> list[Verdict]:
        run_id = context.run.run_id
        known = {**facts(), **days_of(context.run.tags)}
        with warehouse.hold(f"run {run_id}", say=context.log.info):
            verdicts, state = judge(
                dataset, suite, warehouse, ledger, facts=known, root=settings.root, chosen=chosen
            )
            # One check alone says nothing of the rows that others have found.
            if len(verdicts) == len(suite.expectations):
                with warehouse.connect() as connection:
                    keep_failing(
                        connection, dataset, verdicts, state=state, run_id=run_id, limit=limit
                    )
        days = days_said(context.run.tags)
        ledger.record_results(dataset.address, verdicts, state=state, run_id=run_id, partition=days)
        docs = settings.data_docs_page(dataset.address, run_id, days)
        return [v.model_copy(update={"partition": days, "docs": docs}) for v in verdicts]

    return suite_step(suite, dg.AssetKey(dataset.key), look, resources={"warehouse"})


def suite_step(
    suite: Suite,
    key: dg.AssetKey,
    look: Look,
    *,
    resources: set[str] | None = None,
    pool: str | None = "warehouse",
    depth: Depth = Depth.LIGHT,
) -> dg.AssetChecksDefinition:
    """Return a suite as asset checks, of which one step runs all or those that are chosen.

    Args:
        suite: The expectations, one check for each.
        key: The asset that they are about.
        look: Runs the checks of these names; an `AssetOpsError` fails the step in plain words.
        resources: The resources that have to be there when it looks.
        pool: The Dagster pool that the step takes part in.
        depth: Deep checks have a step of their own.
    """
    step = "gate_" if depth is Depth.LIGHT else "deep_"
    specs = check_specs(suite, key, depth=depth)
    return check_step(step, specs, key, look, resources=resources, pool=pool)


def check_step(
    prefix: str,
    specs: Sequence[dg.AssetCheckSpec],
    key: dg.AssetKey,
    look: Look,
    *,
    resources: set[str] | None = None,
    pool: str | None = None,
) -> dg.AssetChecksDefinition:
    """Return one step that runs an asset's checks, named by what kind of step it is."""

    @dg.multi_asset_check(
        name=re.sub(r"[^A-Za-z0-9_]", "_", prefix + "_".join(key.path)),
        specs=specs,
        can_subset=True,
        required_resource_keys=resources or set(),
        pool=pool,
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        chosen = {check.name for check in context.selected_asset_check_keys}
        try:
            verdicts = look(context, chosen)
        except AssetOpsError as error:
            raise _failure(str(error), error.exit_code) from None
        for verdict in verdicts:
            result = as_check_result(verdict, key)
            if result is not None:
                yield result
            elif not verdict.blocks:
                context.log.warning(verdict.sentence())
        _raise_for(key.to_user_string(), verdicts)

    return checks


def _raise_for(address: str, verdicts: Sequence[Verdict]) -> None:
    """Fail the step if a critical check did not pass; what could not run outranks what is bad."""
    blocking = [verdict for verdict in verdicts if verdict.blocks]
    if blocking:
        errored = any(verdict.status is Status.ERRORED for verdict in blocking)
        said = "\n".join(f"{address}: {verdict.sentence()}" for verdict in blocking)
        raise _failure(said, 2 if errored else 1)


def _failure(description: str, exit_code: int) -> dg.Failure:
    return dg.Failure(
        description=description,
        metadata={EXIT_CODE: exit_code},
        allow_retries=False,
    )


def validated(
    open_connection: Callable[[], Connection],
    dataset: Dataset,
    relation: Relation,
    suite: Suite,
    *,
    parameters: Mapping[str, Any],
    root: Path,
) -> list[Verdict]:
    """Return what a suite finds in a relation that holds rows of the dataset."""
    table = Table(
        relation=relation,
        base=root,
        types={column.name: column.data_type for column in dataset.columns},
        key=key_of(dataset, suite),
        pii=frozenset(column.name for column in dataset.columns if column.pii),
    )
    return run_suite(suite, table, open_connection, parameters)


def key_of(dataset: Dataset, suite: Suite) -> list[str]:
    """Return the columns by which a person knows a row: the contract's, or what is unique."""
    if dataset.contract.ingest:
        return ["_row", *dataset.contract.ingest.key]
    for expectation in suite.expectations:
        if expectation.type.endswith("columns_to_be_unique"):
            return columns_of(expectation.kwargs)
    unique = [test.column for test in dataset.tests if test.name.startswith("unique_")]
    return [column for column in unique if column][:1] or [c.name for c in dataset.columns[:1]]


def _described(expected: str, reason: str) -> str:
    return f"Expects {expected}." + (f" {reason}" if reason else "")
