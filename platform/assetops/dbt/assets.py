"""dbt's models, snapshots and seeds as assets, and its tests as checks that block."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.definitions.source_asset import (
    SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION as NO_EVENT,
)

from assetops.dbt.accounting import raise_for, remember
from assetops.dbt.artifacts import artifacts_of
from assetops.dbt.built import BuiltTables
from assetops.dbt.causes import tried_again
from assetops.dbt.cut import Cut
from assetops.dbt.early import import_dagster_dbt
from assetops.dbt.landed import landed_partitions, only_pending
from assetops.dbt.lines import PROCESS_TAG
from assetops.dbt.resume import done_before
from assetops.dbt.steps import Step, steps_of
from assetops.dbt.stops import told_whole
from assetops.dbt.unit_tests import UnitTests
from assetops.ledger import Ledger
from assetops.model import FULL_REFRESH, READ_UP_TO, Dataset
from assetops.project import Project
from assetops.warehouse import Warehouse

if TYPE_CHECKING:
    from assetops.dbt.invoke import Invocation


@dataclass(frozen=True)
class Transformation:
    """What a dbt run needs besides Dagster's context."""

    cut: Cut
    warehouse: Warehouse
    ledger: Ledger
    as_of: Callable[[], datetime | None]
    # Says which days a run is about, by its tags: its results are remembered with them.
    days: Callable[[Mapping[str, str]], str | None]

    @cached_property
    def translation(self) -> tuple[Any, Mapping[str, Any]]:
        """What dagster-dbt needs to tell of nodes: the translator, and the manifest as it sees it.

        The steps of a run share it.
        """
        import_dagster_dbt()
        from assetops.dbt.specs import Translator, with_places

        return Translator(self.project), with_places(self.cut)

    @property
    def project(self) -> Project:
        """What the graph is of."""
        return self.cut.project

    def docs(self, asset: dg.AssetKey, run: dg.DagsterRun) -> str:
        """Return where a person reads what a run found on an asset."""
        settings = self.project.settings
        return settings.data_docs_page("/".join(asset.path), run.run_id, self.days(run.tags))


def transformed_assets(
    work: Transformation, partitions: dg.PartitionsDefinition[str] | None
) -> list[dg.AssetsDefinition]:
    """Return the dbt project as few definitions: one for each part of the cut."""
    return [_assets(work, step) for step in steps_of(work.cut, partitions)]


def _assets(work: Transformation, step: Step) -> dg.AssetsDefinition:
    if not step.assets:
        return _checks(work, step)

    @dg.multi_asset(
        name=step.part.name,
        specs=step.assets,
        check_specs=step.checks,
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={"warehouse"},
        pool="warehouse",
        allow_arbitrary_check_specs=True,
    )
    def dbt(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from _attempt(context.op_execution_context, work, step)

    return dbt


def _checks(work: Transformation, step: Step) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=step.part.name,
        specs=step.checks,
        can_subset=True,
        required_resource_keys={"warehouse"},
        pool="warehouse",
        # Before what could already build on it.
        op_tags={"dagster/priority": "1"},
    )
    def tests(context: dg.AssetCheckExecutionContext) -> Iterator[Any]:
        yield from _attempt(context.op_execution_context, work, step)

    return tests


def _attempt(context: dg.OpExecutionContext, work: Transformation, step: Step) -> Iterator[Any]:
    """Do what this step is to do and no earlier attempt at it has done."""
    done = done_before(context)
    yield from done.events(spec.key for spec in step.assets)
    assets = context.selected_asset_keys - done.assets
    checks = context.selected_asset_check_keys - done.checks.keys()
    # Given nothing to build, dbt would build everything.
    if assets or checks:
        with tried_again(context, work.project.settings.dbt_retries):
            yield from _build(context, work, step, assets, checks)


def _build(
    context: dg.OpExecutionContext,
    work: Transformation,
    step: Step,
    assets: Collection[dg.AssetKey],
    checks: Collection[dg.AssetCheckKey],
) -> Iterator[Any]:
    # What happened before has been read by whatever is built now.
    seen = context.instance.event_log_storage.get_maximum_record_id()
    translator, manifest = work.translation
    chosen = _chosen(work.project, step, assets)
    landed = landed_partitions(context, work.project, work.warehouse, chosen)
    variables = _variables(context, work.project, work.as_of())
    unit_tests = UnitTests(work.project.settings, work.project.manifest, variables)
    due = unit_tests.due(_unit_tests(work.project, chosen))
    built = [dataset.unique_id for dataset in chosen]
    nodes = [*built, *_tests(work.project, step, checks), *due]
    invocation = _invocation(context, work, step, nodes, variables)
    unreported = {key.to_python_identifier() for key in assets}
    unreported |= {key.to_user_string() for key in checks}
    tables = BuiltTables(work.project, work.warehouse, context.instance, invocation, chosen)
    events = tables.with_facts(_events(context, work, invocation, translator, manifest))
    tags = {READ_UP_TO: str(seen or 0)}
    yield from told_whole(_told(context, work, events, unreported, landed, tags))
    days, results = work.days(context.run.tags), invocation.results
    remember(work.project, work.warehouse, work.ledger, results, context.run.run_id, days)
    unit_tests.remember(results)
    raise_for(results, sorted(unreported), work.project)


