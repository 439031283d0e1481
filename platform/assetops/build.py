"""The map: everything this platform does, assembled in the order data meets it."""

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import cache, cached_property
from pathlib import Path

import dagster as dg

from assetops.dbt.accounting import standing_tests
from assetops.dbt.assets import Transformation, transformed_assets
from assetops.dbt.cut import Cut
from assetops.dbt.freshness import freshness_checks, freshness_job
from assetops.dbt.manifest import refresh_manifest
from assetops.dbt.profiles import located, read_profile
from assetops.errors import AssetOpsError
from assetops.ingest.again import reader_of
from assetops.ingest.assets import Ingestion, Preflight, ingested_assets, pending
from assetops.ingest.landing import landing_days
from assetops.ingest.load import Loader
from assetops.ingest.quiet import expect_no_news_from
from assetops.ledger import Ledger
from assetops.model import Batch, Dataset, Kind, Severity, Verdict
from assetops.project import Project, load_project
from assetops.publish.assets import published_assets
from assetops.publish.releases import Releases
from assetops.publish.still import held_still, released
from assetops.quality.checks import batch_gate, gate_checks
from assetops.quality.deep import (
    deep_checks,
    deep_jobs,
    deep_schedules,
    standing_objections,
)
from assetops.quality.reconcile.checks import Counterparts, reconcile_checks
from assetops.quality.steps import as_check_result, check_specs
from assetops.quality.suites import Suite, gating, load_suites
from assetops.quality.suites.depth import Depth
from assetops.quality.suites.parameters import days_said
from assetops.settings import Settings, load_settings
from assetops.warehouse import Warehouse, WarehouseLock, journal
from assetops.warehouse.quarantine import forget
from assetops.warehouse.snapshot import Snapshots

BUILD_JOB = "build"
Days = dg.DailyPartitionsDefinition | None


@dataclass(frozen=True)
class Platform:
    """One platform with all its parts: what the assets close over, and what commands use."""

    settings: Settings
    project: Project
    suites: dict[str, Suite]
    warehouse: Warehouse
    ledger: Ledger
    releases: Releases

    def as_of(self) -> datetime | None:
        """Return the time that rules about age use; None while nothing has been loaded.

        In production, and where nothing comes by day, it is the start of the run's day, elsewhere
        the end of the newest batch's, so that running twice changes nothing.
        """
        if self.settings.as_of:
            return self.settings.as_of
        if self.settings.follows_the_clock or not self.project.partitioned:
            return datetime.combine(datetime.now(UTC).date(), time())
        days = self._newest_days()
        return max(
            (days[d.address] for d in self.project.ingested() if d.address in days), default=None
        )

    def data_as_of(self, dataset: Dataset) -> datetime | None:
        """Return until when a dataset's data reaches: the oldest of its daily sources' newest."""
        sources = [self.project.datasets[i].address for i in self.project.ancestors(dataset)]
        days = self._newest_days()
        return min((days[source] for source in sources if source in days), default=None)

    def _newest_days(self) -> dict[str, datetime]:
        if not self.project.ingested():
            return {}
        with self.warehouse.connect() as connection:
            return journal.newest_days(connection)

    def pending(self) -> list[Batch]:
        """Return every landed batch whose content is not in raw yet."""
        landing = self.settings.landing_dir
        return [b for d in self.project.ingested() for b in pending(d, landing, self.warehouse)]

    @property
    def light(self) -> dict[str, Suite]:
        """What suites expect in every build; deep expectations are asked aside from builds."""
        return {address: suite.part(Depth.LIGHT) for address, suite in self.suites.items()}

    def deep_names(self, dataset: Dataset) -> set[str]:
        """Return the names of the checks on a dataset that do not run in builds."""
        suite = self.suites.get(dataset.address)
        return suite.aside if suite else set()

    def standing(self, dataset: Dataset) -> list[tuple[str, Verdict, str]]:
        """Return what stands against a dataset: checks of it, or above it, apart from builds."""
        above = [self.project.datasets[i] for i in sorted(self.project.ancestors(dataset))]
        addresses = [checked.address for checked in (dataset, *above)]
        return [
            *standing_objections(self.ledger, self.suites, addresses),
            *standing_tests(self.cut, self.ledger, dataset),
        ]

    @cached_property
    def cut(self) -> Cut:
        """Where the dbt graph is cut: behind Python assets, and models with a critical suite."""
        return Cut(self.project, gating(self.light))

    def required_checks(self) -> dict[str, set[str]]:
        """Return, for each published dataset, the checks that must have passed on its content."""
        required = {}
        for dataset in self.project.published():
            suite = self.light.get(dataset.address)
            checks = {test.name: test.severity for test in dataset.tests}
            checks |= {e.name: e.severity for e in (suite.expectations if suite else ())}
            required[dataset.address] = {
                name for name, severity in checks.items() if severity is Severity.CRITICAL
            }
        return required


