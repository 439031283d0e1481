"""The platform that is found at a root, with all its parts: the map assembles them."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import cache, cached_property
from pathlib import Path

from assetops.dbt.accounting import standing_tests
from assetops.dbt.cut import Cut
from assetops.dbt.manifest import refresh_manifest
from assetops.dbt.profiles import located, read_profile
from assetops.ingest.landing import Landed, landed_files
from assetops.ingest.pending import pending
from assetops.ledger import Ledger
from assetops.ledger.landed import Memory
from assetops.model import Dataset, Kind, Relation, Severity, Verdict
from assetops.project import Project, load_project
from assetops.publish.releases import Releases
from assetops.quality.deep import standing_objections
from assetops.quality.suites import Suite, gating, load_suites
from assetops.quality.suites.depth import Depth
from assetops.settings import Settings, load_settings
from assetops.warehouse import Warehouse, WarehouseLock, journal
from assetops.warehouse.measure import others_in
from assetops.zone import landing_zone


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

    def left_over(self) -> list[Relation]:
        """Return the tables among those of the project's models that nothing makes any more.

        As after a model was deleted or renamed: dbt leaves its table.
        """
        datasets, by_others = self.project.datasets.values(), (Kind.SOURCE, Kind.PYTHON)
        made = {d.relation.schema_name for d in datasets if d.kind not in by_others}
        # In a file of somebody else's there may be tables that no dbt has made.
        if self.settings.warehouse_file or not self.warehouse.path.exists():
            return []
        with self.warehouse.connect() as connection:
            return others_in(connection, made, [dataset.relation for dataset in datasets])

    def _newest_days(self) -> dict[str, datetime]:
        if not self.project.ingested():
            return {}
        with self.warehouse.connect() as connection:
            return journal.newest_days(connection)

    def pending(self) -> list[Landed]:
        """Return every landed file whose content is not in raw yet."""
        zone, memory = landing_zone(self.settings), Memory(self.ledger)
        return [
            file
            for source in self.project.ingested()
            for file in pending(source, landed_files(source, zone)[0], self.warehouse, memory)
        ]

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
        shared=profile.plain or not settings.warehouse_file,
    )
    return Platform(
        settings=settings,
        project=project,
        suites=load_suites(project),
        warehouse=warehouse,
        ledger=Ledger(settings.ledger, results_days=settings.results_days),
        releases=Releases(settings),
    )
