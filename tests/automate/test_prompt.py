"""What wakes sensors: a file that has been closed, and an asset that has been made."""

import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from watchdog.events import FileSystemEvent

from assetops.automate.prompt import EVENTS, Causes, EventWatch, LandingWatch

ORDERS = dg.AssetKey(["retail", "orders"])


class Watch(LandingWatch):
    """A watch whose time passes when a test says so, and that can be waited for."""

    def __init__(self, folder: Path) -> None:
        self.now = 100.0
        self.heard = threading.Event()
        super().__init__(folder, lambda: self.now)

    def on_any_event(self, event: FileSystemEvent) -> None:
        super().on_any_event(event)
        if event.src_path.endswith("last.csv") and event.event_type == "closed":
            self.heard.set()


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    watch = Watch(tmp_path / "landing")
    yield watch
    watch.stop()


def test_files_that_land_together_are_told_of_once_a_moment_after_the_last(watch, tmp_path):
    folder = tmp_path / "landing/orders"
    folder.mkdir(parents=True)
    watch.tend()
    watch.now += 10
    assert watch.happened()
    for number in range(20):
        (folder / f"{number}.csv").write_text("1")
    (folder / "last.csv").write_text("1")
    assert watch.heard.wait(30)
    assert not watch.happened()
    watch.now += 10
    assert watch.happened()
    assert not watch.happened()


def test_whoever_reads_a_file_wakes_nobody(watch, tmp_path):
    folder = tmp_path / "landing"
    folder.mkdir()
    read, last = folder / "read.csv", folder / "last.csv"
    read.write_text("1")
    watch.tend()
    watch.now += 10
    assert watch.happened()
    told = []
    watch._note = lambda: told.append("landed")
    read.read_text()
    last.write_text("1")
    assert watch.heard.wait(30)
    # Made and closed: both of the file that came after the one that was read.
    assert len(told) == 2


def test_a_folder_that_comes_later_is_watched_then(watch, tmp_path):
    watch.tend()
    assert not watch.happened()
    (tmp_path / "landing").mkdir()
    watch.tend()
    (tmp_path / "landing/last.csv").write_text("1")
    assert watch.heard.wait(30)


def test_files_that_never_stop_landing_keep_nobody_waiting(watch):
    watch._note()
    for _ in range(20):
        watch.now += 0.2
        watch._note()
        if watch.happened():
            break
    else:
        pytest.fail("nobody was told")


def test_an_asset_that_is_made_or_reported_is_told_of_once():
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS))
        watch = EventWatch(instance)
        assert not watch.happened()
        instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS))
        instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS))
        assert watch.happened()
        assert not watch.happened()


def test_a_run_that_ends_is_told_of(desk):
    watch = EventWatch(desk.instance)
    desk.land("one")
    desk.tick()
    (run,) = desk.runs()
    assert not watch.happened()
    desk.report(run, dg.DagsterEventType.RUN_FAILURE)
    assert watch.happened()


def test_events_are_answered_at_once_and_then_as_the_answers_leave_time(watch):
    with dg.DagsterInstance.ephemeral() as instance:
        causes = Causes(watch, EventWatch(instance), lambda: watch.now)
        instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS))
        with causes.answered() as found:
            assert found == {EVENTS}
            watch.now += 5
        instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS))
        watch.now += 9
        with causes.answered() as found:
            assert found == set()
        watch.now += 1
        with causes.answered() as found:
            assert found == {EVENTS}
        with causes.answered() as found:
            assert found == set()