def _told(
    context: dg.OpExecutionContext,
    work: Transformation,
    events: Iterator[Any],
    unreported: set[str],
    landed: Mapping[dg.AssetKey, Sequence[str]],
    tags: Mapping[str, str],
) -> Iterator[Any]:
    """Yield the events as Dagster is told them, and strike off what they report on."""
    for event in events:
        unreported.discard(_reported(event))
        yield from _as_reported(context, work, event, landed, tags)


def _invocation(
    context: dg.OpExecutionContext,
    work: Transformation,
    step: Step,
    nodes: Collection[str],
    variables: Mapping[str, Any],
) -> "Invocation":
    # dagster-dbt takes a second to import, and loads of the code location do without it.
    from assetops.dbt.inside import let_go
    from assetops.dbt.invoke import Invocation, build_arguments

    settings = work.project.settings
    artifacts = artifacts_of(settings, context.run.run_id, step.part.name)
    arguments = build_arguments(
        settings,
        nodes=nodes,
        manifest=work.project.manifest,
        variables=variables,
        artifacts=artifacts,
    )
    if FULL_REFRESH in context.run.tags:
        arguments.append("--full-refresh")
    aloud = PROCESS_TAG not in context.run.tags
    invocation = Invocation(settings, arguments, context.run.run_id, artifacts, aloud)
    invocation.nodes = nodes
    invocation.stays_open = not invocation.is_elsewhere and work.warehouse.host(let_go)
    return invocation


def _events(
    context: dg.OpExecutionContext,
    work: Transformation,
    invocation: "Invocation",
    translator: Any,
    manifest: Mapping[str, Any],
) -> Generator[Any, None, None]:
    """Yield dagster-dbt's events while dbt works; whoever stops iterating stops dbt."""
    with (
        work.warehouse.lent()
        if invocation.is_elsewhere or not work.warehouse.shared
        # As long as it is open, dbt has the memory that we have.
        else work.warehouse.connect(),
        closing(invocation.events()) as messages,
    ):
        for message in messages:
            info = message.raw_event["info"]
            if info["level"] in ("warn", "error") and info["msg"].strip():
                context.log.warning(info["msg"].strip())
            yield from message.to_default_asset_events(
                manifest, translator, context, invocation.artifacts
            )


def _chosen(project: Project, step: Step, assets: Collection[dg.AssetKey]) -> list[Dataset]:
    """Return the datasets that this step is to build."""
    built = [project.datasets[unique_id] for unique_id in step.part.nodes]
    return [dataset for dataset in built if dg.AssetKey(dataset.key) in assets]


def _tests(project: Project, step: Step, checks: Collection[dg.AssetCheckKey]) -> list[str]:
    """Return the unique ids of the data tests that are these checks."""
    asked = {(tuple(key.asset_key.path), key.name) for key in checks}
    nodes = project.manifest["nodes"]
    return [
        test
        for test, at in step.part.tests.items()
        if (project.datasets[at].key, nodes[test]["name"]) in asked
    ]


def _unit_tests(project: Project, chosen: Sequence[Dataset]) -> Iterator[str]:
    built = {dataset.unique_id for dataset in chosen}
    for unique_id, unit in project.manifest.get("unit_tests", {}).items():
        if not built.isdisjoint(unit["depends_on"]["nodes"]):
            yield unique_id


def _reported(event: Any) -> str:
    if isinstance(event, dg.AssetCheckResult) and event.asset_key and event.check_name:
        return dg.AssetCheckKey(event.asset_key, event.check_name).to_user_string()
    return event.output_name if isinstance(event, dg.Output) else ""


def _variables(
    context: dg.OpExecutionContext, project: Project, as_of: datetime | None
) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    # A project that takes in nothing may have a variable of that name, for something else.
    if as_of is not None and project.ingested():
        variables["as_of"] = f"{as_of:%Y-%m-%d %H:%M:%S}"
    if context.has_partition_key_range and not only_pending(context):
        keys = context.partition_key_range
        variables |= {"rebuild_from": keys.start, "rebuild_to": keys.end}
    return variables


def _as_reported(
    context: dg.OpExecutionContext,
    work: Transformation,
    event: Any,
    landed: Mapping[dg.AssetKey, Sequence[str]],
    tags: Mapping[str, str],
) -> Iterator[Any]:
    """Yield dagster-dbt's event, save where it says more than dbt did."""
    if isinstance(event, dg.AssetCheckResult):
        # dagster-dbt reports a test that could not run as one that failed.
        if event.asset_key and event.metadata["status"].value not in ("error", "runtime error"):
            docs = dg.MetadataValue.url(work.docs(event.asset_key, context.run))
            yield event._replace(metadata={**event.metadata, "data docs": docs})
        return
    if isinstance(event, dg.Output):
        partitioned = {key.to_python_identifier(): key for key in landed}
        key = partitioned.get(event.output_name)
        if key is None:
            event = dg.Output(
                event.value, event.output_name, event.metadata, event.data_version, tags=tags
            )
        else:
            for day in landed[key]:
                context.log_event(
                    dg.AssetMaterialization(
                        key, partition=day, metadata=event.metadata, tags={**tags}
                    )
                )
            if not landed[key]:
                # Built anew, of what is new elsewhere: no day of it has come in.
                context.log_event(dg.AssetObservation(key, tags={**tags}))
            event = dg.Output(None, output_name=event.output_name, metadata={NO_EVENT: True})
    yield event
