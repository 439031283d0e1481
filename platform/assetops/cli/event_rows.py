"""The rows that Dagster writes for an event in SQLite, by statements that are made once.

Dagster makes each statement anew, with its values in it, and the text of a check's event three
times; an asset that is known is first inserted, which fails. That was half of what an event takes.
"""

from typing import Any, cast

import dagster._check as check
import sqlalchemy as sa
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    DagsterEventType,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus as Status,
)
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as CHECKS
from dagster._core.storage.event_log.schema import AssetKeyTable as ASSETS
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as EVENTS
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

_EVENT, _PLANNED = EVENTS.insert(), CHECKS.insert()
_EVALUATED = CHECKS.update().where(
    CHECKS.c.asset_key == sa.bindparam("of_asset"),
    CHECKS.c.check_name == sa.bindparam("of_check"),
    CHECKS.c.run_id == sa.bindparam("of_run"),
    CHECKS.c.partition.is_(None),
)
_ASSET = ASSETS.update().where(ASSETS.c.asset_key == sa.bindparam("of_asset"))


class EventRows(SqliteEventLogStorage):
    """Dagster's own storage, but for how a single event's rows are written; they are the same."""

    def store_event(self, event: EventLogEntry) -> None:
        """Write an event to its run's file, and to the index what belongs there too."""
        row = self._event_to_row(check.inst_param(event, "event", EventLogEntry))
        with self.run_connection(event.run_id) as run:
            run.execute(_EVENT, row)
        kind = event.dagster_event_type if event.is_dagster_event else None
        if kind in ASSET_EVENTS:
            with self.index_transaction() as index:
                event_id = _inserted(index, row)
                self._store_asset_event_tags(index, [event], [event_id])
                self._store_asset_event(index, event, event_id)
        elif kind in ASSET_CHECK_EVENTS:
            with self.index_connection() as index:
                event_id = _inserted(index, row)
                told = kind in _TOLD and event.run_id and _TOLD[kind](index, event, event_id, row)
            if not told:
                self.store_asset_check_event(event, event_id)
        elif kind in EVENT_TYPE_TO_PIPELINE_RUN_STATUS:
            with self.index_connection() as index:
                index.execute(_EVENT, row)

    def _store_asset_event(self, conn: sa.Connection, event: EventLogEntry, event_id: int) -> None:
        """Write what is newest of an asset beside its key."""
        told = event.dagster_event
        if told and told.asset_key:
            named = self._has_asset_key_index_cols_on_connection(conn)
            values = self._get_asset_entry_values(event, event_id, named)
            asset = {"of_asset": told.asset_key.to_string()}
            if not values or conn.execute(_ASSET, {**values, **asset}).rowcount:
                return
        super()._store_asset_event(conn, event, event_id)


def _inserted(index: sa.Connection, row: dict[str, Any]) -> int:
    key = index.execute(_EVENT, row).inserted_primary_key
    return cast(int, key[0] if key else None)


def _plan(index: sa.Connection, event: EventLogEntry, event_id: int, row: dict[str, Any]) -> bool:
    """Write that a run will evaluate a check; False for what only Dagster knows how to write."""
    planned: Any = event.get_dagster_event().event_specific_data
    if planned.partitions_subset:
        return False
    key = {"asset_key": planned.asset_key.to_string(), "check_name": planned.check_name}
    status = {"execution_status": Status.PLANNED.value}
    index.execute(_PLANNED, {**key, **status, "run_id": event.run_id, **_of(event_id, row)})
    return True


def _evaluate(
    index: sa.Connection, event: EventLogEntry, event_id: int, row: dict[str, Any]
) -> bool:
    """Write a planned check's result where it was planned; False if it was not."""
    found: Any = event.get_dagster_event().event_specific_data
    seen = found.target_materialization_data
    values = {
        **{"of_asset": found.asset_key.to_string(), "of_check": found.check_name},
        "of_run": event.run_id,
        "execution_status": (Status.SUCCEEDED if found.passed else Status.FAILED).value,
        "materialization_event_storage_id": seen.storage_id if seen else None,
        **_of(event_id, row),
    }
    # More than one is for Dagster to refuse.
    return found.partition is None and index.execute(_EVALUATED, values).rowcount == 1


def _of(event_id: int, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "evaluation_event": row["event"],
        "evaluation_event_timestamp": row["timestamp"],
        "evaluation_event_storage_id": event_id,
    }


_TOLD = {
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED: _plan,
    DagsterEventType.ASSET_CHECK_EVALUATION: _evaluate,
}
