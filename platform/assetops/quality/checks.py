"""Suites as gates: of a batch before it is loaded, and of a table once it is built."""

from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from assetops.ledger import Ledger
from assetops.model import Batch, Dataset, Relation, Verdict
from assetops.project import Project
from assetops.quality.elsewhere import seen
from assetops.quality.previous import compared
from assetops.quality.running import Table, run_suite
from assetops.quality.steps import suite_step
from assetops.quality.suites import Suite
from assetops.quality.suites.parameters import days_of, days_said, parameters_of
from assetops.quality.suites.words import columns_of
from assetops.settings import Settings
from assetops.warehouse import Connection, Warehouse
from assetops.warehouse.failing import keep_failing
from assetops.warehouse.sparing import Memory

Facts = Callable[[], Mapping[str, Any]]
BatchGate = Callable[[Dataset, Relation, Batch], list[Verdict]]


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
        suite, previous = compared(
            suite,
            lambda: ledger.last_accepted(
                dataset.address, other_than=batch.fingerprint, before=batch.partition
            ),
        )
        parameters = parameters_of({"as_of": batch.as_of, "partition": batch.partition})
        known = parameters | previous
        return validated(
            warehouse.open,
            dataset,
            candidate,
            suite,
            parameters=known,
            root=Path(),
            memory=replace(warehouse.memory, in_memory=True),
        )

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
    with seen(suite, dataset.relation, warehouse, root) as found:
        state, parameters = found.state, parameters_of(facts)
        suite, previous = compared(
            suite, lambda: ledger.last_accepted(dataset.address, other_than=state)
        )
        if chosen is not None:
            suite = suite.only(chosen)
        return validated(
            found.open,
            dataset,
            found.relation,
            suite,
            parameters=parameters | previous,
            root=root,
            memory=warehouse.memory,
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


def validated(
    open_connection: Callable[[], Connection],
    dataset: Dataset,
    relation: Relation,
    suite: Suite,
    *,
    parameters: Mapping[str, Any],
    root: Path,
    memory: Memory,
) -> list[Verdict]:
    """Return what a suite finds in a relation that holds rows of the dataset."""
    table = Table(
        relation=relation,
        base=root,
        types={column.name: column.data_type for column in dataset.columns},
        key=key_of(dataset, suite),
        pii=frozenset(column.name for column in dataset.columns if column.pii),
    )
    return run_suite(suite, table, open_connection, parameters, memory)


def key_of(dataset: Dataset, suite: Suite) -> list[str]:
    """Return the columns by which a person knows a row: the contract's, or what is unique."""
    if dataset.contract.ingest:
        return ["_row", *dataset.contract.ingest.key]
    for expectation in suite.expectations:
        if expectation.type.endswith("columns_to_be_unique"):
            return columns_of(expectation.kwargs)
    unique = [test.column for test in dataset.tests if test.name.startswith("unique_")]
    return [column for column in unique if column][:1] or [c.name for c in dataset.columns[:1]]
