"""Dagster's sensor daemon, which evaluates sensors at once when what they wait for has happened.

It is the one that evaluates them, at their intervals or before, so that nothing is asked for twice.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.sensor_definition import SensorType
from dagster._core.remote_representation.external import RemoteSensor
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._daemon.daemon import DaemonIterator, SensorDaemon, SpanMarker
from dagster._daemon.sensor import (
    MIN_INTERVAL_LOOP_TIME,
    _process_tick_generator,
    execute_sensor_iteration,
)
from dagster._daemon.utils import DaemonErrorCapture
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from assetops.automate.arrival import LANDING, WAKES_ON
from assetops.automate.news import SETTLED_SECONDS

EVENTS = "events"
_LOOK_SECONDS = 0.1
# Files that land together are asked for together, but nobody waits longer for the last of them.
_TOGETHER_SECONDS = SETTLED_SECONDS + 0.05
_AT_MOST_SECONDS = 2.0
# A file has come into being: its writer has closed it, or it was moved here.
_LANDED = {"closed", "moved", "created", *(() if sys.platform == "linux" else ("modified",))}
_WAKING_EVENTS = [
    kind.value
    for kind in (
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_OBSERVATION,
        dg.DagsterEventType.RUN_SUCCESS,
        dg.DagsterEventType.RUN_FAILURE,
        dg.DagsterEventType.RUN_CANCELED,
    )
]
# Sensors that wait for events in Dagster's log.
_WAIT_FOR_EVENTS = {
    SensorType.AUTOMATION,
    SensorType.ASSET,
    SensorType.MULTI_ASSET,
    SensorType.RUN_STATUS,
}


class EventWatch:
    """Tells whether the event log has grown by what sensors wait for."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        log = instance.event_log_storage
        self._log = log if isinstance(log, SqlEventLogStorage) else None
        self._last = 0
        self._last = self._newest() or 0

    def happened(self) -> bool:
        """Say whether something has happened since this was asked last."""
        newest = self._newest()
        if newest is None:
            return False
        self._last = newest
        return True

    def _newest(self) -> int | None:
        """Return the newest event after the last one that is known, if there is one."""
        if self._log is None:
            return None
        event = SqlEventLogStorageTable.c
        query = sa.select(sa.func.max(event.id)).where(
            event.id > self._last, event.dagster_event_type.in_(_WAKING_EVENTS)
        )
        with self._log.index_connection() as connection:
            newest: int | None = connection.execute(query).scalar()
        return newest


