"""Reconciliation as asset checks, beside the deep ones: never in a build, never holding one up."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from assetops.errors import CheckCouldNotRun
from assetops.ledger import Ledger
from assetops.model import Dataset, Relation, Status, Verdict, literal
from assetops.project import Project
from assetops.quality.checks import key_of
from assetops.quality.deep import builds_tables
from assetops.quality.reconcile import Comparison, Row, Side
from assetops.quality.reconcile.canonical import Dialect
from assetops.quality.reconcile.landed import ReadAgain, compared_with_landed, kept_beside
from assetops.quality.reconcile.sides import forms_of, incomparable, side_in_duckdb
from assetops.quality.steps import check_step
from assetops.quality.suites import Suite
from assetops.quality.suites.counterparts import Counterpart, Reconcile, relation_of
from assetops.warehouse import Connection
from assetops.warehouse.postgres import (
    PostgresConnection,
    PostgresError,
    open_postgres,
    postgres_columns,
    rows,
    said,
)
from assetops.warehouse.snapshot import Snapshot

_THERE = "assetops_there"


@dataclass(frozen=True)
class Counterparts:
    """Where tables and what they are reconciled with come from.

    `private` holds still what the warehouse has; `released` tells the file, table and fingerprint
    that consumers read, if they do; `landed` what reads the files of a source again.
    """

    private: Callable[..., AbstractContextManager[Snapshot]]
    released: Callable[[Dataset], tuple[Path, Relation, str] | None]
    landed: Callable[[Dataset], ReadAgain]


def reconcile_checks(
    project: Project, ledger: Ledger, suites: Mapping[str, Suite], counterparts: Counterparts
) -> list[dg.AssetChecksDefinition]:
    """Return a check for each reconciliation that a suite asks for."""
    return [
        _check(
            project.by_address[address],
            suite,
            ledger,
            counterparts,
            docs=project.settings.data_docs_page,
        )
        for address, suite in suites.items()
        if suite.meta.reconcile
    ]


def _check(
    dataset: Dataset,
    suite: Suite,
    ledger: Ledger,
    counterparts: Counterparts,
    *,
    docs: Callable[[str, str], str],
) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            wanted.name,
            asset=dg.AssetKey(dataset.key),
            description=wanted.described,
            metadata={"severity": wanted.severity.value, "depth": "deep"},
        )
        for wanted in suite.meta.reconcile
    ]

    def look(context: dg.AssetCheckExecutionContext, chosen: set[str]) -> list[Verdict]:
        verdicts: list[Verdict] = []
        for wanted in suite.meta.reconcile if not builds_tables(context) else ():
            if wanted.name in chosen:
                verdict, state = _reconciled(dataset, suite, wanted, counterparts)
                run_id = context.run.run_id
                ledger.record_results(dataset.address, [verdict], state=state, run_id=run_id)
                page = docs(dataset.address, run_id)
                verdicts.append(verdict.model_copy(update={"docs": page}))
        return verdicts

    return check_step("reconcile_", specs, dg.AssetKey(dataset.key), look)


def _reconciled(
    dataset: Dataset, suite: Suite, wanted: Reconcile, counterparts: Counterparts
) -> tuple[Verdict, str]:
    """Return what a reconciliation found, and the state of the table that it is about."""
    state = "not looked at"
    try:
        with ExitStack() as stack:
            beside = kept_beside(dataset) if wanted.where is Counterpart.LANDED else ()
            hold = counterparts.private(dataset.relation, _all, seed=0, beside=beside)
            still = stack.enter_context(hold)
            state = still.state
            if wanted.where is Counterpart.LANDED:
                seed = suite.meta.deep.seed
                again = counterparts.landed(dataset)
                return compared_with_landed(still, dataset, wanted, again, seed=seed), state
            connection = stack.enter_context(closing(still.open()))
            here = side_in_duckdb("the table", connection, still.relation.quoted)
            if wanted.connection:
                reached = stack.enter_context(closing(open_postgres(wanted.connection)))
                there = _in_postgres(reached, dataset, wanted)
            else:
                there = _released(connection, dataset, counterparts)
            key = wanted.key or [name for name in key_of(dataset, suite) if name != "_row"]
            comparison = Comparison(
                forms=forms_of(here, there, wanted.columns, key),
                key=key,
                buckets=wanted.buckets,
                pii={column.name for column in dataset.columns if column.pii},
            )
            found = comparison.verdict(here, there, check=wanted.name, severity=wanted.severity)
            return found, state
    except CheckCouldNotRun as error:
        errored = Verdict(
            check=wanted.name,
            severity=wanted.severity,
            status=Status.ERRORED,
            expected=wanted.described,
            error=str(error),
        )
        return errored, state


def _all(rows: int) -> None:
    return None


def _released(connection: Connection, dataset: Dataset, counterparts: Counterparts) -> Side:
    found = counterparts.released(dataset)
    if found is None:
        raise CheckCouldNotRun(f"{dataset.address} is in no release yet. Build and publish it.")
    file, relation, _ = found
    connection.execute(f"attach {literal(str(file))} as {_THERE} (read_only)")
    return side_in_duckdb("the release", connection, f"{_THERE}.{relation.quoted}")


def _in_postgres(connection: PostgresConnection, dataset: Dataset, wanted: Reconcile) -> Side:
    relation = relation_of(wanted.table) if wanted.table else dataset.relation
    try:
        types = dict(postgres_columns(connection, relation))
    except PostgresError as error:
        raise CheckCouldNotRun(f"{relation} cannot be read in Postgres: {said(error)}.") from None
    if not types:
        raise CheckCouldNotRun(
            f"{relation} is not there, in the Postgres of {wanted.connection}. "
            "Name its table in reconcile.table, as schema.table."
        )

    def ask(sql: str) -> Sequence[Row]:
        try:
            return rows(connection, sql)
        except PostgresError as error:
            raise incomparable(getattr(error, "orig", None) or error) from None

    return Side("Postgres", Dialect.POSTGRES, relation.quoted, ask, types)
