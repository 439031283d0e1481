"""Promises about time: when each day's data is due, and what became of it."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from pydantic import Field

from assetops.model.contract import ReadyBy, Word, timedelta_of

READY_BY = "ready_by"
FRESH_WITHIN = "fresh_within"


class Kept(StrEnum):
    """What became of a promise on a day."""

    MET = "met"
    MISSED = "missed"
    PENDING = "pending"
    UNKNOWN = "unknown"  # the data does not say until when it reaches


MARKS = {Kept.MET: "✓", Kept.MISSED: "✗", Kept.PENDING: "·", Kept.UNKNOWN: "?"}


class Sighting(Word):
    """What consumers saw of a published table, from a moment on."""

    at: datetime
    fingerprint: str | None = Field(description="Of its content; nothing where it was not there.")
    data_as_of: datetime | None = None

    def reaches(self, needed: datetime) -> bool:
        """Say whether the data reaches until a time."""
        return self.data_as_of is not None and self.data_as_of >= needed


class Promise(Word):
    """One version of what a dataset promises: the past is judged by what was promised then."""

    dataset: str
    version: int
    since: datetime
    ready_by: ReadyBy | None = Field(description="Nothing where the promise was taken back.")


class Outcome(Word):
    """What became of a dataset's promise for one day; all times are UTC."""

    dataset: str
    promise: str = READY_BY
    day: date
    version: int
    due_at: datetime
    reached_at: datetime | None = None
    data_as_of: datetime | None = Field(default=None, description="Of what consumers saw when due.")
    status: Kept
    cause: str | None = Field(default=None, description="Why it was missed, where that is known.")


class Budget(Word):
    """How an objective stands over its window."""

    objective: str
    window: str
    judged: int
    met: int
    missed: int
    allowed: float = Field(description="The error budget: how many days of a window may be missed.")

    @property
    def attained(self) -> float:
        """The share of the judged days on which the promise was kept, in percent."""
        return 100 * self.met / self.judged

    @property
    def left(self) -> float:
        """How many more days may be missed; less than 0 where too many were."""
        return round(self.allowed - self.missed, 2)

    @property
    def exhausted(self) -> bool:
        """Whether more days were missed than the budget has."""
        return self.left < 0

    @property
    def burn(self) -> float | None:
        """How many times faster than it would last the budget is used up; 1 is just as planned."""
        share = Decimal(self.missed) / self.judged
        spare = 1 - Decimal(self.objective[:-1]) / 100
        return round(float(share / spare), 1) if spare else None


def budget_of(ready_by: ReadyBy, outcomes: list[Outcome], today: date) -> Budget | None:
    """Return how the objective stands over its window; nothing before the first judged day."""
    if ready_by.objective is None or ready_by.target is None:
        return None
    days = timedelta_of(ready_by.window).days
    since = today - timedelta(days=days)
    recent = [o.status for o in outcomes if o.day > since]
    met, missed = recent.count(Kept.MET), recent.count(Kept.MISSED)
    if not met + missed:
        return None
    return Budget(
        objective=ready_by.objective,
        window=ready_by.window,
        judged=met + missed,
        met=met,
        missed=missed,
        allowed=float((1 - ready_by.target) * days),
    )


def local_day(moment: datetime, timezone: str) -> date:
    """Return the day that it is in a time zone at a moment in UTC."""
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone)).date()


def next_due(ready_by: ReadyBy, now: datetime) -> datetime:
    """Return the moment, in UTC, at which a promise is due next."""
    today = local_day(now, ready_by.timezone)
    days = (today + timedelta(days=number) for number in range(3))
    dues = (due_at(day, ready_by.at, ready_by.timezone) for day in days)
    return next(due for due in dues if due > now)


@lru_cache(maxsize=10_000)
def due_at(day: date, at: str, timezone: str) -> datetime:
    """Return the moment, in UTC, at which a local clock first shows a time of day, or a later one.

    A time that the clock shows twice is due the first time. One that it leaps over is due when
    it leaps: it shows a later time then.
    """
    zone, local = ZoneInfo(timezone), datetime.combine(day, time.fromisoformat(at))
    due = local.replace(tzinfo=zone).astimezone(UTC)
    if due.astimezone(zone).replace(tzinfo=None) != local:
        due = _leap(local, zone)
    return due.replace(tzinfo=None)


def _leap(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which a local clock leaps over a time."""
    # Read by the clock as it was set after the leap, the time is before it; else after it.
    before = int(local.replace(tzinfo=zone, fold=1).timestamp())
    after = int(local.replace(tzinfo=zone, fold=0).timestamp())
    while after - before > 1:
        middle = (before + after) // 2
        shown = datetime.fromtimestamp(middle, zone).replace(tzinfo=None)
        before, after = (middle, after) if shown < local else (before, middle)
    return datetime.fromtimestamp(after, UTC)
