"""The map: everything this platform does, assembled in the order data meets it."""

import gc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import dagster as dg

from assetops.automate.arrival import Arrival, arrival_sensors
from assetops.automate.asking import Asking, AutomationSensor
from assetops.automate.news import Landing
from assetops.automate.policies import automated
from assetops.automate.schedules import refresh_schedule
from assetops.automate.tags import pending_tags
from assetops.dbt.assets import Transformation, transformed_assets
from assetops.dbt.freshness import freshness_checks, freshness_job
from assetops.errors import AssetOpsError
from assetops.ingest.again import reader_of
from assetops.ingest.assets import Ingestion, Preflight, ingested_assets
from assetops.ingest.landing import landed_days, landed_files, landing_days
from assetops.ingest.load import Loader
from assetops.ingest.quiet import expect_no_news_from
from assetops.ledger.landed import Memory
from assetops.model import Dataset, Kind
from assetops.opened import Platform, open_platform
from assetops.publish.assets import published_assets
from assetops.publish.still import held_still, released
from assetops.quality.checks import batch_gate, gate_checks
from assetops.quality.deep import (
    deep_checks,
    deep_jobs,
    deep_schedules,
)
from assetops.quality.reconcile.checks import Counterparts, reconcile_checks
from assetops.quality.steps import as_check_result, check_specs
from assetops.quality.suites.parameters import days_said
from assetops.warehouse import Warehouse
from assetops.warehouse.quarantine import forget
from assetops.warehouse.snapshot import Snapshots
from assetops.watch.checks import promise_checks, promise_sensor
from assetops.watch.objectives import Watch
from assetops.watch.runs import newest_run_in
from assetops.zone import landing_zone

BUILD_JOB = "build"
Days = dg.DailyPartitionsDefinition | None


def build_definitions(root: Path, *, assets: Sequence[dg.AssetsDefinition] = ()) -> dg.Definitions:
    """Return everything the platform at `root` does; `assets` are those that Python makes."""
    # Definitions last as long as their process: to look for garbage in them took half of the load.
    gc.set_threshold(100_000, 50, 50)
    platform = open_platform(root.resolve())
    _learn_parents(platform, assets)
    project, landing = platform.project, landing_zone(platform.settings)
    memory = Memory(platform.ledger)
    partitions = landing_days(project.ingested(), landing, memory) if project.partitioned else None
    deep = _deep_checks(platform)
    fresh = freshness_checks(project, platform.warehouse, platform.ledger)
    ask, hourly = freshness_job(fresh, scheduled=platform.settings.keeps_schedules)
    # Also the checks of what nobody here makes: sources that are in the warehouse already.
    whole = dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks()
    watch = Watch(project, platform.ledger)
    promised = promise_checks(watch)
    apart = [*deep, *fresh, *promised]
    aside = frozenset(key for checks in apart for key in checks.check_keys)
    everything = whole - dg.AssetSelection.checks(*apart)
    expect_no_news_from(dataset.address for dataset in platform.project.ingested())
    made = [
        *_ingestion(platform, partitions),
        *_transformation(platform, partitions),
        *_python(platform, assets),
        *_publication(platform, watch),
    ]
    checks = [*_gates(platform), *apart]
    definitions = dg.Definitions(
        assets=automated(made, checks, project),
        asset_checks=checks,
        jobs=[dg.define_asset_job(BUILD_JOB, selection=everything), *deep_jobs(deep), *ask],
        schedules=[*_schedules(platform, partitions, deep), *hourly],
        sensors=[
            *_arrival(platform, partitions, aside),
            *_automation(platform, partitions, aside),
            *promise_sensor(watch, scheduled=platform.settings.keeps_schedules),
        ],
        resources={"warehouse": _held_warehouse(platform)},
        # DuckDB has one writing process, so a run is one process; dbt has its threads inside it.
        executor=dg.in_process_executor,
    )
    gc.freeze()
    return definitions


def _learn_parents(platform: Platform, assets: Sequence[dg.AssetsDefinition]) -> None:
    platform.project.learn_parents(
        {
            tuple(key.path): [tuple(parent.path) for parent in asset.asset_deps[key]]
            for asset in assets
            for key in asset.keys
        }
    )


def batch_loader(platform: Platform) -> Loader:
    """Return what brings batches, and rows that are released, through their gate into raw."""
    return Loader(
        platform.warehouse,
        platform.ledger,
        platform.settings.home / "quarantine",
        batch_gate(platform.warehouse, platform.ledger, platform.suites),
    )


def _ingestion(platform: Platform, partitions: Days) -> list[dg.AssetsDefinition]:
    suites, project = platform.light, platform.project

    def specs(dataset: Dataset) -> Sequence[dg.AssetCheckSpec]:
        suite = suites.get(dataset.address)
        return check_specs(suite, dg.AssetKey(dataset.key)) if suite else ()

    gate = Preflight(specs, as_check_result)
    work = Ingestion(project, platform.warehouse, batch_loader(platform), gate)
    return ingested_assets(work, partitions)


