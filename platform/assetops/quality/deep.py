"""Deep checks: what takes long, asked aside from builds, of a table that is held still."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition as DeepJob,
)

from assetops.errors import AssetOpsError, ConfigError
from assetops.ledger import Ledger
from assetops.model import CRON, Dataset, Severity, Verdict, is_cron
from assetops.project import Project
from assetops.quality.checks import Facts, validated
from assetops.quality.elsewhere import is_elsewhere, seen_elsewhere
from assetops.quality.previous import compared
from assetops.quality.steps import suite_step
from assetops.quality.suites import Suite
from assetops.quality.suites.depth import Depth
from assetops.quality.suites.parameters import parameters_of
from assetops.settings import Settings
from assetops.warehouse import SqlError, Warehouse
from assetops.warehouse.failing import keep_failing
from assetops.warehouse.snapshot import SampleSize, Snapshot

DEEP_JOB = "deep_checks"
# Holds a dataset's table still for as long as it is looked at.
Hold = Callable[[Dataset, SampleSize, int], AbstractContextManager[Snapshot]]


def deep_checks(
    project: Project,
    ledger: Ledger,
    suites: Mapping[str, Suite],
    hold: Hold,
    *,
    facts: Facts,
    warehouse: Warehouse,
) -> list[dg.AssetChecksDefinition]:
    """Return the deep checks of every dataset whose suite has some.

    Args:
        project: Knows the datasets.
        ledger: Remembers each verdict; a critical one that did not pass holds publication back.
        suites: By dataset address, whole.
        hold: Holds the table still that is to be looked at.
        facts: Tells what suites may ask for; only called for a suite that asks.
        warehouse: Where the rows are kept that fail.
    """
    parts = {address: suite.part(Depth.DEEP) for address, suite in suites.items()}
    return [
        _deep(
            project.by_address[address],
            part,
            ledger,
            hold,
            settings=project.settings,
            facts=facts,
            warehouse=warehouse,
        )
        for address, part in parts.items()
        if part.expectations
    ]


def deep_jobs(checks: Sequence[dg.AssetChecksDefinition]) -> list[DeepJob]:
    """Return the job of all deep checks, if there are some."""
    selection = dg.AssetSelection.checks(*checks)
    return [dg.define_asset_job(DEEP_JOB, selection=selection)] if checks else []


def deep_schedules(
    suites: Mapping[str, Suite], checks: Sequence[dg.AssetChecksDefinition], settings: Settings
) -> list[dg.ScheduleDefinition]:
    """Return a schedule for each cron line that suites name; each asks its suites' deep checks.

    Where schedules do not belong there are none: one that is there could be turned on.
    """
    if not settings.keeps_schedules:
        return []
    default = settings.deep_schedule
    if not is_cron(default):
        raise ConfigError(f"ASSETOPS_DEEP_SCHEDULE is {default!r}: expected a {CRON}.")
    by_cron: dict[str, list[dg.AssetCheckKey]] = {}
    for check in checks:
        for key in check.check_keys:
            meta = suites["/".join(key.asset_key.path)].meta
            by_cron.setdefault(meta.deep.schedule or default, []).append(key)
    return [_schedule(cron, keys) for cron, keys in sorted(by_cron.items())]


def standing_objections(
    ledger: Ledger, suites: Mapping[str, Suite], addresses: Iterable[str]
) -> list[tuple[str, Verdict, str]]:
    """Return the critical deep checks of datasets that did not pass when they last ran, and why."""
    found = []
    for address in addresses:
        deep = suites[address].part(Depth.DEEP).expectations if address in suites else ()
        critical = {e.name for e in deep if e.severity is Severity.CRITICAL}
        newest = [verdict for verdict, _, _ in ledger.latest_results(address)] if critical else []
        why = f"It is a deep check: it stands until `assetops check {address} --deep` passes."
        found += [(address, v, why) for v in newest if v.check in critical and v.blocks]
    return found


def _deep(
    dataset: Dataset,
    suite: Suite,
    ledger: Ledger,
    hold: Hold,
    *,
    settings: Settings,
    facts: Facts,
    warehouse: Warehouse,
) -> dg.AssetChecksDefinition:
    # Rows of a source are in raw, and are not to be mixed with those of its batches.
    keeps = dataset.contract.ingest is None

    def look(context: dg.AssetCheckExecutionContext, chosen: set[str]) -> list[Verdict]:
        if builds_tables(context):
            return []
        known, deep = facts() if _asks(suite) else {}, suite.meta.deep
        with (
            seen_elsewhere(suite, dataset.relation)
            if is_elsewhere(suite)
            else hold(dataset, deep.sample_size, deep.seed)
        ) as still:
            state = still.state
            part, previous = compared(
                suite, lambda: ledger.last_accepted(dataset.address, other_than=state)
            )
            found = validated(
                still.open,
                dataset,
                still.relation,
                part.only(chosen),
                parameters=parameters_of(known) | previous,
                root=settings.root,
                memory=warehouse.memory,
            )
            if keeps and isinstance(still, Snapshot) and len(found) == len(suite.expectations):
                _keep(context, warehouse, dataset, found, still, limit=settings.quarantine_rows)
        verdicts = [v.model_copy(update={"sampled_of": still.sampled_of}) for v in found]
        run_id = context.run.run_id
        ledger.record_results(dataset.address, verdicts, state=still.state, run_id=run_id)
        docs = settings.data_docs_page(dataset.address, run_id)
        return [verdict.model_copy(update={"docs": docs}) for verdict in verdicts]

    return suite_step(suite, dg.AssetKey(dataset.key), look, pool=None, depth=Depth.DEEP)


def _keep(
    context: dg.AssetCheckExecutionContext,
    warehouse: Warehouse,
    dataset: Dataset,
    verdicts: Sequence[Verdict],
    still: Snapshot,
    *,
    limit: int,
) -> None:
    """Keep the rows that failed; where a build has the warehouse for long, the verdict goes on."""
    run_id = context.run.run_id
    try:
        with warehouse.connect() as connection:
            keep_failing(
                connection,
                dataset,
                verdicts,
                state=still.state,
                run_id=run_id,
                limit=limit,
                still=still,
            )
    except (AssetOpsError, SqlError) as error:
        # What was found is worth more than its evidence. DuckDB's own words may quote a value.
        why = error if isinstance(error, AssetOpsError) else type(error).__name__
        context.log.warning(f"The rows that failed are not kept in quarantine: {why}")


def builds_tables(context: dg.AssetCheckExecutionContext) -> bool:
    """Say whether the run makes tables: then what takes long is left out of it."""
    builds = bool(context.job_def.asset_layer.selected_asset_keys)
    if builds:
        context.log.info("Left out: deep checks do not run while tables are built.")
    return builds


def _asks(suite: Suite) -> bool:
    """Say whether a suite needs facts, which in development are read from the warehouse."""
    said = json.dumps([e.kwargs for e in suite.expectations], default=str)
    return suite.input is not None or "$PARAMETER" in said


def _schedule(cron: str, keys: Sequence[dg.AssetCheckKey]) -> dg.ScheduleDefinition:
    def request(_: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(asset_selection=[], asset_check_keys=list(keys))

    words = {"*": "any", "/": "per", ",": "and", "-": "to", " ": "_"}
    name = re.sub(r"\W", "_", "".join(words.get(letter, letter) for letter in cron))
    return dg.ScheduleDefinition(
        name=f"{DEEP_JOB}_at_{name}",
        # By its name: of two jobs that are called the same Dagster takes neither.
        job_name=DEEP_JOB,
        cron_schedule=cron,
        execution_fn=request,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Asks the deep checks that are due, of tables that are held still.",
    )
