"""What to simulate, and whether a folder already holds another shop's files."""

import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

MARKER = ".shop.json"
EARLIEST = date(1980, 1, 1)


class PlanError(ValueError):
    """The plan does not fit the folder; the message names the option and the mend."""


@dataclass(frozen=True)
class Plan:
    """What to simulate; equal plans write equal bytes."""

    start: date
    days: int
    orders_per_day: int
    seed: int

    def __post_init__(self) -> None:
        """Refuse days that the calendar does not have."""
        if self.start.toordinal() + self.days > date.max.toordinal():
            raise PlanError("--days reaches beyond the calendar; give fewer.")
        if self.start < EARLIEST:
            raise PlanError(f"The first day is {self.start}; give --start {EARLIEST} or later.")

    @property
    def last(self) -> date:
        """The last landing day."""
        return self.start + timedelta(days=self.days - 1)


def plan_for(
    out: Path, *, start: date | None, days: int, orders_per_day: int, seed: int, yesterday: date
) -> Plan:
    """Return the plan for a folder.

    Without `start` the last day is `yesterday`, and a shop that the folder already holds keeps its
    first day and trades on until then. Two shops in one folder would mix their order numbers.

    Raises:
        PlanError: the folder holds another shop.
    """
    held = _held(out)
    first = start or date.fromordinal(max(yesterday.toordinal() - days + 1, 1))
    wanted = Plan(first, days, orders_per_day, seed)
    if held is None:
        return wanted
    if (held.orders_per_day, held.seed) == (orders_per_day, seed):
        if held.start == wanted.start:
            return wanted
        if start is None and held.start < wanted.start:
            return Plan(held.start, (yesterday - held.start).days + 1, orders_per_day, seed)
    raise PlanError(
        f"--out {out} holds another shop (--start {held.start} --orders-per-day "
        f"{held.orders_per_day} --seed {held.seed}). Give these three to go on with it, "
        "or name an empty folder."
    )


def mark(out: Path, plan: Plan) -> None:
    """Note in the folder whose files it holds."""
    note = {**asdict(plan), "start": plan.start.isoformat()}
    del note["days"]
    out.mkdir(parents=True, exist_ok=True)
    (out / MARKER).write_text(json.dumps(note) + "\n")


def _held(out: Path) -> Plan | None:
    marker = out / MARKER
    if not marker.is_file():
        return None
    try:
        note = json.loads(marker.read_text())
        start = date.fromisoformat(note["start"])
        return Plan(start, 1, int(note["orders_per_day"]), int(note["seed"]))
    except (ValueError, KeyError, TypeError) as error:
        raise PlanError(f"--out {out}: {MARKER} cannot be read; remove the folder.") from error
