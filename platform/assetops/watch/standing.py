"""How a dataset's promises stand now, in words: for a page, and for checks in the UI."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from assetops.ledger import Ledger
from assetops.ledger.objectives import Objectives
from assetops.model import Dataset, ReadyBy, Word, timedelta_of
from assetops.model.objectives import (
    MARKS,
    Budget,
    Kept,
    Outcome,
    Sighting,
    budget_of,
    local_day,
    next_due,
)

_MISSES = 5


class Standing(Word):
    """How the promise to be ready by a time of day stands."""

    ready_by: ReadyBy
    outcomes: tuple[Outcome, ...]
    budget: Budget | None
    next_due: datetime

    @property
    def last(self) -> Outcome | None:
        """The newest day that is known to be kept or missed."""
        judged = [o for o in self.outcomes if o.status in (Kept.MET, Kept.MISSED)]
        return judged[-1] if judged else None

    @property
    def marks(self) -> str:
        """A mark for each day, oldest first."""
        return "".join(MARKS[outcome.status] for outcome in self.outcomes)

    @property
    def kept(self) -> str:
        """On how many days it was kept; empty before there was one."""
        statuses = [outcome.status for outcome in self.outcomes]
        met, missed = statuses.count(Kept.MET), statuses.count(Kept.MISSED)
        if not met + missed:
            return ""
        share = 100 * met / (met + missed)
        return f"kept on {met} of {met + missed} day{'s' * (met + missed != 1)} ({share:.3g}%)"

    @property
    def spent(self) -> str:
        """What is left of the error budget; empty where there is none yet."""
        if (budget := self.budget) is None:
            return ""
        left = "exhausted" if budget.exhausted else f"{budget.left:g} left"
        burn = f", burn rate {budget.burn:g}" if budget.missed and budget.burn else ""
        return (
            f"{budget.allowed:g} days in {budget.window} at {budget.objective}: "
            f"{budget.missed} missed, {left}{burn}"
        )

    def when(self, moment: datetime) -> str:
        """Say a moment in UTC as the clock showed it where it was promised."""
        local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(self.ready_by.timezone))
        return f"{local:%Y-%m-%d %H:%M}"

    def sentence(self, outcome: Outcome) -> str:
        """Say what became of a day."""
        due = self.when(outcome.due_at)
        if outcome.status is Kept.MET and outcome.reached_at:
            return f"due {due}, there since {self.when(outcome.reached_at)}"
        if outcome.status is Kept.UNKNOWN:
            return f"due {due}: the data does not say until when it reaches"
        if outcome.status is Kept.PENDING:
            return f"due {due}, not there yet"
        late = f"there {self.when(outcome.reached_at)}" if outcome.reached_at else "not there yet"
        return f"due {due}, {late}" + (f": {outcome.cause}" if outcome.cause else "")

    def facts(self) -> dict[str, Any]:
        """Return what a page shows, and a program reads."""
        missed = [o for o in self.outcomes if o.status is Kept.MISSED]
        budget = self.budget
        return {
            "days": self.marks,
            "kept": self.kept,
            "error budget": self.spent,
            "next": self.when(self.next_due),
            "missed": [self.sentence(outcome) for outcome in missed[: -_MISSES - 1 : -1]],
            "outcomes": [outcome.model_dump(mode="json") for outcome in self.outcomes],
            "budget": {**budget.model_dump(), "left": budget.left, "burn": budget.burn}
            if budget
            else None,
        }


def standing_of(dataset: Dataset, ledger: Ledger, now: datetime) -> Standing | None:
    """Return how the promise stands over its window, as far as it was judged; None without one."""
    ready_by = dataset.contract.ready_by
    if ready_by is None:
        return None
    today = local_day(now, ready_by.timezone)
    since = today - timedelta(days=timedelta_of(ready_by.window).days - 1)
    outcomes = Objectives(ledger).outcomes(dataset.address, since=since)
    return Standing(
        ready_by=ready_by,
        outcomes=tuple(outcomes),
        budget=budget_of(ready_by, outcomes, today),
        next_due=next_due(ready_by, now),
    )


def age_of(dataset: Dataset, ledger: Ledger, now: datetime) -> tuple[datetime, timedelta] | None:
    """Return until when the data reaches that consumers see, and how old that is; None if unknown.

    A rebuild of the same data, a confirmation of it and a rollback make it no younger.
    """
    seen: Sequence[Sighting] = Objectives(ledger).sightings(dataset.published_name, now)
    last = [sighting for sighting in seen if sighting.at <= now][-1:]
    as_of = last[0].data_as_of if last else None
    return (as_of, now - as_of) if as_of else None
