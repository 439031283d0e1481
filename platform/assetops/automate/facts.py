"""What Dagster remembers of assets, their runs and checks, read once for a tick."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    NULL_EVENT_POINTER,
    get_input_event_pointer_tag,
)
from dagster._core.event_api import EventLogRecord
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from assetops.model import READ_UP_TO

_PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
# How many of an asset's newest runs are looked through for the one that made it.
_RUNS_BACK = 50


@dataclass(frozen=True)
class Made:
    """The newest time that an asset was made, or found to be as it was."""

    # Grows with every event of any asset.
    storage_id: int
    # Empty if somebody outside has reported it.
    run_id: str
    timestamp: float
    tags: Mapping[str, str]

    @property
    def read_up_to(self) -> int | None:
        """The newest event that there was when its step began to read, if it said so."""
        said = self.tags.get(READ_UP_TO)
        return int(said) if said else None

    @property
    def code_version(self) -> str | None:
        """The version of the code that made it, if Dagster knows one."""
        return self.tags.get(CODE_VERSION_TAG)

    def pointer(self, parent: dg.AssetKey) -> int | None:
        """Return the parent's newest event when the step that made it began, as Dagster saw it."""
        said = self.tags.get(get_input_event_pointer_tag(parent))
        return int(said) if said and said != NULL_EVENT_POINTER else None


@dataclass(frozen=True)
class Attempt:
    """The newest run that was to make an asset."""

    # What had happened before it was created has a lower id.
    storage_id: int
    run: dg.DagsterRun
    created_at: float


@dataclass
class Facts:
    """Reads all assets at once, and of those that need a second look, no more than it needs."""

    instance: dg.DagsterInstance
    keys: Collection[dg.AssetKey]
    _planned: dict[dg.AssetKey, Mapping[str, int]] = field(default_factory=dict)
    _looks: dict[dg.AssetKey, Made | None] = field(default_factory=dict)
    _checks: dict[dg.AssetCheckKey, AssetCheckExecutionRecord | None] = field(default_factory=dict)
    _runs: dict[str, tuple[dg.DagsterRun, float] | None] = field(default_factory=dict)

    @cached_property
    def _records(self) -> Mapping[dg.AssetKey, Made]:
        # First what is at work: a run that ends between the two is then seen as at work, and its
        # asset looked at again by the next tick. The other way around, it could be asked for twice.
        _ = self.unfinished
        found = {}
        for record in self.instance.get_asset_records(list(self.keys)):
            if (newest := record.asset_entry.last_materialization_record) is not None:
                found[record.asset_entry.asset_key] = _made(newest)
        return found

    @cached_property
    def unfinished(self) -> Mapping[dg.AssetKey, str]:
        """The assets that a run is to make which has not ended, each with that run."""
        statuses = list(NOT_FINISHED_STATUSES)
        found: dict[dg.AssetKey, str] = {}
        for run in self.instance.get_runs(dg.RunsFilter(statuses=statuses)):
            found |= dict.fromkeys(self.planned_in(run), run.run_id)
        return found

    def planned_in(self, run: dg.DagsterRun) -> Collection[dg.AssetKey]:
        """Return the assets that a run is to make."""
        if run.asset_selection:
            return run.asset_selection
        events = self.instance.all_logs(run.run_id, of_type=_PLANNED)
        return {e.dagster_event.asset_key for e in events if e.dagster_event} - {None}  # type: ignore[return-value]

    def made(self, key: dg.AssetKey) -> Made | None:
        """Return an asset's newest materialisation."""
        return self._records.get(key)

    def look(self, key: dg.AssetKey) -> Made | None:
        """Return when an asset was last made, or found to be as it was by a step that read all."""
        if key not in self._looks:
            made = self.made(key)
            seen = self.instance.fetch_observations(key, limit=1).records
            looks = [_made(seen[0])] if seen else []
            newer = [
                look
                for look in looks
                if look.read_up_to is not None
                and (made is None or look.storage_id > made.storage_id)
            ]
            self._looks[key] = newer[0] if newer else made
        return self._looks[key]

    def planned(self, key: dg.AssetKey) -> Mapping[str, int]:
        """Return an asset's newest runs, newest first, with the event that each begins with."""
        if key not in self._planned:
            records = self.instance.event_log_storage.get_event_records(
                dg.EventRecordsFilter(_PLANNED, asset_key=key), limit=_RUNS_BACK
            )
            found: dict[str, int] = {}
            for record in records:
                found[record.run_id] = record.storage_id
            self._planned[key] = found
        return self._planned[key]

    def attempt(self, key: dg.AssetKey) -> Attempt | None:
        """Return the newest run that was to make an asset, if there is one still."""
        for run_id, storage_id in self.planned(key).items():
            if (known := self.run(run_id)) is not None:
                return Attempt(storage_id, *known)
        return None

    def run(self, run_id: str) -> tuple[dg.DagsterRun, float] | None:
        """Return a run, and when it was created."""
        if run_id not in self._runs:
            record = self.instance.get_run_record_by_id(run_id)
            self._runs[run_id] = (
                (record.dagster_run, record.create_timestamp.timestamp()) if record else None
            )
        return self._runs[run_id]

    def checks(
        self, keys: Iterable[dg.AssetCheckKey]
    ) -> Mapping[dg.AssetCheckKey, AssetCheckExecutionRecord]:
        """Return what came of checks when they last ran, without those that never did."""
        wanted = list(keys)
        if unread := [key for key in wanted if key not in self._checks]:
            storage = self.instance.event_log_storage
            read = storage.get_latest_asset_check_execution_by_key(unread)
            self._checks |= {key: read.get(key) for key in unread}
        return {key: found for key in wanted if (found := self._checks[key]) is not None}

    def objection(self, key: dg.AssetCheckKey) -> str | None:
        """Say why a blocking check of an asset's newest content holds back, if it does."""
        record = self.checks([key]).get(key)
        if record is None or not self._is_of_newest(record):
            return None
        if record.status is AssetCheckExecutionRecordStatus.PLANNED:
            run = self.run(record.run_id)
            ended = run is not None and run[0].status is dg.DagsterRunStatus.FAILURE
            return f"{key.to_user_string()} could not run" if ended else None
        evaluation = record.evaluation
        failed = evaluation is not None and not evaluation.passed
        if evaluation and failed and evaluation.severity is dg.AssetCheckSeverity.ERROR:
            return f"{key.to_user_string()} failed"
        return None

    def _is_of_newest(self, record: AssetCheckExecutionRecord) -> bool:
        made = self.made(record.key.asset_key)
        if made is None or record.run_id == made.run_id:
            return True
        evaluated = record.status is not AssetCheckExecutionRecordStatus.PLANNED
        target = record.evaluation.target_materialization_data if evaluated else None  # type: ignore[union-attr]
        if target is not None:
            return target.storage_id >= made.storage_id
        return record.create_timestamp > made.timestamp


def _made(record: EventLogRecord) -> Made:
    entry = record.event_log_entry
    return Made(record.storage_id, entry.run_id, entry.timestamp, entry.tags or {})
