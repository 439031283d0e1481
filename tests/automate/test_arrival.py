"""What lands is asked for once, whole, and with all that follows from it."""

import os
import signal
import time
from collections import Counter

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from tests.automate.conftest import Desk
from tests.automate.desk import DAYS, JOB, ORDERS, landing
from tests.zone.slow import Slow

from assetops.automate import news
from assetops.automate.arrival import Arrival, arrival_sensors
from assetops.automate.asked import PAUSES
from assetops.automate.news import QUIET_SECONDS
from assetops.errors import AssetOpsError
from assetops.model import ONLY_PENDING
from assetops.zone.far import Far

POINTS = ["TICK_HELD", "RUN_IDS_RESERVED", "RUN_CREATED"]


def asked_for(run: dg.DagsterRun) -> set[str]:
    return {key.to_user_string() for key in run.asset_selection or ()}


def loaded(desk: Desk) -> Counter[str | None]:
    """Return how often each partition of the orders was brought in."""
    events = desk.instance.fetch_materializations(dg.AssetKey(ORDERS.key), limit=1000).records
    return Counter(event.partition_key for event in events)


def test_what_lands_together_comes_in_with_one_run_and_all_that_follows(desk):
    desk.land("stores", day=None)
    for day in ("2026-01-05", "2026-01-07", "2026-01-06"):
        desk.land(day, day)
    assert desk.tick().run_requests
    (run,) = desk.execute()
    everything = {"retail/orders", "retail/stores", "marts/sales", "seeds/regions"}
    assert asked_for(run) == everything
    assert run.tags["dagster/asset_partition_range_start"] == "2026-01-07"
    assert run.tags[ONLY_PENDING] == "true"
    assert loaded(desk) == {"2026-01-05": 1, "2026-01-06": 1, "2026-01-07": 1}
    assert "Nothing new" in desk.said()
    # The seed is there by now, and nothing else follows from the day before.
    desk.land("late", "2026-01-04")
    desk.tick()
    assert asked_for(desk.runs()[0]) == {"retail/orders", "marts/sales"}


