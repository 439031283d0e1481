"""What became of promises about time, day by day: judged by what consumers saw when it was due.

It is worked out afterwards, from when releases were switched to, so that it is the same whenever
and however often somebody looks: a late run changes no day that it came too late for, and a day on
which nothing ran is judged like any other.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from assetops.ledger import Ledger
from assetops.ledger.objectives import Objectives
from assetops.model import Dataset
from assetops.model.objectives import Kept, Outcome, Promise, Sighting, due_at, local_day
from assetops.project import Project
from assetops.watch.causes import NewestRun, cause_of

# A switch that a kill kept from being written is written by the next build.
_LOOK_BACK = timedelta(days=7)


@dataclass(frozen=True)
class Watch:
    """Judges the promises of one platform; its clock shows UTC."""

    project: Project
    ledger: Ledger
    clock: Callable[[], datetime] = lambda: datetime.now(UTC).replace(tzinfo=None)

    def judge(
        self,
        *,
        only: str | None = None,
        newest_run: NewestRun | None = None,
    ) -> list[Outcome]:
        """Write what became of every day that is not settled, and return what is new.

        Args:
            only: The address of the one dataset to look at.
            newest_run: Tells what became of the newest run, where Dagster can be asked.
        """
        now, store = self.clock(), Objectives(self.ledger)
        published = {dataset.address: dataset for dataset in self.project.published()}
        current = {a: d.contract.ready_by for a, d in published.items() if d.contract.ready_by}
        versions, unsettled = store.promise(current, now), store.unsettled()
        store.fill_in()
        changed: list[Outcome] = []
        for address in [only] if only else sorted(versions):
            dataset = published.get(address)
            # What is published no more was taken back: its past is as it was judged.
            if dataset is not None and address in versions:
                first = _first_day(versions[address], unsettled.get(address), now)
                known = {o.day: o for o in store.outcomes(address, since=first)}
                for outcome in self._judged(store, dataset, versions[address], first, now):
                    changed += self._news(outcome, known.get(outcome.day), dataset, newest_run)
        store.record(changed)
        return changed

    def _judged(
        self,
        store: Objectives,
        dataset: Dataset,
        versions: Sequence[Promise],
        first: date,
        now: datetime,
    ) -> Iterator[Outcome]:
        due = [
            (day, promise)
            for day in _days(first, versions, now)
            if (promise := promised_on(day, versions))
        ]
        if due:
            since = datetime.combine(first - timedelta(days=2), time())
            seen = store.sightings(dataset.published_name, since)
            yield from (judge_day(day, promise, seen, now) for day, promise in due)

    def _news(
        self,
        outcome: Outcome,
        known: Outcome | None,
        dataset: Dataset,
        newest_run: NewestRun | None,
    ) -> Iterator[Outcome]:
        """Yield an outcome if it is not known as it is, with why it was missed."""
        if outcome.status is Kept.MISSED:
            cause = known.cause if known else None
            if cause is None:
                cause = cause_of(outcome, dataset, self.project, self.ledger, newest_run)
            outcome = outcome.model_copy(update={"cause": cause})
        if outcome != known:
            yield outcome


def judge_day(day: date, promise: Promise, seen: Sequence[Sighting], now: datetime) -> Outcome:
    """Return what became of a promise for a day, by what consumers saw when it was due.

    Args:
        day: The day on which the data of the day before is due.
        promise: The version that counts for the day.
        seen: What consumers saw, oldest first.
        now: The time, in UTC; before it is due, what they see now.
    """
    ready_by = promise.ready_by
    assert ready_by is not None  # what was taken back is not judged
    due, needed = due_at(day, ready_by.at, ready_by.timezone), datetime.combine(day, time())
    reached: datetime | None = None
    at_due: Sighting | None = None
    for sighting in seen:
        if sighting.at > min(due, now):
            break
        at_due = sighting
        # Without a break until it was due: what was rolled back before that was not there.
        reached = (reached or sighting.at) if sighting.reaches(needed) else None
    if reached:
        status = Kept.MET
    elif now < due:
        status = Kept.PENDING
    else:
        unknown = at_due and at_due.fingerprint and at_due.data_as_of is None
        status = Kept.UNKNOWN if unknown else Kept.MISSED
        late = (s.at for s in seen if due < s.at <= now and s.reaches(needed))
        reached = next(late, None)
    return Outcome(
        dataset=promise.dataset,
        day=day,
        version=promise.version,
        due_at=due,
        reached_at=reached,
        data_as_of=at_due.data_as_of if at_due else None,
        status=status,
    )


def promised_on(day: date, versions: Sequence[Promise]) -> Promise | None:
    """Return the version of a promise that counts for a day: the one in force when it began.

    So nobody can mend a day that is under way by promising less. The first version counts from
    the first time on that it is due.
    """
    in_force = None
    for number, promise in enumerate(versions):
        if promise.ready_by is None:
            counts = promise.since <= datetime.combine(day, time())
        elif number == 0:
            counts = promise.since <= due_at(day, promise.ready_by.at, promise.ready_by.timezone)
        else:
            counts = promise.since <= due_at(day, "00:00", promise.ready_by.timezone)
        in_force = promise if counts else in_force
    return in_force if in_force and in_force.ready_by else None


def _first_day(
    versions: Sequence[Promise], unsettled: tuple[date, date | None] | None, now: datetime
) -> date:
    """Return the first day that is to be judged, perhaps again."""
    # A zone may be a day ahead or behind.
    began = versions[0].since.date() - timedelta(days=1)
    if unsettled is None:
        return began
    last, waiting = unsettled
    recent = min(last + timedelta(days=1), now.date() - _LOOK_BACK)
    return max(began, min(recent, waiting or recent))


def _days(first: date, versions: Sequence[Promise], now: datetime) -> Iterator[date]:
    """Yield the days until today, as it is where the promise was made."""
    zones = [p.ready_by.timezone for p in versions if p.ready_by]
    last = max((local_day(now, zone) for zone in zones), default=first - timedelta(days=1))
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
