"""Clocks that change over daylight saving: each day is due once, and judged by that moment."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from assetops.model import ReadyBy
from assetops.model.objectives import Kept, Promise, Sighting, due_at, next_due
from assetops.watch.objectives import judge_day

ZONES = ("America/Toronto", "Europe/Berlin", "Australia/Lord_Howe", "UTC")
CHANGES = (date(2026, 3, 1), date(2026, 10, 1))
DAYS = 45


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("at", ["00:00", "01:30", "02:30"])
@pytest.mark.parametrize("begin", CHANGES)
def test_each_day_is_due_once_and_judged_by_then(begin: date, at: str, zone: str) -> None:
    ready_by = ReadyBy(at=at, timezone=zone)
    since = datetime(2026, 1, 1)
    promise = Promise(dataset="marts/orders", version=1, since=since, ready_by=ready_by)
    days = [begin + timedelta(days=number) for number in range(DAYS)]
    dues = [due_at(day, at, zone) for day in days]
    # A clock that asks every half hour what is due next meets each of them, in order.
    asked = [dues[0] - timedelta(hours=1) + timedelta(minutes=30 * n) for n in range(DAYS * 48)]
    met = list(dict.fromkeys(next_due(ready_by, now) for now in asked if now < dues[-1]))
    assert met == dues
    gaps = {later - due for due, later in pairwise(dues)}
    assert gaps <= {timedelta(hours=hours) for hours in (23, 23.5, 24, 24.5, 25)}
    # What is there at that moment keeps the promise, and a second later it is broken.
    for day, due in zip(days, dues, strict=True):
        reaches = datetime.combine(day, datetime.min.time())
        for late, kept in ((0, Kept.MET), (1, Kept.MISSED)):
            seen = Sighting(at=due + timedelta(seconds=late), fingerprint="1", data_as_of=reaches)
            assert judge_day(day, promise, [seen], due + timedelta(days=1)).status is kept
