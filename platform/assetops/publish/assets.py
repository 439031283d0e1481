"""Published datasets as Dagster assets: their event says which release shows new content."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION
from dagster._core.storage.tags import ASSET_RESUME_RETRY_TAG, PARENT_RUN_ID_TAG

from assetops.errors import AssetOpsError
from assetops.ledger import Ledger
from assetops.model import EXIT_CODE, READ_UP_TO, Dataset, PublishedTable
from assetops.project import Project
from assetops.publish.freshness import freshness_policy
from assetops.publish.publication import (
    AsOf,
    Event,
    Publication,
    Standing,
    publish,
    verify,
)
from assetops.publish.releases import Releases
from assetops.warehouse.duckdb import Warehouse
from assetops.warehouse.release_file import SCHEMA

Happening = dg.Output[None] | dg.MaterializeResult[Any]


def published_assets(
    project: Project,
    warehouse: Warehouse,
    ledger: Ledger,
    releases: Releases,
    required_checks: Mapping[str, Collection[str]],
    *,
    data_as_of: AsOf,
    standing: Standing = lambda mart: (),
    judged: Callable[[dg.DagsterInstance], object] = lambda instance: None,
) -> dg.AssetsDefinition:
    """Return the assets that consumers read, published by one op: all of a run or none.

    `required_checks` names, by the mart's asset key as a path, what must have passed; `data_as_of`
    tells the time in UTC up to which a mart's data reaches; `standing` which checks of what
    it is made from did not pass when they last ran; `judged` looks at promises when consumers may
    see something new. At least one dataset is published.
    """
    marts = {dg.AssetKey(mart.published_key): mart for mart in project.published()}

    @dg.multi_asset(
        name="release",
        specs=[_spec(key, mart, project, releases) for key, mart in marts.items()],
        # Never in parts: Dagster would cut an op that can be, and each part would switch.
        can_subset=False,
        required_resource_keys={"warehouse"},
        pool="warehouse",
        # A release is a whole, whichever partitions a run brought in.
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def release(context: dg.AssetExecutionContext) -> Iterator[Happening]:
        run_id = context.run.run_id
        # What happened before has been read by what is published now.
        seen = context.instance.event_log_storage.get_maximum_record_id()
        tags = {READ_UP_TO: str(seen or 0)}
        chosen = _chosen(context, marts)
        with _failing_plainly(), warehouse.hold(f"run {run_id}", say=context.log.info):
            verified = verify(
                list(chosen.values()),
                warehouse,
                ledger,
                required_checks,
                data_as_of=data_as_of,
                run_id=run_id,
                standing=standing,
            )
            publication = publish(verified, project, warehouse, releases, ledger, run_id=run_id)
        context.log.info(publication.sentence())
        _look_at_promises(context, judged)
        for key, mart in marts.items():
            docs = _docs(project, publication.release.id, mart)
            if key in chosen:
                yield _happening(context, key, publication, docs=docs, tags=tags)
            else:
                yield _no_event(key)

    return release


def _chosen(
    context: dg.AssetExecutionContext, marts: Mapping[dg.AssetKey, Dataset]
) -> Mapping[dg.AssetKey, Dataset]:
    """Return the marts that the run has built, or all if it is only to publish.

    The others go into the release as they are in the one before: what this run has not built may
    be in any state. A run that does what another one left has built what that one did.
    """
    in_run = set(context.job_def.asset_layer.selected_asset_keys)
    run: dg.DagsterRun | None = context.run
    while run is not None and run.tags.get(ASSET_RESUME_RETRY_TAG) == "true":
        run = context.instance.get_run_by_id(run.parent_run_id or run.tags[PARENT_RUN_ID_TAG])
        if run and run.execution_plan_snapshot_id:
            plan = context.instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
            keys = (key for step in plan.steps for key in step.entity_keys)
            in_run |= {key for key in keys if isinstance(key, dg.AssetKey)}
    built = {key: mart for key, mart in marts.items() if dg.AssetKey(mart.key) in in_run}
    return built or marts


def _no_event(key: dg.AssetKey) -> dg.Output[None]:
    """Return an output that counts as done and tells nobody of new content."""
    return dg.Output(
        None,
        output_name=key.to_python_identifier(),
        metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True},
    )


def _spec(key: dg.AssetKey, mart: Dataset, project: Project, releases: Releases) -> dg.AssetSpec:
    contract = mart.contract
    path, root = releases.published.path, project.settings.root
    path = path.relative_to(root) if path.is_relative_to(root) else path
    example = (
        contract.usage[0].sql if contract.usage else f"select * from {SCHEMA}.{mart.published_name}"
    )
    columns = [
        dg.TableColumn(column.name, column.data_type or "", column.description or None)
        for column in mart.columns
    ]
    return dg.AssetSpec(
        key,
        deps=[dg.AssetKey(mart.key)],
        description=mart.description,
        owners=contract.owners,
        kinds={"duckdb"},
        group_name="published",
        freshness_policy=freshness_policy(contract),
        metadata={
            "file": dg.MetadataValue.path(str(path)),
            "query": dg.MetadataValue.md(f"```sql\n{example.strip()}\n```"),
            "dagster/table_name": f"{SCHEMA}.{mart.published_name}",
            **({"dagster/column_schema": dg.TableSchema(columns=columns)} if columns else {}),
        },
    )


def _happening(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    publication: Publication,
    *,
    docs: str,
    tags: Mapping[str, str],
) -> Happening:
    """Return a materialisation where consumers see new content, else note what was seen."""
    name = key.path[-1]
    verified = publication.verified[name]
    before = publication.before.tables.get(name) if publication.before else None
    # A kill between the switch and this event leaves Dagster behind: then it is told now.
    told = _known_version(context.instance, key) == verified.fingerprint
    unchanged = before is not None and before.fingerprint == verified.fingerprint
    if publication.event is Event.HELD or (told and unchanged):
        observed = {
            "release": publication.release.id,
            "event": publication.event.value,
            "fingerprint": verified.fingerprint,
            **_time("data_as_of", verified.data_as_of),
        }
        # What is held back by a pin is not what consumers see.
        seen = {} if publication.event is Event.HELD else {**tags}
        context.log_event(dg.AssetObservation(key, metadata=observed, tags=seen))
        # Freshness is not renewed.
        return _no_event(key)
    table = publication.release.tables[name]
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            **_facts(publication.release.id, table, before),
            "dbt docs": dg.MetadataValue.url(docs),
        },
        data_version=dg.DataVersion(table.fingerprint),
        tags=tags,
    )


def _docs(project: Project, release_id: str, mart: Dataset) -> str:
    """Return where a person reads what dbt's docs of a release say of a mart."""
    folder = f"{project.settings.data_docs_url.rstrip('/')}/dbt/{release_id}"
    return f"{folder}/index.html#!/{mart.unique_id.split('.')[0]}/{mart.unique_id}"