@cache
def open_platform(root: Path) -> Platform:
    """Read the platform at `root`, parsing its dbt project if that has changed."""
    given = load_settings(root)
    settings = located(given, profile := read_profile(given))
    project = load_project(settings, refresh_manifest(settings))
    warehouse = Warehouse(
        settings.warehouse,
        WarehouseLock(settings.lock, wait=settings.warehouse_wait),
        memory_limit=settings.memory_limit,
        suite_memory=settings.suite_memory,
        foreign=settings.dbt_start if settings.warehouse_file else None,
        session=profile.session if settings.warehouse_file else (),
    )
    return Platform(
        settings=settings,
        project=project,
        suites=load_suites(project),
        warehouse=warehouse,
        ledger=Ledger(settings.ledger, results_days=settings.results_days),
        releases=Releases(settings),
    )


def build_definitions(root: Path, *, assets: Sequence[dg.AssetsDefinition] = ()) -> dg.Definitions:
    """Return everything the platform at `root` does; `assets` are those that Python makes."""
    # Definitions last as long as their process: to look for garbage in them took half of the load.
    gc.set_threshold(100_000, 50, 50)
    platform = open_platform(root.resolve())
    platform.project.learn_parents(
        {
            tuple(key.path): [tuple(parent.path) for parent in asset.asset_deps[key]]
            for asset in assets
            for key in asset.keys
        }
    )
    project, landing = platform.project, platform.settings.landing_dir
    partitions = landing_days(project.ingested(), landing) if project.partitioned else None
    deep = _deep_checks(platform)
    fresh = freshness_checks(project, platform.warehouse, platform.ledger)
    ask, hourly = freshness_job(fresh, scheduled=platform.settings.keeps_schedules)
    # Also the checks of what nobody here makes: sources that are in the warehouse already.
    whole = dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks()
    everything = whole - dg.AssetSelection.checks(*deep, *fresh)
    expect_no_news_from(dataset.address for dataset in platform.project.ingested())
    definitions = dg.Definitions(
        assets=[
            *_ingestion(platform, partitions),
            *_transformation(platform, partitions),
            *_python(platform, assets),
            *_publication(platform),
        ],
        asset_checks=[*_gates(platform), *deep, *fresh],
        jobs=[dg.define_asset_job(BUILD_JOB, selection=everything), *deep_jobs(deep), *ask],
        schedules=[*deep_schedules(platform.suites, deep, platform.settings), *hourly],
        resources={"warehouse": _held_warehouse(platform)},
        # DuckDB has one writing process, so a run is one process; dbt has its threads inside it.
        executor=dg.in_process_executor,
    )
    gc.freeze()
    return definitions


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
        lambda source: reader_of(source, platform.settings.landing_dir),
    )
    return [
        *deep_checks(project, ledger, suites, hold, facts=facts, warehouse=warehouse),
        *reconcile_checks(project, ledger, suites, counterparts),
    ]


def _publication(platform: Platform) -> Iterator[dg.AssetsDefinition]:
    if platform.project.published():
        yield published_assets(
            platform.project,
            platform.warehouse,
            platform.ledger,
            platform.releases,
            platform.required_checks(),
            data_as_of=platform.data_as_of,
            standing=platform.standing,
        )


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
