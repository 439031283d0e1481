"""Suites as Dagster sees them: asset checks, one for each expectation, that gate what is built."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from assetops.errors import AssetOpsError
from assetops.ledger import Ledger
from assetops.model import EXIT_CODE, Batch, Dataset, Relation, Severity, Status, Verdict
from assetops.project import Project
from assetops.quality.report import metadata_of
from assetops.quality.suites import Suite
from assetops.quality.words import columns_of, sentence
from assetops.warehouse import Warehouse

Facts = Callable[[], Mapping[str, Any]]
BatchGate = Callable[[Dataset, Relation, Batch], list[Verdict]]


def check_specs(suite: Suite, asset_key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Return one check for each expectation; the critical ones block what comes after."""
    return [
        dg.AssetCheckSpec(
            expectation.name,
            asset=asset_key,
            blocking=expectation.severity is Severity.CRITICAL,
            description=_described(
                sentence(expectation.type, expectation.kwargs), expectation.description
            ),
            metadata={
                "severity": expectation.severity.value,
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
        _gate(project.by_address[address], suite, warehouse, ledger, facts)
        for address, suite in suites.items()
        if project.by_address[address].contract.ingest is None
    ]


def batch_gate(warehouse: Warehouse, suites: Mapping[str, Suite]) -> BatchGate:
    """Return the pre-flight: what a source's suite says about a candidate table."""

    def gate(dataset: Dataset, candidate: Relation, batch: Batch) -> list[Verdict]:
        suite = suites.get(dataset.address)
        if suite is None or not suite.expectations:
            return []
        parameters = _parameters({"as_of": batch.as_of, "partition": batch.partition})
        return _validate(warehouse, dataset, candidate, suite, parameters)

    return gate


def judge(
    dataset: Dataset, suite: Suite, warehouse: Warehouse, facts: Mapping[str, Any]
) -> tuple[list[Verdict], str]:
    """Run a suite on its table as it is now; return the verdicts and the table's state.

    Raises `CheckCouldNotRun` if the table is not there, `WarehouseBusy` if somebody keeps it.
    """
    parameters = _parameters(facts)
    verdicts = _validate(warehouse, dataset, dataset.relation, suite, parameters)
    return verdicts, warehouse.fingerprint(dataset.relation)


def _gate(
    dataset: Dataset, suite: Suite, warehouse: Warehouse, ledger: Ledger, facts: Facts
) -> dg.AssetChecksDefinition:
    key = dg.AssetKey(dataset.key)

    @dg.multi_asset_check(
        name="gate_" + "_".join(dataset.key),
        specs=check_specs(suite, key),
        can_subset=True,
        required_resource_keys={"warehouse"},
        pool="warehouse",
    )
    def gate(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        chosen = {check.name for check in context.selected_asset_check_keys}
        part = suite.model_copy(
            update={"expectations": tuple(e for e in suite.expectations if e.name in chosen)}
        )
        run_id = context.run.run_id
        try:
            with warehouse.hold(f"run {run_id}", say=context.log.info):
                verdicts, state = judge(dataset, part, warehouse, facts())
        except AssetOpsError as error:
            raise _failure(str(error), error.exit_code) from None
        ledger.record_results(dataset.address, verdicts, state=state, run_id=run_id)
        for verdict in verdicts:
            result = as_check_result(verdict, key)
            if result is not None:
                yield result
            elif not verdict.blocks:
                context.log.warning(verdict.sentence())
        _raise_for(dataset, verdicts)

    return gate


def _raise_for(dataset: Dataset, verdicts: Sequence[Verdict]) -> None:
    """Fail the step if a critical check did not pass; what could not run outranks what is bad."""
    blocking = [verdict for verdict in verdicts if verdict.blocks]
    if blocking:
        errored = any(verdict.status is Status.ERRORED for verdict in blocking)
        said = "\n".join(f"{dataset.address}: {verdict.sentence()}" for verdict in blocking)
        raise _failure(said, 2 if errored else 1)


def _failure(description: str, exit_code: int) -> dg.Failure:
    return dg.Failure(
        description=description,
        metadata={EXIT_CODE: exit_code},
        allow_retries=False,
    )


def _validate(
    warehouse: Warehouse,
    dataset: Dataset,
    relation: Relation,
    suite: Suite,
    parameters: Mapping[str, Any],
) -> list[Verdict]:
    # Great Expectations takes seconds to import: only a step that needs it pays for it.
    from assetops.quality.engine import validate

    return validate(
        warehouse.open,
        relation,
        suite,
        parameters=parameters,
        key=_key(dataset, suite),
        pii={column.name for column in dataset.columns if column.pii},
    )


def _parameters(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what suites may ask for, with what follows from it."""
    as_of = facts.get("as_of")
    day = {"as_of_minus_1_day": as_of - timedelta(days=1)} if isinstance(as_of, datetime) else {}
    return {**facts, **day}


def _key(dataset: Dataset, suite: Suite) -> list[str]:
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
