"""A day waits for its hours: for all, or for some and then for those that come late."""

from typing import Any

import dagster as dg
import pytest
from tests.automate.test_conditions import World

from assetops.automate.rollup import Rollup

HOURS = dg.HourlyPartitionsDefinition(
    start_date="2026-01-01-00:00", end_date="2026-04-01-00:00", timezone="Europe/Berlin"
)
DAYS = dg.DailyPartitionsDefinition(
    start_date="2026-01-01", end_date="2026-04-01", timezone="Europe/Berlin"
)


class Hours(World):
    """A world in which hours come in."""

    def __init__(self, at_least: int | None) -> None:
        self.broken = False

        @dg.asset(partitions_def=DAYS, deps=["hours"], automation_condition=Rollup(at_least))
        def day() -> None:
            if self.broken:
                raise ValueError("no such column")

        super().__init__(dg.AssetSpec("hours", partitions_def=HOURS), day)

    def come(self, day: str, *hours: int) -> None:
        for hour in hours:
            event: Any = dg.AssetMaterialization("hours", partition=f"{day}-{hour:02}:00")
            self.instance.report_runless_asset_event(event)

    def days(self) -> list[str | None]:
        """Return the days that are asked for now, and make them."""
        requests = self.tick()
        for request in requests:
            job = self.repository.get_job(request.job_name or "")
            job.get_subset(asset_selection={dg.AssetKey("day")}).execute_in_process(
                instance=self.instance,
                partition_key=request.partition_key,
                tags=request.tags,
                raise_on_error=False,
            )
        return [request.partition_key for request in requests]


def test_a_day_waits_for_all_its_hours() -> None:
    world = Hours(None)
    world.come("2026-01-05", *range(23))
    world.come("2026-01-06", *range(24))
    assert world.days() == ["2026-01-06"]
    world.come("2026-01-05", 23)
    assert world.days() == ["2026-01-05"]
    assert world.days() == []


def test_a_day_with_enough_hours_comes_again_for_late_ones_together() -> None:
    world = Hours(20)
    world.come("2026-01-05", *range(19))
    assert world.days() == []
    world.come("2026-01-05", 19)
    assert world.days() == ["2026-01-05"]
    assert world.days() == []
    world.come("2026-01-05", 21, 22)
    assert world.days() == ["2026-01-05"]
    assert world.days() == []


@pytest.mark.parametrize("at_least", [None, 24])
def test_the_day_on_which_clocks_change_has_an_hour_less(at_least: int | None) -> None:
    world = Hours(at_least)
    world.come("2026-03-29", 0, 1, *range(3, 24))
    assert world.days() == ["2026-03-29"]


def test_a_day_that_failed_is_tried_again_when_an_hour_comes_anew() -> None:
    world = Hours(None)
    world.come("2026-01-05", *range(24))
    world.broken = True
    assert world.days() == ["2026-01-05"]
    assert world.days() == []
    world.broken = False
    world.come("2026-01-05", 7)
    assert world.days() == ["2026-01-05"]
    assert world.days() == []