def _facts(release_id: str, table: PublishedTable, before: PublishedTable | None) -> dict[str, Any]:
    return {
        "release": release_id,
        "dagster/row_count": table.rows,
        **({"rows_change": table.rows - before.rows} if before else {}),
        "fingerprint": table.fingerprint,
        "verified_in": dg.MetadataValue.dagster_run(table.verified_in),
        **_time("data_as_of", table.data_as_of),
    }


def _time(name: str, at: datetime | None) -> dict[str, dg.TimestampMetadataValue]:
    return {name: dg.MetadataValue.timestamp(at.replace(tzinfo=at.tzinfo or UTC))} if at else {}


def _known_version(instance: dg.DagsterInstance, key: dg.AssetKey) -> str | None:
    event = instance.get_latest_materialization_event(key)
    told = event.asset_materialization if event else None
    return (told.tags or {}).get("dagster/data_version") if told else None


def _look_at_promises(
    context: dg.AssetExecutionContext, judged: Callable[[dg.DagsterInstance], object]
) -> None:
    try:
        judged(context.instance)
    except Exception as error:
        # What is published is published; whoever looks next judges the same days.
        context.log.warning(f"Promises are not judged yet: {type(error).__name__}")


@contextmanager
def _failing_plainly() -> Iterator[None]:
    """Fail the step with our message and the exit code that the command line ends with."""
    try:
        yield
    except AssetOpsError as error:
        raise dg.Failure(
            description=str(error),
            metadata={EXIT_CODE: error.exit_code},
            allow_retries=False,
        ) from None
