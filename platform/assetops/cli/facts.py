"""What `show` knows about a dataset, gathered without waiting for a run that has the warehouse."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assetops.cli.instance import open_instance
from assetops.dbt.freshness import promise_of
from assetops.errors import WarehouseBusy
from assetops.history import History, result_of
from assetops.model import FRESHNESS_CHECK, Dataset, Kind, Release, Status, timedelta_of
from assetops.opened import Platform
from assetops.quality.promises import promises_of
from assetops.quality.score import RUNS, graded_checks, score_of, trend_of
from assetops.warehouse import journal
from assetops.warehouse.duckdb import columns_of, row_counts
from assetops.warehouse.held import held_since
from assetops.watch.objectives import Watch
from assetops.watch.runs import newest_run_in
from assetops.watch.standing import age_of, standing_of


def facts_of(platform: Platform, dataset: Dataset) -> dict[str, Any]:
    """Return everything that is known about a dataset."""
    project = platform.project
    suite = platform.suites.get(dataset.address)
    data, types = _warehouse_facts(platform, dataset)
    data |= _source_freshness(platform, dataset)
    release = platform.releases.current()
    if dataset.contract.publish:
        data |= _published_facts(platform, dataset, release)
    return {
        "asset": dataset.address,
        "kind": dataset.kind.value,
        "description": dataset.description,
        "owners": list(dataset.contract.owners),
        "file": dataset.file,
        "suite": str(suite.path.relative_to(project.settings.root)) if suite else None,
        "table": str(dataset.relation),
        "step": platform.cut.step_of(dataset),
        "gate holds back": platform.cut.held_back_by(dataset),
        "partitioned": bool(
            dataset.contract.partition
            or (dataset.contract.ingest and dataset.contract.ingest.partition)
        ),
        "contract": dataset.contract.model_dump(mode="json", exclude_none=True),
        "data": data,
        "types": types,
        "columns": [column.model_dump() for column in dataset.columns],
        "made from": _made_from(platform, dataset),
        "upstream": sorted(
            project.datasets[p].address for p in dataset.parents if p in project.datasets
        ),
        "downstream": sorted(_downstream(platform, dataset)),
        "ready by": _ready_by(platform, dataset),
        "quality": _quality(platform, dataset),
        "checks": _checks(platform, dataset),
        "rejections": platform.ledger.rejections(dataset.address, limit=5),
    }


def _made_from(platform: Platform, dataset: Dataset) -> dict[str, list[str]]:
    """Return what each column came from when the table was last built: Dagster's UI draws none."""
    with open_instance(platform.settings) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(dataset.key))
    built = event.asset_materialization if event else None
    found = built.metadata.get("dagster/column_lineage") if built else None
    if not isinstance(found, dg.TableColumnLineageMetadataValue):
        return {}
    return {
        column: [f"{dep.asset_key.to_user_string()}.{dep.column_name}" for dep in above]
        for column, above in found.value.deps_by_column.items()
    }


def _downstream(platform: Platform, dataset: Dataset) -> list[str]:
    names = [
        other.address
        for other in platform.project.datasets.values()
        if dataset.unique_id in other.parents
    ]
    if dataset.contract.publish:
        names.append("/".join(dataset.published_key))
    for exposure in platform.project.manifest.get("exposures", {}).values():
        if dataset.unique_id in exposure["depends_on"]["nodes"]:
            names.append(f"{exposure['label'] or exposure['name']} ({exposure['type']})")
    return names


