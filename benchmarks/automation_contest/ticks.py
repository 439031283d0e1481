"""A tick over many partitioned assets with a long history, ours and the peer's."""

import time
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    StepMaterializationData,
)
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.runs.schema import RunsTable
from dagster._serdes import serialize_value

from assetops.automate.asking import SENSOR, Asking, AutomationSensor
from assetops.automate.conditions import Automated
from assetops.model import READ_UP_TO

LAYERS, WIDTH, DAYS = 20, 100, 365
# So that 10,000 runs have made each partition of each asset once.
MADE_BY_A_RUN = LAYERS * WIDTH * DAYS // 10_000
TODAY = datetime.now(UTC).date()
NEWEST = str(TODAY - timedelta(days=1))
# As the root dagster.yaml has it, for both.
STORAGE = """storage:
  custom:
    module: assetops.cli.event_log
    class: SqliteStorage
    config: {base_dir: .}
telemetry: {enabled: false}
"""
Type = dg.DagsterEventType


def name(layer: int, column: int) -> str:
    """Return the name of an asset."""
    return f"layer_{layer:02}_{column % WIDTH:02}"


NAMES = [name(layer, column) for layer in range(LAYERS) for column in range(WIDTH)]


def definitions(condition: dg.AutomationCondition, *sensors: Any) -> dg.Definitions:
    """Return a graph in which each asset has two parents; the first layer is asked for by none."""
    days = dg.DailyPartitionsDefinition(str(TODAY - timedelta(days=DAYS)))

    def made(layer: int, column: int) -> dg.AssetsDefinition:
        above = [name(layer - 1, column), name(layer - 1, column + 1)] if layer else []
        key, asked = name(layer, column), condition if layer else None

        @dg.asset(name=key, deps=above, partitions_def=days, automation_condition=asked)
        def asset() -> None: ...

        return asset

    assets = [made(layer, column) for layer in range(LAYERS) for column in range(WIDTH)]
    return dg.Definitions(assets, sensors=sensors)


class Ours:
    """The sensor of a platform, which asks for what its contract lets it ask for."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.cursor = instance, None
        asked = definitions(Automated(), AutomationSensor(Asking(dict)))
        self.repository = asked.get_repository_def()

    def tick(self) -> set[dg.AssetKey]:
        """Return what is asked for."""
        context = dg.build_sensor_context(
            self.instance, self.cursor, repository_def=self.repository
        )
        result = self.repository.get_sensor_def(SENSOR).evaluate_tick(context)
        self.cursor = result.cursor
        return {key for request in result.run_requests or () for key in request.asset_selection}


class Stock:
    """Dagster's own conditions, by Dagster's own function that evaluates them all."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.cursor = instance, AssetDaemonCursor.empty()
        self.definitions = definitions(dg.AutomationCondition.eager())

    def tick(self) -> set[dg.AssetKey]:
        """Return what is asked for."""
        result = dg.evaluate_automation_conditions(
            self.definitions, self.instance, cursor=self.cursor
        )
        self.cursor = result.cursor
        return {subset.key for subset in result._requested_subsets}


def entry(run_id: str, asset: str, kind: Type, day: str, read: int = 0) -> dg.EventLogEntry:
    """Return an event as a step of a run logs it."""
    key, data = dg.AssetKey(asset), None
    if kind is Type.ASSET_MATERIALIZATION:
        tags = {READ_UP_TO: str(read)}
        data = StepMaterializationData(dg.AssetMaterialization(key, partition=day, tags=tags))
    else:
        data = AssetMaterializationPlannedData(key, partition=day)
    event = DagsterEvent(kind.value, "__ASSET_JOB", event_specific_data=data, step_key=asset)
    return dg.EventLogEntry(
        None,
        20,
        "",
        run_id,
        time.time(),
        step_key=asset,
        job_name="__ASSET_JOB",
        dagster_event=event,
    )


def remember(instance: dg.DagsterInstance, runs: int) -> None:
    """Write the events of runs that have been, oldest first, straight into the tables."""
    log, store = instance.event_log_storage, instance.run_storage
    both = Type.ASSET_MATERIALIZATION_PLANNED, Type.ASSET_MATERIALIZATION
    patterns = {kind: log._event_to_row(entry("RUN", "ASSET", kind, "DAY")) for kind in both}

    def row(kind: Type, run_id: str, asset: str, day: str) -> dict[str, Any]:
        pattern = patterns[kind]
        event = pattern["event"].replace("RUN", run_id).replace('ASSET"', f'{asset}"')
        key = dg.AssetKey(asset).to_string()
        changed = {"run_id": run_id, "event": event.replace("DAY", day), "asset_key": key}
        return {**pattern, **changed, "step_key": asset, "partition": day}

    def run_row(run_id: str) -> dict[str, Any]:
        run = DagsterRun("__ASSET_JOB", run_id, status=dg.DagsterRunStatus.SUCCESS)
        return {
            **{"run_id": run_id, "pipeline_name": run.job_name, "status": run.status.value},
            "run_body": serialize_value(run),
        }

    for run in reversed(range(runs)):
        run_id = str(uuid.uuid4())
        made = range(run * MADE_BY_A_RUN, (run + 1) * MADE_BY_A_RUN)
        what = [(NAMES[n % len(NAMES)], str(TODAY - timedelta(1 + n // len(NAMES)))) for n in made]
        with store.connect() as connection:
            connection.execute(RunsTable.insert(), run_row(run_id))
        with log.index_connection() as connection:
            rows = [row(kind, run_id, *one) for kind in both for one in what]
            connection.execute(SqlEventLogStorageTable.insert(), rows)


def make(instance: dg.DagsterInstance, assets: Iterable[str]) -> None:
    """Make some assets for the newest day, each after its parents, by one run that has ended."""
    run = DagsterRun("__ASSET_JOB", str(uuid.uuid4()), status=dg.DagsterRunStatus.SUCCESS)
    instance.run_storage.add_run(run)
    log, ordered = instance.event_log_storage, sorted(assets)
    for asset in ordered:
        log.store_event(entry(run.run_id, asset, Type.ASSET_MATERIALIZATION_PLANNED, NEWEST))
    for asset in ordered:
        read = log.get_maximum_record_id() or 0
        log.store_event(entry(run.run_id, asset, Type.ASSET_MATERIALIZATION, NEWEST, read))


def ticks(folder: Path, runs: int, tries: dict[str, int]) -> Iterator[tuple[str, float]]:
    """Yield, for both sides in turn, how many seconds a tick took that found one update."""
    sides: dict[str, Ours | Stock] = {}
    for side, kind in (("ours", Ours), ("peer", Stock)):
        home = folder / side
        home.mkdir(parents=True)
        (home / "dagster.yaml").write_text(STORAGE.replace("base_dir: .", f"base_dir: {home}"))
        instance = dg.DagsterInstance.from_config(str(home))
        remember(instance, runs)
        make(instance, NAMES)
        sides[side] = kind(instance)
        sides[side].tick()
    for number in range(max(tries.values())):
        for side, platform in sides.items():
            if number < tries[side]:
                make(platform.instance, [name(0, 7 * number)])
                before = time.perf_counter()
                asked = platform.tick()
                yield side, time.perf_counter() - before
                make(platform.instance, {key.to_user_string() for key in asked})
                platform.tick()
