"""dbt's models, snapshots and seeds as assets, and its tests as checks that block."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.source_asset import (
    SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION as NO_EVENT,
)
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from assetops.dbt.invoke import Invocation, NodeResult, build_arguments
from assetops.dbt.specs import Stage, Translator, stages_of
from assetops.ledger import Ledger
from assetops.model import EXIT_CODE, ONLY_PENDING, Dataset, DbtTest, Severity, Status, Verdict
from assetops.project import Project
from assetops.warehouse import Warehouse, journal

_STATUS = {"pass": Status.PASSED, "fail": Status.FAILED, "warn": Status.FAILED}


@dataclass(frozen=True)
class Transformation:
    """What a dbt run needs besides Dagster's context."""

    project: Project
    warehouse: Warehouse
    ledger: Ledger
    as_of: Callable[[], datetime | None]
    # Says which days a run is about, by its tags: its results are remembered with them.
    days: Callable[[Mapping[str, str]], str | None]

    def docs(self, asset: dg.AssetKey, run: dg.DagsterRun) -> str:
        """Return where a person reads what a run found on an asset."""
        settings = self.project.settings
        return settings.data_docs_page("/".join(asset.path), run.run_id, self.days(run.tags))


def transformed_assets(
    work: Transformation,
    partitions: dg.PartitionsDefinition[str] | None,
    python: Sequence[dg.AssetsDefinition],
) -> list[dg.AssetsDefinition]:
    """Return the dbt project as few definitions: one, and one more behind each Python asset."""
    translator = Translator(work.project, partitions)
    stages = stages_of(work.project, translator, python)
    return [
        _stage_assets(work, translator, stage, "dbt" if number == 1 else f"dbt_{number}")
        for number, stage in enumerate(stages, start=1)
    ]