def _arrival(
    platform: Platform, partitions: Days, aside: frozenset[dg.AssetCheckKey]
) -> list[dg.SensorDefinition]:
    """Return what asks for landing files, where runs start by themselves."""
    project, landing = platform.project, landing_zone(platform.settings)
    if not platform.settings.automates:
        return []
    look = Landing(
        lambda dataset: landed_files(dataset, landing),
        lambda file: file.open_for_writing(),
        platform.ledger,
        Memory(platform.ledger),
    )
    ingested = project.ingested()
    days = partial(landed_days, ingested, landing)
    return arrival_sensors(ingested, Arrival(BUILD_JOB, look, partitions, days, aside))


def _transformation(platform: Platform, partitions: Days) -> list[dg.AssetsDefinition]:
    cut, warehouse = platform.cut, platform.warehouse
    work = Transformation(cut, warehouse, platform.ledger, platform.as_of, days_said)
    return transformed_assets(work, partitions)


def _python(
    platform: Platform, assets: Sequence[dg.AssetsDefinition]
) -> Iterator[dg.AssetsDefinition]:
    """Yield the assets that Python makes, with what their dbt source entries say about them."""
    datasets = {d.key: d for d in platform.project.datasets.values() if d.kind is Kind.PYTHON}

    def described(spec: dg.AssetSpec) -> dg.AssetSpec:
        dataset = datasets.get(tuple(spec.key.path))
        if dataset is None:
            raise AssetOpsError(
                f"The asset {spec.key.to_user_string()} has no dbt source entry. Add one with "
                f"meta.dagster.asset_key: {spec.key.path}, so that dbt and consumers can read it."
            )
        return spec.replace_attributes(
            description=dataset.description,
            group_name=dataset.key[0],
            owners=list(dataset.contract.owners),
        )

    yield from dg.map_asset_specs(described, assets)


def _gates(platform: Platform) -> Sequence[dg.AssetChecksDefinition]:
    project, warehouse, ledger = platform.project, platform.warehouse, platform.ledger
    return gate_checks(project, warehouse, ledger, platform.light, _gate_facts(platform))


def _gate_facts(platform: Platform) -> Callable[[], dict[str, object]]:
    """Return what suites may ask for as `$PARAMETER`, known when the step runs."""
    return lambda: {"as_of": platform.as_of()}


def _deep_checks(platform: Platform) -> Sequence[dg.AssetChecksDefinition]:
    project, ledger, suites = platform.project, platform.ledger, platform.suites
    releases, warehouse, facts = platform.releases, platform.warehouse, _gate_facts(platform)
    snapshots = Snapshots(platform.settings.home / "snapshots", warehouse)
    hold = held_still(releases, snapshots, platform.standing)
    counterparts = Counterparts(
        snapshots.of_warehouse,
        lambda mart: released(releases, mart),
        lambda source: reader_of(source, landing_zone(platform.settings)),
    )
    return [
        *deep_checks(project, ledger, suites, hold, facts=facts, warehouse=warehouse),
        *reconcile_checks(project, ledger, suites, counterparts),
    ]


def _publication(platform: Platform, watch: Watch) -> Iterator[dg.AssetsDefinition]:
    if platform.project.published():
        yield published_assets(
            platform.project,
            platform.warehouse,
            platform.ledger,
            platform.releases,
            platform.required_checks(),
            data_as_of=platform.data_as_of,
            standing=platform.standing,
            judged=lambda instance: watch.judge(newest_run=newest_run_in(instance)),
        )


def _schedules(
    platform: Platform, partitions: Days, deep: Sequence[dg.AssetChecksDefinition]
) -> list[dg.ScheduleDefinition]:
    return [
        *refresh_schedule(platform.project, BUILD_JOB, _pending(platform, partitions)),
        *deep_schedules(platform.suites, deep, platform.settings),
    ]


def _pending(platform: Platform, partitions: Days) -> Callable[[], dict[str, str]]:
    """Return what tells the tags of a run that brings in all that is new."""
    sources, landing = platform.project.ingested(), landing_zone(platform.settings)
    return lambda: pending_tags(partitions, landed_days(sources, landing))


def _automation(
    platform: Platform, partitions: Days, aside: frozenset[dg.AssetCheckKey]
) -> list[dg.SensorDefinition]:
    """Return the sensor that asks for what is behind, where runs start by themselves."""
    if not platform.settings.automates:
        return []
    asking = Asking(
        _pending(platform, partitions),
        aside,
    )
    return [AutomationSensor(asking)]


def _held_warehouse(platform: Platform) -> dg.ResourceDefinition:
    """Return the warehouse as a resource that a run holds from its first step to its last.

    Whatever the run does, it forgets the rows in quarantine whose time is over.
    """
    warehouse, days = platform.warehouse, platform.settings.quarantine_days

    def hold(context: dg.InitResourceContext) -> Iterator[Warehouse]:
        log, run = context.log, context.run
        with warehouse.hold(
            f"run {run.run_id}" if run else "Dagster", say=log.warning if log else print
        ):
            with warehouse.connect() as connection:
                forget(connection, days=days)
            yield warehouse

    return dg.ResourceDefinition(hold)
