"""Forgets old runs, which Dagster keeps for ever, but nothing that says what is there now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import sqlalchemy as sa
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, PIPELINE_EVENTS, DagsterEventType
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as CHECKS
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as EVENTS

from assetops.resident import alive

# On a run that is kept for what it made, without the rest of its log.
THINNED_TAG = "assetops/log_deleted"
_BATCH = 200
_SAY_WHAT_IS_THERE = (
    DagsterEventType.ASSET_MATERIALIZATION.value,
    DagsterEventType.ASSET_OBSERVATION.value,
)
_KEPT = sorted(
    event.value
    for event in {
        *ASSET_EVENTS,
        *ASSET_CHECK_EVENTS,
        *PIPELINE_EVENTS,
        DagsterEventType.STEP_FAILURE,
    }
)


@dataclass
class Forgotten:
    """How many runs were deleted, and how many more lost their log alone."""

    runs: int = 0
    logs: int = 0

    def __str__(self) -> str:
        """Say so."""
        return (
            f"{self.runs} runs deleted; {self.logs} more kept for what they made or checked last, "
            "without the rest of their logs."
        )


def forget_runs(instance: dg.DagsterInstance, days: int, *, rehearse: bool = False) -> Forgotten:
    """Delete what runs that ended so many days ago have left in Dagster's storage.

    A run that last made a partition of an asset, or last ran one of its checks, keeps the events
    that say so: without them Dagster would take the partition for missing.
    """
    forgotten = Forgotten()
    log = instance.event_log_storage
    if not isinstance(log, SqlEventLogStorage):
        return forgotten
    for batch in _old(instance, datetime.now(UTC) - timedelta(days=days)):
        needed = _needed(log, [run.run_id for run in batch])
        for run in batch:
            if run.run_id not in needed:
                forgotten.runs += 1
                if not rehearse:
                    _delete(instance, log, run.run_id)
            elif THINNED_TAG not in run.tags:
                forgotten.logs += 1
                if not rehearse:
                    _thin(instance, log, run.run_id)
    return forgotten


def _old(instance: dg.DagsterInstance, before: datetime) -> list[list[dg.DagsterRun]]:
    """Return runs that ended before, in batches; all at once, as a page begins at a run's id."""
    filters = dg.RunsFilter(statuses=FINISHED_STATUSES, updated_before=before)
    batches: list[list[dg.DagsterRun]] = []
    cursor: str | None = None
    while records := instance.get_run_records(filters, limit=_BATCH, cursor=cursor):
        cursor = records[-1].dagster_run.run_id
        ended = [r.dagster_run for r in records if (r.end_time or 0) < before.timestamp()]
        batches.append(ended)
    return batches


def _needed(log: SqlEventLogStorage, runs: Sequence[str]) -> set[str]:
    """Return those runs that are the last to have made or checked something."""
    newest = (
        sa.select(sa.func.max(EVENTS.c.id))
        .where(EVENTS.c.dagster_event_type.in_(_SAY_WHAT_IS_THERE), EVENTS.c.asset_key.is_not(None))
        .group_by(EVENTS.c.asset_key, EVENTS.c.dagster_event_type, EVENTS.c.partition)
    )
    last = sa.select(sa.func.max(CHECKS.c.id)).group_by(
        CHECKS.c.asset_key, CHECKS.c.check_name, CHECKS.c.partition
    )
    made = sa.select(EVENTS.c.run_id).where(EVENTS.c.id.in_(newest), EVENTS.c.run_id.in_(runs))
    checked = sa.select(CHECKS.c.run_id).where(CHECKS.c.id.in_(last), CHECKS.c.run_id.in_(runs))
    with log.index_connection() as connection:
        return {*connection.scalars(made), *connection.scalars(checked)}


def _delete(instance: dg.DagsterInstance, log: SqlEventLogStorage, run_id: str) -> None:
    # The run last: what is cut off in the middle is found again.
    log.delete_events(run_id)
    with log.index_connection() as connection:
        connection.execute(CHECKS.delete().where(CHECKS.c.run_id == run_id))
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    alive.forget(instance.root_directory, run_id)
    instance.run_storage.delete_run(run_id)


def _thin(instance: dg.DagsterInstance, log: SqlEventLogStorage, run_id: str) -> None:
    """Delete what was logged on the way, which is most of what a run leaves."""
    with log.run_connection(run_id) as connection:
        connection.execute(
            EVENTS.delete().where(
                EVENTS.c.run_id == run_id,
                sa.or_(
                    EVENTS.c.dagster_event_type.is_(None), EVENTS.c.dagster_event_type.not_in(_KEPT)
                ),
            )
        )
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.add_run_tags(run_id, {THINNED_TAG: "true"})