class LandingWatch(FileSystemEventHandler):
    """Tells whether files have landed, a moment after the last of them."""

    def __init__(self, folder: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._first = self._last = 0.0
        self._lock = threading.Lock()
        self._observer: Any = None

    def tend(self) -> None:
        """Watch the folder if there is one; it may come later, and go."""
        is_there = self._folder is not None and self._folder.is_dir()
        if self._observer is not None and not (is_there and self._observer.is_alive()):
            self.stop()
        if self._observer is None and is_there:
            observer = Observer()
            try:
                observer.schedule(self, str(self._folder), recursive=True)
                observer.start()
            except OSError:
                # The kernel has no watch left: the sensors look at their intervals.
                return
            self._observer = observer
            self._note()

    def stop(self) -> None:
        """Watch no more."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Note what has landed; a look at files is no news."""
        if event.event_type in _LANDED:
            self._note()

    def _note(self) -> None:
        with self._lock:
            self._last = self._clock()
            self._first = self._first or self._last

    def happened(self) -> bool:
        """Say whether files have landed since this was asked last, and none in this moment."""
        with self._lock:
            now = self._clock()
            quiet = now - self._last >= _TOGETHER_SECONDS
            if not self._first or not (quiet or now - self._first >= _AT_MOST_SECONDS):
                return False
            # What is being written in this moment is looked at once more when that has ended.
            self._first = 0.0 if quiet else now
            return True


class Causes:
    """Why sensors are to be evaluated now."""

    def __init__(
        self,
        files: LandingWatch,
        events: EventWatch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files, self._events, self._clock = files, events, clock
        self._owed, self._rests_until = False, 0.0

    @contextmanager
    def answered(self) -> Iterator[set[str]]:
        """Give what has happened, and see how long it takes to answer.

        A run tells of many assets, one after another: answers take a third of the time at most.
        """
        begin = self._clock()
        self._owed |= self._events.happened()
        found = {LANDING} if self._files.happened() else set()
        if self._owed and begin >= self._rests_until:
            found.add(EVENTS)
            self._owed = False
        try:
            yield found
        finally:
            if EVENTS in found:
                now = self._clock()
                self._rests_until = now + 2 * (now - begin)


class _Now(RemoteSensor):
    """A sensor whose time has come."""

    @property
    def min_interval_seconds(self) -> int:
        """No time has to pass before it is evaluated."""
        return 0


class PromptSensorDaemon(SensorDaemon):
    """Evaluates sensors at their intervals as Dagster's daemon does, and some when it is time."""

    def __init__(self, settings: Mapping[str, Any], landing: Path | None) -> None:
        # Without threads: a sensor is never evaluated twice at once.
        super().__init__({**settings, "use_threads": False})
        self._landing = landing

    def core_loop(
        self,
        workspace_process_context: IWorkspaceProcessContext[Any],
        shutdown_event: threading.Event,
    ) -> DaemonIterator:
        """Evaluate sensors until told to stop."""
        files = LandingWatch(self._landing)
        causes = Causes(files, EventWatch(workspace_process_context.instance))
        try:
            while True:
                until = time.monotonic() + MIN_INTERVAL_LOOP_TIME
                yield SpanMarker.START_SPAN
                files.tend()
                with self._caught() as errors:
                    yield from execute_sensor_iteration(
                        workspace_process_context, self._logger, None, None
                    )
                yield from errors
                yield SpanMarker.END_SPAN
                while time.monotonic() < until and not shutdown_event.wait(_LOOK_SECONDS):
                    with self._caught() as errors, causes.answered() as found:
                        yield from self.evaluate(workspace_process_context, found)
                    yield from errors
                    yield None
        finally:
            files.stop()

    def evaluate(
        self, workspace: IWorkspaceProcessContext[Any], causes: set[str]
    ) -> DaemonIterator:
        """Evaluate the sensors that wait for one of these causes, whenever they were last."""
        if not causes:
            return
        instance = workspace.instance
        states = {
            state.selector_id: state
            for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        }
        retention = instance.get_tick_retention_settings(InstigatorType.SENSOR)
        for sensor in _sensors(workspace):
            state = states.get(sensor.selector_id)
            # One that was never evaluated is, at the next look at all of them.
            if not causes & _causes_of(sensor) or state is None:
                continue
            if sensor.get_current_instigator_state(state).is_running:
                now = _Now(sensor._sensor_snap, sensor.handle.repository_handle)
                yield from _process_tick_generator(
                    workspace, self._logger, now, state, None, retention, None
                )

    @contextmanager
    def _caught(self) -> Iterator[list[Any]]:
        """Catch what goes wrong, as Dagster's loop does, and give it to who asks after it."""
        errors: list[Any] = []
        try:
            yield errors
        except Exception:
            errors.append(
                DaemonErrorCapture.process_exception(
                    exc_info=sys.exc_info(),
                    logger=self._logger,
                    log_message="The sensor daemon caught an error",
                )
            )


def _sensors(workspace: IWorkspaceProcessContext[Any]) -> Iterator[RemoteSensor]:
    entries = workspace.create_request_context().get_code_location_entries().values()
    for location in filter(None, (entry.code_location for entry in entries)):
        for repository in location.get_repositories().values():
            yield from repository.get_sensors()


def _causes_of(sensor: RemoteSensor) -> set[str]:
    causes = {EVENTS} if sensor.sensor_type in _WAIT_FOR_EVENTS else set()
    return causes | {tag for name, tag in sensor.tags.items() if name == WAKES_ON}
