"""Desks at which files land: with a plain bookkeeping, and with the daemon of Dagster."""

import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.storage.tags import RUN_KEY_TAG, SENSOR_NAME_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration
from tests.automate import desk as location

from assetops.automate.arrival import LANDING
from assetops.automate.prompt import PromptSensorDaemon
from assetops.cli.event_log import SqliteStorage
from assetops.zone import LandedFile

SENSOR = "arrival_retail"
WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]


class Desk:
    """A landing folder, and the sensor that looks at it."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        self.root, self.instance = root, instance
        self.standing: dict[tuple[dg.AssetKey, str | None], str] = {}
        self.repository = location.definitions().get_repository_def()
        self.cursor: str | None = None

    def land(self, text: str, day: str | None = "2026-01-05") -> Path:
        path = self.root / "landing/retail" / (f"orders/{day}.csv" if day else "stores.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        # As a careful writer does: under another name, then in one moment.
        hidden = path.with_name(f".{path.name}")
        hidden.write_text(text)
        hidden.rename(path)
        return path

    def tick(self) -> SensorExecutionData:
        """Evaluate the sensor, and put what it requests in the queue, as the daemon does."""
        sensor = self.repository.get_sensor_def(SENSOR)
        with dg.build_sensor_context(
            self.instance, self.cursor, repository_def=self.repository, sensor_name=SENSOR
        ) as context:
            found = sensor.evaluate_tick(context)
        for request in found.run_requests or ():
            tags = {RUN_KEY_TAG: request.run_key, SENSOR_NAME_TAG: SENSOR}
            if not self.instance.get_runs(dg.RunsFilter(tags=tags)):
                run = dg.DagsterRun(
                    location.JOB,
                    str(uuid4()),
                    asset_selection=frozenset(request.asset_selection or ()),
                    tags={**request.tags, **tags},
                )
                self.instance.add_run(run)
        self.cursor = found.cursor
        return found

    def said(self) -> str:
        """Evaluate the sensor, and return why it requests nothing."""
        return self.tick().skip_message or ""

    def runs(self) -> list[dg.DagsterRun]:
        return list(self.instance.get_runs())

    def report(self, run: dg.DagsterRun, kind: dg.DagsterEventType) -> None:
        event = dg.DagsterEvent(kind.value, run.job_name)
        entry = dg.EventLogEntry(None, 20, "", run.run_id, time.time(), dagster_event=event)
        self.instance.handle_new_event(entry)

    def execute(self) -> list[dg.DagsterRun]:
        """Bring in what has landed, for each run in the queue, as ingestion tells Dagster of it."""
        waiting = list(self.instance.get_runs(dg.RunsFilter(statuses=WAITING)))
        for run in waiting:
            self.report(run, dg.DagsterEventType.PIPELINE_STARTING)
            well = all([self._taken_in(run, key) for key in sorted(run.asset_selection or ())])
            end = dg.DagsterEventType.RUN_SUCCESS if well else dg.DagsterEventType.RUN_FAILURE
            self.report(run, end)
        return waiting

    def _taken_in(self, run: dg.DagsterRun, key: dg.AssetKey) -> bool:
        """Materialise an asset; of a source, each partition whose file is good."""
        if key not in location.SOURCES:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(key))
            return True
        well = True
        for batch in location.batches(key):
            text = batch.file.read_text()
            day = str(batch.partition) if batch.partition else None
            if text == "bad":
                location.landing().ledger.record_rejection(batch, [text], run_id=run.run_id)
            if text in ("bad", "accident"):
                well = False
            elif self.standing.get((key, day)) != batch.fingerprint:
                self.standing[key, day] = batch.fingerprint
                tags = {DATA_VERSION_TAG: batch.fingerprint[:16]}
                event = dg.AssetMaterialization(key, partition=day, tags=tags)
                self.instance.report_runless_asset_event(event)
        return well


class DaemonDesk(Desk):
    """The same, looked at by Dagster's own daemon code, with its storage."""

    def __init__(
        self, root: Path, instance: dg.DagsterInstance, attribute: str = "definitions"
    ) -> None:
        super().__init__(root, instance)
        module = LoadableTargetOrigin(
            executable_path=sys.executable,
            module_name=location.__name__,
            attribute=attribute,
        )
        target = InProcessCodeLocationOrigin(module, location_name="desk")
        self.workspace = WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget([target]))
        self.daemon = PromptSensorDaemon({}, root / "landing")

    def at_once(self, cause: str = LANDING) -> None:
        """Have the daemon evaluate the sensors that wait for this, whenever it did last."""
        list(self.daemon.evaluate(self.workspace, {cause}))

    def at_interval(self, crash: dict[str, int] | None = None) -> None:
        """Have the daemon evaluate the sensors whose time has come."""
        flags = {SENSOR: crash} if crash else None
        log = logging.getLogger("desk")
        list(execute_sensor_iteration(self.workspace, log, None, None, debug_crash_flags=flags))

    def killed_at(self, point: str, signal: int) -> None:
        """Have a daemon look at landing, and be killed when it comes to a point."""
        if (pid := os.fork()) == 0:
            # With files of its own: connections do not survive a fork.
            with instance_at(self.root / "dagster") as instance:
                DaemonDesk(self.root, instance).at_interval({point: signal})
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status)
        assert os.WTERMSIG(status) == signal


def instance_at(folder: Path) -> dg.DagsterInstance:
    queue = {"module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator"}
    storage = {"module": SqliteStorage.__module__, "class": SqliteStorage.__name__}
    overrides = {
        "storage": {"custom": {**storage, "config": {"base_dir": str(folder)}}},
        "run_coordinator": {**queue, "config": {}},
        "telemetry": {"enabled": False},
    }
    return dg.DagsterInstance.local_temp(str(folder), overrides=overrides)


@pytest.fixture(scope="session")
def empty_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an instance whose tables were made; no test may change it."""
    folder = tmp_path_factory.mktemp("instance")
    with instance_at(folder) as instance:
        instance.fetch_materializations(dg.AssetKey("none"), limit=1)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> dict[str, object]:
    """What a test may say of the desk's place and time."""

    # A minute ahead of files' own times: a test does not wait for them to settle.
    def is_open(file: LandedFile) -> bool | None:
        return file.open_for_writing()

    location.place.clear()
    location.place.update(root=tmp_path, ahead=60.0, open_for_writing=is_open)
    (tmp_path / "landing").mkdir()
    return location.place


@pytest.fixture
def desk(place: dict[str, object], tmp_path: Path) -> Iterator[Desk]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Desk(tmp_path, instance)


@pytest.fixture
def daemon_desk(
    place: dict[str, object], empty_instance: Path, tmp_path: Path
) -> Iterator[DaemonDesk]:
    shutil.copytree(empty_instance, tmp_path / "dagster")
    with instance_at(tmp_path / "dagster") as instance:
        desk = DaemonDesk(tmp_path, instance)
        with desk.workspace, desk.daemon:
            yield desk