def _warehouse_facts(platform: Platform, dataset: Dataset) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what the private warehouse holds of it, or who keeps us from looking."""
    if not platform.settings.warehouse.exists():
        return {"rows": "not built yet: assetops build"}, {}
    patient, platform.warehouse.lock.wait = platform.warehouse.lock.wait, 0
    try:
        with platform.warehouse.connect() as connection:
            columns = columns_of(connection, dataset.relation)
            counts = row_counts(connection, [dataset.relation])
            loads = journal.standing_loads(connection, dataset.address)
            held = held_since(connection, dataset)
    except WarehouseBusy:
        holder = platform.warehouse.lock.holder()
        return {"rows": f"unknown now: the warehouse is held by {holder}"}, {}
    finally:
        platform.warehouse.lock.wait = patient
    facts: dict[str, Any] = _held_facts(dataset, held)
    if not columns:
        foreign = dataset.kind is Kind.SOURCE and not dataset.contract.ingest
        missing = "no such table in the warehouse" if foreign else "not built yet: assetops build"
        return {"rows": missing, **facts}, {}
    if (rows := counts.get(str(dataset.relation))) is not None:
        facts["rows"] = f"{rows:,}"
    if loads:
        newest = max(loads.values(), key=lambda load: load.load_id)
        facts["newest load"] = f"{newest.file}, {newest.rows:,} rows, in run {newest.run_id[:8]}"
    days = sorted(day for day in loads if day)
    if days:
        expected = (days[-1] - days[0]).days + 1
        silent = expected - len(days)
        gaps = f", {silent} day{'s' * (silent > 1)} sent nothing" if silent else ""
        facts["partitions"] = f"{len(days)} days, {days[0]} to {days[-1]}{gaps}"
    return facts, dict(columns)


def _held_facts(dataset: Dataset, held: tuple[int, datetime] | None) -> dict[str, Any]:
    if held is None:
        return {}
    rows, since = held
    said = f"{rows:,} row{'s' * (rows != 1)} since {since:%Y-%m-%d %H:%M} UTC"
    return {"held back": f"{said}: assetops quarantine show {dataset.address}"}


def _source_freshness(platform: Platform, dataset: Dataset) -> dict[str, Any]:
    """Return what a source promises of its newest row, and what dbt saw when it last asked."""
    promise = promise_of(platform.project, dataset)
    if not promise:
        return {}
    latest = platform.ledger.latest_results(dataset.address)
    asked = next(((v, at) for v, at, _ in latest if v.check == FRESHNESS_CHECK), None)
    if asked is None:
        said = f"{promise}; never asked: assetops check {dataset.address} --freshness"
        return {"source freshness": said}
    verdict, at = asked
    found = verdict.finding if verdict.status is Status.ERRORED else verdict.description
    word = result_of(verdict.status, verdict.severity)
    return {"source freshness": f"{word} when asked {at:%Y-%m-%d %H:%M} UTC: {found}"}


def _published_facts(
    platform: Platform, dataset: Dataset, release: Release | None
) -> dict[str, Any]:
    table = release.tables.get(dataset.published_name) if release else None
    if release is None or table is None:
        return {"published": "never"}
    facts: dict[str, Any] = {"published": f"{table.rows:,} rows in release {release.id}"}
    now = datetime.now(UTC).replace(tzinfo=None)
    # What was verified again since on newer input reaches further than the release says.
    known = age_of(dataset, platform.ledger, now)
    if as_of := known[0] if known else table.data_as_of:
        age = now - as_of
        facts["data as of"] = f"{as_of:%Y-%m-%d %H:%M} UTC"
        if promise := dataset.contract.fresh_within:
            limit = timedelta_of(promise)
            facts["freshness"] = (
                f"kept: promised within {promise}"
                if age <= limit
                else f"late: promised within {promise}, is {age.total_seconds() / 3600:.0f}h old"
            )
    return facts


def _ready_by(platform: Platform, dataset: Dataset) -> dict[str, Any]:
    """Return what became of the promise to be ready, day by day, judged now."""
    if not (dataset.contract.publish and dataset.contract.ready_by):
        return {}

    def newest_run(since: datetime, due: datetime) -> str | None:
        with open_instance(platform.settings) as instance:
            return newest_run_in(instance)(since, due)

    watch = Watch(platform.project, platform.ledger)
    watch.judge(only=dataset.address, newest_run=newest_run)
    standing = standing_of(dataset, platform.ledger, watch.clock())
    return standing.facts() if standing else {}


def _quality(platform: Platform, dataset: Dataset) -> dict[str, Any]:
    """Return the quality score as it is now, and after each of the newest runs."""
    checks = graded_checks(dataset, platform.suites.get(dataset.address))
    latest = {v.check: v.status for v, _, _ in platform.ledger.latest_results(dataset.address)}
    stood, outcomes = History(platform.ledger).outcomes(dataset.address, runs=RUNS)
    return {
        **score_of(checks, latest).model_dump(mode="json"),
        "trend": trend_of(checks, stood, outcomes),
    }


def _checks(platform: Platform, dataset: Dataset) -> list[dict[str, Any]]:
    """Return every check there is, with its latest verdict if it ever ran."""
    latest = {v.check: (v, at) for v, at, _ in platform.ledger.latest_results(dataset.address)}
    suite, checks = platform.suites.get(dataset.address), []
    for promise in promises_of(dataset, suite):
        verdict, at = latest.get(promise.check, (None, None))
        checks.append(
            {
                "name": promise.check,
                "severity": promise.severity.value,
                "depth": promise.depth.value,
                "sampled of": verdict.sampled_of if verdict else None,
                "status": verdict.status.value if verdict else "never ran",
                "found": verdict.sentence() if verdict else None,
                "at": at,
                "description": promise.reason or promise.expected,
            }
        )
    return checks
