"""What Dagster's runs tell about a promise that was missed."""

from datetime import UTC, datetime

import dagster as dg

from assetops.watch.causes import NewestRun

# Runs that build: by the job that builds all, or of what somebody chose in the UI.
_BUILDING = ("build", "__ASSET_JOB")


def newest_run_in(instance: dg.DagsterInstance) -> NewestRun:
    """Return what says why the newest run before a moment published nothing in time."""

    def newest_run(since: datetime, due: datetime) -> str | None:
        created = dg.RunsFilter(
            created_after=since.replace(tzinfo=UTC), created_before=due.replace(tzinfo=UTC)
        )
        for record in instance.get_run_records(created, limit=50):
            if record.dagster_run.job_name in _BUILDING:
                return _hindrance(record, due)
        return None

    return newest_run


def _hindrance(record: dg.RunRecord, due: datetime) -> str | None:
    run, at = record.dagster_run, due.replace(tzinfo=UTC).timestamp()
    name = f"run {run.run_id[:8]}"
    if record.start_time is None or record.start_time > at:
        return f"{name} had not begun"
    if record.end_time is None or record.end_time > at:
        return f"{name} was not done yet"
    if run.status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED):
        return f"{name} {'failed' if run.status is dg.DagsterRunStatus.FAILURE else 'was stopped'}"
    return None
