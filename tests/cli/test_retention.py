"""Old runs are forgotten, but not what says which data is there now."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.runs.schema import RunsTable
from tests.postgres import new_database

from assetops.cli import retention
from assetops.cli.event_log import SqliteStorage
from assetops.cli.postgres_storage import PostgresStorage
from assetops.cli.retention import THINNED_TAG, forget_runs

DAYS = dg.DailyPartitionsDefinition("2026-01-01")


@dg.asset
def customers() -> None:
    """Of one piece."""
    print("made")


@dg.asset(partitions_def=DAYS)
def orders(context: dg.AssetExecutionContext) -> None:
    """By day."""
    context.log.info("a day")


@dg.asset_check(asset=customers)
def there_are_some() -> dg.AssetCheckResult:
    """Nothing is checked."""
    return dg.AssetCheckResult(passed=True)


@pytest.fixture(params=["sqlite", "postgres"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    storage, config = SqliteStorage, {"base_dir": str(tmp_path / "log")}
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        storage, config = PostgresStorage, {"postgres_url": new_database(server, "retention")}  # type: ignore[assignment]
    named = {"module": storage.__module__, "class": storage.__name__, "config": config}
    ref = InstanceRef.from_dir(str(tmp_path), overrides={"storage": {"custom": named}})
    with dg.DagsterInstance.from_ref(ref) as instance:
        yield instance


def run(instance: dg.DagsterInstance, *what: object, day: str | None = None) -> str:
    return dg.materialize(list(what), instance=instance, partition_key=day).run_id  # type: ignore[arg-type]


def ended_ago(instance: dg.DagsterInstance, days: int, *runs: str) -> None:
    """Let runs have ended some days ago."""
    then = datetime.now(UTC) - timedelta(days=days)
    values = {"end_time": then.timestamp(), "update_timestamp": then.replace(tzinfo=None)}
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        where = RunsTable.c.run_id.in_(runs)
        connection.execute(sa.update(RunsTable).where(where).values(values))


def logged(instance: dg.DagsterInstance, run_id: str) -> list[str | None]:
    return [
        entry.dagster_event.event_type_value if entry.dagster_event else None
        for entry in instance.all_logs(run_id)
    ]


def test_what_was_made_again_is_forgotten_and_what_is_there_is_known(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_BATCH", 1)
    superseded = run(instance, customers, there_are_some)
    first_day = run(instance, orders, day="2026-01-01")
    first_again = run(instance, orders, day="2026-01-01")
    second_day = run(instance, orders, day="2026-01-02")
    newest = run(instance, customers, there_are_some)
    ended_ago(instance, 100, superseded, first_day, first_again, second_day)
    young = run(instance, orders, day="2026-01-03")
    ended_ago(instance, 80, young)
    before = instance.get_materialized_partitions(dg.AssetKey("orders"))

    rehearsed = forget_runs(instance, 90, rehearse=True)
    assert (rehearsed.runs, rehearsed.logs) == (2, 2)
    assert instance.get_run_by_id(superseded) is not None
    assert None in logged(instance, second_day)
    done = forget_runs(instance, 90)
    assert (done.runs, done.logs) == (2, 2)

    assert {run.run_id for run in instance.get_runs()} == {first_again, second_day, newest, young}
    assert not list(tmp_path.rglob(f"{superseded}.db*"))
    assert logged(instance, superseded) == logged(instance, first_day) == []
    assert instance.get_materialized_partitions(dg.AssetKey("orders")) == before
    assert len(before) == 3
    kept = logged(instance, second_day)
    assert {"ASSET_MATERIALIZATION", "PIPELINE_SUCCESS"} <= set(kept)
    assert None not in kept and "STEP_START" not in kept
    assert None in logged(instance, young)
    history = instance.event_log_storage.get_asset_check_execution_history(
        check_key=there_are_some.check_key, limit=9
    )
    assert [record.run_id for record in history] == [newest]
    again = forget_runs(instance, 90)
    assert (again.runs, again.logs) == (0, 0)


def test_a_run_that_is_kept_for_what_it_made_is_forgotten_once_that_was_made_again(
    instance: dg.DagsterInstance,
) -> None:
    old = run(instance, customers)
    ended_ago(instance, 100, old)
    assert forget_runs(instance, 90).logs == 1
    kept = instance.get_run_by_id(old)
    assert kept is not None and kept.tags[THINNED_TAG] == "true"
    run(instance, customers)
    ended_ago(instance, 100, old)
    assert forget_runs(instance, 90).runs == 1
    assert instance.get_run_by_id(old) is None
    assert instance.get_latest_materialization_event(dg.AssetKey("customers")) is not None


def test_a_run_that_has_not_ended_is_left_alone(instance: dg.DagsterInstance) -> None:
    job = dg.define_asset_job("job").resolve(
        asset_graph=dg.Definitions([customers]).resolve_asset_graph()
    )
    created = instance.create_run_for_job(job)
    ended_ago(instance, 1000, created.run_id)
    done = forget_runs(instance, 90)
    assert (done.runs, done.logs) == (0, 0)