def _stage_assets(
    work: Transformation, translator: Translator, stage: Stage, name: str
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=name,
        specs=stage.assets,
        check_specs=stage.checks,
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={"warehouse"},
        pool="warehouse",
        allow_arbitrary_check_specs=True,
    )
    def dbt(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from _build(context, work, translator)

    return dbt


def _build(
    context: dg.AssetExecutionContext, work: Transformation, translator: Translator
) -> Iterator[Any]:
    settings = work.project.settings
    chosen = _chosen(context, work.project)
    landed = _landed_partitions(context, work, chosen)
    op = context.op_execution_context.op_handle.name
    artifacts = settings.dbt_target / "runs" / context.run.run_id / op
    artifacts.mkdir(parents=True, exist_ok=True)
    invocation = Invocation(
        settings,
        build_arguments(
            settings,
            select=_selection(context, work.project, chosen),
            variables=_variables(context, work.project, work.as_of()),
            artifacts=artifacts,
        ),
    )
    for raw in invocation.events():
        if raw["info"]["level"] in ("warn", "error") and raw["info"]["msg"].strip():
            context.log.warning(raw["info"]["msg"].strip())
        message = DbtCoreCliEventMessage(raw_event=raw, event_history_metadata={})
        for event in message.to_default_asset_events(
            work.project.manifest, translator, context, artifacts
        ):
            yield from _as_reported(context, work, event, landed)
    _remember(context, work, chosen, invocation.results)
    _raise_for(invocation.results, work.project)


def _chosen(context: dg.AssetExecutionContext, project: Project) -> list[Dataset]:
    keys = context.selected_asset_keys | {
        check.asset_key for check in context.selected_asset_check_keys
    }
    return [d for d in project.datasets.values() if dg.AssetKey(d.key) in keys]


def _selection(
    context: dg.AssetExecutionContext, project: Project, chosen: Sequence[Dataset]
) -> list[str]:
    """Return the chosen nodes, their unit tests and the chosen tests, by dbt's qualified names."""
    manifest = project.manifest
    built = [
        d.unique_id
        for d in chosen
        if d.unique_id in manifest["nodes"] and dg.AssetKey(d.key) in context.selected_asset_keys
    ]
    checks = {key.name for key in context.selected_asset_check_keys}
    nodes = [manifest["nodes"][unique_id] for unique_id in built]
    nodes += [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node["name"] in checks
    ]
    nodes += [
        unit
        for unit in manifest.get("unit_tests", {}).values()
        if any(parent in built for parent in unit["depends_on"]["nodes"])
    ]
    # dbt would take a space or a comma, in a folder's name, for the end of a name.
    return ["fqn:" + re.sub(r"[ ,]", "?", ".".join(node["fqn"])) for node in nodes]


def _variables(
    context: dg.AssetExecutionContext, project: Project, as_of: datetime | None
) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    # A project that takes in nothing may have a variable of that name, for something else.
    if as_of is not None and project.ingested():
        variables["as_of"] = f"{as_of:%Y-%m-%d %H:%M:%S}"
    if context.has_partition_key_range and not _only_pending(context):
        keys = context.partition_key_range
        variables |= {"rebuild_from": keys.start, "rebuild_to": keys.end}
    return variables


def _landed_partitions(
    context: dg.AssetExecutionContext, work: Transformation, chosen: Sequence[Dataset]
) -> dict[dg.AssetKey, list[str]]:
    """Return, for each partitioned model, the landed days that this run brings into it.

    These are the days asked for, and those that a source has had news of since the model was last
    told of: by this run, or by one that did not get as far as the model.
    """
    wanted: set[str] = set()
    if context.has_partition_key_range and not _only_pending(context):
        wanted = set(context.partition_keys)
    found = {}
    for dataset in chosen:
        if not dataset.contract.partition:
            continue
        key = dg.AssetKey(dataset.key)
        told = _latest_events(context, key)
        days: set[str] = set()
        for source in _daily_sources(work.project, dataset):
            with work.warehouse.connect() as connection:
                standing = map(str, journal.standing_loads(connection, source.address))
            news = _latest_events(context, dg.AssetKey(source.key))
            days |= {
                day
                for day in standing
                if day in wanted or day not in told or news.get(day, 0) > told[day]
            }
        found[key] = sorted(days)
    return found


def _daily_sources(project: Project, dataset: Dataset) -> list[Dataset]:
    above = (project.datasets[unique_id] for unique_id in project.ancestors(dataset))
    return [
        source for source in above if source.contract.ingest and source.contract.ingest.partition
    ]


def _latest_events(context: dg.AssetExecutionContext, key: dg.AssetKey) -> Mapping[str, int]:
    """Return, by partition, a number that grows with each materialisation of any asset."""
    storage = context.instance.event_log_storage
    event = dg.DagsterEventType.ASSET_MATERIALIZATION
    found: Mapping[str, int] = storage.get_latest_storage_id_by_partition(key, event)
    return found


def _only_pending(context: dg.AssetExecutionContext) -> bool:
    return ONLY_PENDING in context.run.tags


def _as_reported(
    context: dg.AssetExecutionContext,
    work: Transformation,
    event: Any,
    landed: Mapping[dg.AssetKey, Sequence[str]],
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
        if (key := partitioned.get(event.output_name)) is not None:
            for day in landed[key]:
                context.log_event(
                    dg.AssetMaterialization(key, partition=day, metadata=event.metadata)
                )
            event = dg.Output(None, output_name=event.output_name, metadata={NO_EVENT: True})
    yield event


def _remember(
    context: dg.AssetExecutionContext,
    work: Transformation,
    chosen: Sequence[Dataset],
    results: Mapping[str, NodeResult],
) -> None:
    """Write the tests' verdicts to the ledger, on the content that they saw."""
    tests = {
        node["name"]: unique_id
        for unique_id, node in work.project.manifest["nodes"].items()
        if node["resource_type"] == "test"
    }
    for dataset in chosen:
        verdicts = [
            _verdict(test, results[tests[test.name]])
            for test in dataset.tests
            if tests[test.name] in results and results[tests[test.name]].status != "skipped"
        ]
        if verdicts:
            state = (
                work.warehouse.fingerprint(dataset.relation)
                if dataset.contract.publish
                else f"run {context.run.run_id}"
            )
            work.ledger.record_results(
                dataset.address,
                verdicts,
                state=state,
                run_id=context.run.run_id,
                partition=work.days(context.run.tags),
            )


def _verdict(test: DbtTest, result: NodeResult) -> Verdict:
    status = _STATUS.get(result.status, Status.ERRORED)
    return Verdict(
        check=test.name,
        severity=Severity.WARNING if result.status == "warn" else test.severity,
        status=status,
        description=test.description,
        expected="no rows that break the test",
        failing_rows=result.failures if status is Status.FAILED else None,
        query=result.compiled,
        error=result.message if status is Status.ERRORED else None,
    )


def _raise_for(results: Mapping[str, NodeResult], project: Project) -> None:
    """Fail the step if a node did not succeed; what could not be done outranks what is bad."""
    broken = [r for r in results.values() if r.status in ("error", "runtime error")]
    failed = [r for r in results.values() if r.status == "fail"]
    if broken or failed:
        raise dg.Failure(
            description="\n".join(_sentence(r, project) for r in [*broken, *failed]),
            metadata={EXIT_CODE: 2 if broken else 1},
            allow_retries=False,
        )


def _sentence(result: NodeResult, project: Project) -> str:
    name = result.unique_id.split(".")[2]
    query = f" Its rows: {result.compiled_path}" if result.failures and result.compiled_path else ""
    file = project.settings.dbt_project_dir / result.file
    return f"{file}: {name}: {result.message or result.status}.{query}"