def test_five_hundred_files_are_few_runs(desk):
    days = [str(day) for day in DAYS.get_partition_keys()[:500]]
    early, late = days[: len(days) // 2], days[len(days) // 2 :]
    for day in early:
        desk.land(day, day)
    desk.tick()
    for day in late:
        desk.land(day, day)
    # The first run has not started: it will see these as well.
    desk.tick()
    desk.tick()
    assert len(desk.execute()) == 1
    assert loaded(desk) == dict.fromkeys(days, 1)


def test_the_same_file_touched_again_and_again_is_asked_for_once(desk):
    file = desk.land("one")
    for _ in range(5):
        desk.tick()
        os.utime(file)
    assert len(desk.execute()) == 1
    for _ in range(5):
        os.utime(file)
        desk.tick()
    assert len(desk.runs()) == 1


def test_each_content_that_replaces_another_is_asked_for_even_one_that_comes_back(desk):
    for number, text in enumerate(["one", "two", "one", "two"], start=1):
        desk.land(text)
        desk.tick()
        assert len(desk.execute()) == 1
        assert len(desk.runs()) == number


def test_a_file_that_arrives_while_its_source_is_taken_in_has_a_run_of_its_own(desk):
    desk.land("one", "2026-01-05")
    desk.tick()
    (run,) = desk.runs()
    desk.report(run, dg.DagsterEventType.PIPELINE_STARTING)
    desk.land("two", "2026-01-06")
    desk.tick()
    assert "has been asked for" in desk.said()
    assert len(desk.runs()) == 2


def test_a_run_that_takes_up_where_another_failed_is_not_waited_for(desk):
    """It does not look again at what that has brought in."""
    desk.land("one", "2026-01-05")
    desk.tick()
    (run,) = desk.runs()
    desk.report(run, dg.DagsterEventType.PIPELINE_STARTING)
    desk.instance.report_run_failed(run)
    create_run_for_test(
        desk.instance,
        job_name=run.job_name,
        parent_run_id=run.run_id,
        root_run_id=run.run_id,
        status=dg.DagsterRunStatus.NOT_STARTED,
        tags=run.tags,
        asset_selection=run.asset_selection,
        step_keys_to_execute=["dbt"],
    )
    desk.land("two", "2026-01-06")
    desk.tick()
    assert "which waits" not in desk.said()
    assert len(desk.runs()) == 3


def test_a_file_that_somebody_writes_is_left_alone_until_it_is_closed(desk, place):
    file = desk.land("order_id\n")
    with file.open("a") as writer:
        for minute in range(5):
            writer.write(f"{minute}\n")
            writer.flush()
            place["ahead"] += 60
            assert "2026-01-05.csv is still being written" in desk.said()
    assert desk.tick().run_requests


def test_where_nobody_can_tell_who_writes_a_file_has_to_keep_still(desk, place):
    place["open_for_writing"] = lambda _: None
    file = desk.land("order_id\n")
    for _ in range(3):
        assert "still being written" in desk.said()
        place["ahead"] += QUIET_SECONDS - 1
        with file.open("a") as writer:
            writer.write("1\n")
    assert "still being written" in desk.said()
    place["ahead"] += QUIET_SECONDS + 1
    assert desk.tick().run_requests


def test_what_lands_far_away_is_asked_for_when_it_has_kept_still_and_read_once(desk, place):
    far = place["zone"] = Far(f"slow://{desk.root}/landing", desk.root / "fetched")
    desk.land("one", "2026-01-05")
    desk.land("two", "2026-01-06")
    assert "2026-01-05.csv is still being written" in desk.said()
    Slow.asked.clear()
    place["ahead"] += QUIET_SECONDS + 1
    desk.tick()
    # The snapshot, which has not landed, is looked for by name.
    assert Slow.asked == {"ls": 1, "open": 2}
    assert len(desk.execute()) == 1
    assert loaded(desk) == {"2026-01-05": 1, "2026-01-06": 1}
    Slow.asked.clear()
    assert "Nothing new" in desk.said()
    assert Slow.asked == {"ls": 1}
    assert far.folder is None


def test_a_large_file_far_away_is_asked_for_unread_until_its_run_has_read_it(
    desk, place, monkeypatch
):
    monkeypatch.setattr(news, "LARGE_BYTES", 2)
    place["zone"] = Far(f"slow://{desk.root}/landing", desk.root / "fetched")
    file = desk.land("one")
    Slow.asked.clear()
    desk.tick()
    place["ahead"] += QUIET_SECONDS + 1
    desk.tick()
    assert Slow.asked["open"] == 0
    assert len(desk.execute()) == 1
    assert Slow.asked["get"] == 1
    assert "Nothing new" in desk.said()
    # Put there again, it is asked for; its run finds that it is in.
    os.utime(file)
    desk.tick()
    place["ahead"] += QUIET_SECONDS + 1
    assert desk.tick().run_requests
    desk.execute()
    assert "Nothing new" in desk.said()
    assert loaded(desk) == {"2026-01-05": 1}


def test_a_far_place_that_cannot_be_reached_fails_its_tick_and_is_followed_afterwards(desk, place):
    place["zone"] = Far(f"slow://{desk.root}/away", desk.root / "fetched")
    with pytest.raises(AssetOpsError, match=r"slow://.*/away cannot be listed: there is no .*away"):
        desk.tick()
    desk.land("one", "2026-01-05")
    (desk.root / "landing").rename(desk.root / "away")
    desk.tick()
    place["ahead"] += QUIET_SECONDS + 1
    assert desk.tick().run_requests


def test_a_clock_that_is_put_back_keeps_no_file_out(desk, place):
    place["ahead"] = -3600.0
    desk.land("one")
    assert "still being written" in desk.said()
    place["ahead"] += QUIET_SECONDS + 1
    assert desk.tick().run_requests


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01"])
def test_the_days_on_which_clocks_change_are_days_like_others(desk, day, monkeypatch):
    monkeypatch.setenv("TZ", "America/Toronto")
    time.tzset()
    desk.land("one", day)
    desk.tick()
    (run,) = desk.execute()
    monkeypatch.undo()
    time.tzset()
    assert run.tags["dagster/asset_partition_range_end"] == day
    assert loaded(desk) == {day: 1}


def test_a_bad_file_is_asked_for_once_until_it_changes(desk):
    desk.land("bad")
    desk.tick()
    desk.execute()
    assert "Nothing new" in desk.said()
    desk.land("good")
    desk.tick()
    assert len(desk.execute()) == 1
    assert loaded(desk) == {"2026-01-05": 1}


def test_what_an_accident_kept_out_is_asked_for_again_and_then_told(desk, place):
    desk.land("accident")
    for number, pause in enumerate([*PAUSES, None], start=1):
        desk.tick()
        desk.execute()
        desk.tick()
        assert len(desk.runs()) == number
        place["ahead"] += pause or 100_000
    assert "is not in after 3 runs" in desk.said()
    assert len(desk.runs()) == 3


def test_what_a_person_canceled_is_left_to_persons(desk, place):
    desk.land("one")
    desk.tick()
    desk.instance.report_run_canceled(desk.runs()[0])
    place["ahead"] += 100_000
    assert "its run was canceled" in desk.said()
    assert len(desk.runs()) == 1


@pytest.mark.parametrize("point", POINTS)
def test_a_daemon_killed_in_a_tick_loses_nothing_and_asks_once(daemon_desk, point):
    daemon_desk.land("one")
    daemon_desk.killed_at(point, signal.SIGKILL)
    daemon_desk.at_once()
    daemon_desk.at_once()
    assert len(daemon_desk.execute()) == 1
    assert loaded(daemon_desk) == {"2026-01-05": 1}


def test_a_daemon_that_is_told_of_a_file_does_not_wait_for_its_interval(daemon_desk):
    daemon_desk.at_interval()
    daemon_desk.land("one")
    daemon_desk.at_interval()
    assert daemon_desk.runs() == []
    daemon_desk.at_once()
    daemon_desk.at_interval()
    assert len(daemon_desk.runs()) == 1


def test_a_folder_that_cannot_be_read_is_named(desk):
    desk.land("one")
    look, folder = landing(), desk.root / "landing/retail/orders"
    folder.chmod(0)
    if (user := os.geteuid()) == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(AssetOpsError, match=r"retail.* cannot be read: Permission denied"):
            look.look([ORDERS], desk.instance, {})
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


def test_a_cursor_that_somebody_wrote_is_no_reason_to_stop(desk):
    desk.land("one")
    desk.cursor = '["what"]'
    desk.tick()
    desk.execute()
    assert "Nothing new" in desk.said()


def test_a_source_that_is_asked_for_by_persons_or_the_clock_follows_no_files(desk):
    manual = ORDERS.model_copy(
        update={"contract": ORDERS.contract.model_copy(update={"automate": "manual"})}
    )
    assert arrival_sensors([manual], Arrival(JOB, landing(), DAYS, list)) == []
