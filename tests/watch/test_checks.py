"""Promises about time in Dagster: as checks, told once when something has changed."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from tests.postgres import new_database
from tests.publish.shop import Shop
from tests.watch.test_objectives import SIX, Life

from assetops.model.objectives import FRESH_WITHIN, READY_BY, due_at
from assetops.publish.freshness import freshness_policy
from assetops.watch.checks import promise_checks, promise_sensor
from assetops.watch.objectives import Watch
from assetops.watch.runs import newest_run_in
from assetops.watch.standing import standing_of

ORDERS = dg.AssetKey(["published", "orders"])
NOW = datetime(2026, 11, 20, 12)
TODAY = NOW.date()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def life(tmp_path: Path) -> Life:
    """A platform that promised a week ago, and whose data came in time until the day before."""
    life = Life(tmp_path)
    life.look(NOW - timedelta(days=7))
    for ago in range(6, 0, -1):
        day = TODAY - timedelta(days=ago)
        life.switch(due_at(day, "06:00", "UTC"), f"day {ago}", day)
    return life


def results(life: Life, instance: dg.DagsterInstance) -> dict[str, dg.AssetCheckEvaluation]:
    watch = life.watch(NOW)
    checks = promise_checks(watch)
    asset = dg.AssetSpec(ORDERS), dg.AssetSpec(["published", "customers"])
    definitions = dg.Definitions(
        assets=asset,
        asset_checks=checks,
        jobs=[dg.define_asset_job("ask", selection=dg.AssetSelection.checks(*checks))],
    )
    run = definitions.resolve_job_def("ask").execute_in_process(instance=instance)
    found = run.get_asset_check_evaluations()
    return {e.check_name: e for e in found if e.asset_key == ORDERS}


def test_checks_tell_the_newest_day_and_the_age_of_what_consumers_see(
    life: Life, instance: dg.DagsterInstance
) -> None:
    found = results(life, instance)
    assert found[READY_BY].description == (
        f"{TODAY}: due 2026-11-20 06:15, not there yet: nothing was built in the day before. "
        "It was kept on 6 of 7 days (85.7%)."
    )
    assert not found[READY_BY].passed
    assert found[READY_BY].metadata["days"].value == "✓✓✓✓✓✓✗"
    # One miss of one and a half: its budget has room for it.
    assert found[READY_BY].severity is dg.AssetCheckSeverity.WARN
    assert not found[FRESH_WITHIN].passed
    assert found[FRESH_WITHIN].description == (
        "The data reaches until 2026-11-19 00:00 UTC: promised within 26h, 36 h old."
    )
    assert not instance.get_runs()[0].is_failure


def test_a_sensor_tells_of_news_once_and_needs_no_run(
    life: Life, instance: dg.DagsterInstance
) -> None:
    watch = life.watch(NOW)
    assert promise_sensor(watch, scheduled=False) == []
    (sensor,) = promise_sensor(watch, scheduled=True)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING

    first = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(first, dg.SensorResult)
    told = {event.check_name: event.passed for event in first.asset_events}
    assert told[READY_BY] is False
    cursor = first.cursor
    again = sensor(dg.build_sensor_context(instance=instance, cursor=cursor))
    assert isinstance(again, dg.SkipReason)

    life.switch(NOW - timedelta(hours=1), "new", TODAY)
    later = sensor(dg.build_sensor_context(instance=instance, cursor=cursor))
    assert isinstance(later, dg.SensorResult)
    assert len(later.asset_events) == len(told)
    ready = [event for event in later.asset_events if event.check_name == READY_BY]
    # It came, and too late; what consumers see is fresh again, until it is too old.
    (fresh,) = (e for e in later.asset_events if e.check_name == FRESH_WITHIN and e.passed)
    assert fresh.asset_key == ORDERS
    assert ["there" in (event.description or "") for event in ready] == [True]
    assert [event.passed for event in ready] == [False]


def test_a_sensor_looks_again_when_something_is_due(
    life: Life, instance: dg.DagsterInstance
) -> None:
    moments = [NOW]
    watch = Watch(life.shop.project, life.ledger, lambda: moments[-1])
    (sensor,) = promise_sensor(watch, scheduled=True)

    def tick(moment: datetime, cursor: str | None) -> dg.SensorResult | dg.SkipReason:
        moments.append(moment)
        return sensor(dg.build_sensor_context(instance=instance, cursor=cursor))

    # A cursor that somebody else has written is none.
    found = tick(datetime(2026, 11, 21, 6, 10), '{"published/orders:ready_by": "True"}')
    assert isinstance(found, dg.SensorResult)
    early = tick(datetime(2026, 11, 21, 6, 14), found.cursor)
    assert isinstance(early, dg.SkipReason)
    assert early.skip_message == "Nothing can have changed before 2026-11-21 06:15:00 UTC."
    due = tick(datetime(2026, 11, 21, 6, 15), found.cursor)
    assert isinstance(due, dg.SensorResult)
    assert [event.check_name for event in due.asset_events] == [READY_BY]
    assert str(life.days()[-1].day) in (due.asset_events[0].description or "")


def test_a_run_that_failed_is_the_cause_of_a_miss(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    @dg.op
    def bad() -> None:
        raise dg.Failure("no", allow_retries=False)

    @dg.job(name="build")
    def build() -> None:
        bad()

    run = build.execute_in_process(instance=instance, raise_on_error=False)
    (record,) = instance.get_run_records()
    began = record.create_timestamp.replace(tzinfo=None)
    due = began + timedelta(hours=12)
    life = Life(tmp_path, ready_by=SIX.model_copy(update={"at": f"{due:%H:%M}"}))
    life.look(began)
    life.watch(due + timedelta(hours=1)).judge(newest_run=newest_run_in(instance))
    causes = {outcome.due_at.date(): outcome.cause for outcome in life.days()}
    assert causes[due.date()] == f"run {run.run_id[:8]} failed"


def test_how_it_stands_is_said_in_the_time_of_the_promise(life: Life) -> None:
    toronto = SIX.model_copy(update={"at": "06:15", "timezone": "America/Toronto"})
    life.promise(toronto)
    dataset = life.shop.project.dataset("marts/orders")
    standing = standing_of(dataset, life.ledger, datetime(2026, 11, 1, 12))
    assert standing is not None
    assert standing.when(standing.next_due) == "2026-11-02 06:15"
    assert standing.next_due == datetime(2026, 11, 2, 11, 15)
    assert (standing.last, standing.kept, standing.spent) == (None, "", "")


def test_dagster_watches_the_nearest_thing_that_it_can(tmp_path: Path) -> None:
    contract = Shop(tmp_path).project.dataset("marts/orders").contract
    assert freshness_policy(contract) == dg.FreshnessPolicy.time_window(timedelta(hours=26))
    daily = contract.model_copy(update={"ready_by": SIX})
    assert freshness_policy(daily) == dg.FreshnessPolicy.cron(
        "15 6 * * *", lower_bound_delta=timedelta(hours=6, minutes=15), timezone="UTC"
    )
    assert freshness_policy(contract.model_copy(update={"fresh_within": None})) is None


def test_a_ledger_on_postgres_comes_to_the_same(tmp_path: Path, postgres_server: sa.URL) -> None:
    life = Life(tmp_path, new_database(postgres_server, "objectives"))
    first = date(2026, 11, 20)
    life.look(datetime(2026, 11, 20, 1))
    life.switch(datetime(2026, 11, 20, 5), "a", first)
    life.switch(datetime(2026, 11, 21, 7), "b", first + timedelta(days=1))
    assert life.look(datetime(2026, 11, 21, 6)) == "✓·"
    assert life.look(datetime(2026, 11, 21, 8)) == "✓✗"
    assert life.look(datetime(2026, 11, 22, 8)) == "✓✗✗"
    assert life.watch(datetime(2026, 11, 22, 8)).judge() == []
