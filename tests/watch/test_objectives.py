"""Promises about time: judged by what consumers saw when it was due, and never better later."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.publish.shop import REQUIRED, Shop

from assetops.ledger import Ledger
from assetops.ledger.objectives import Objectives
from assetops.model import PublishedTable, ReadyBy, Severity, Status, Verdict
from assetops.model.objectives import Kept, Outcome, Promise, Sighting, budget_of, due_at
from assetops.publish import history
from assetops.publish.publication import verify
from assetops.watch.objectives import Watch, judge_day, promised_on

SIX = ReadyBy(at="06:15", timezone="UTC", objective="95%")
DAY = date(2026, 11, 20)
NEWER = datetime(2026, 11, 21)


def at(clock: str, day: date = DAY) -> datetime:
    return datetime.combine(day, datetime.strptime(clock, "%H:%M").time())


def promise(ready_by: ReadyBy | None = SIX, version: int = 1, since: str = "00:00") -> Promise:
    return Promise(dataset="marts/orders", version=version, since=at(since), ready_by=ready_by)


def saw(clock: str, as_of: date | None, day: date = DAY) -> Sighting:
    reach = at("00:00", as_of) if as_of else None
    return Sighting(at=at(clock, day), fingerprint=f"{clock} {as_of}", data_as_of=reach)


BEFORE = DAY - timedelta(days=1)


@pytest.mark.parametrize(
    ("seen", "status", "reached"),
    [
        ([], Kept.MISSED, None),
        ([saw("05:00", DAY)], Kept.MET, "05:00"),
        ([saw("06:15", DAY)], Kept.MET, "06:15"),
        # A late run does not make up for it, nor does a rebuild of what was there.
        ([saw("05:00", BEFORE), saw("06:16", DAY)], Kept.MISSED, "06:16"),
        ([saw("05:00", BEFORE), saw("06:00", BEFORE)], Kept.MISSED, None),
        # Taken back before it was due, and after.
        ([saw("05:00", DAY), saw("06:00", BEFORE), saw("09:00", DAY)], Kept.MISSED, "09:00"),
        ([saw("05:00", DAY), saw("08:00", BEFORE)], Kept.MET, "05:00"),
        ([saw("05:00", None)], Kept.UNKNOWN, None),
    ],
)
def test_a_day_is_judged_by_what_consumers_saw_when_it_was_due(
    seen: list[Sighting], status: Kept, reached: str | None
) -> None:
    outcome = judge_day(DAY, promise(), seen, at("23:00"))
    assert (outcome.status, outcome.reached_at) == (status, at(reached) if reached else None)


def test_before_it_is_due_a_day_is_pending_or_met_already() -> None:
    assert judge_day(DAY, promise(), [], at("06:00")).status is Kept.PENDING
    assert judge_day(DAY, promise(), [saw("05:00", DAY)], at("06:00")).status is Kept.MET


@pytest.mark.parametrize(
    ("day", "clock", "zone", "due"),
    [
        # Clocks leap from 2:00 to 3:00: a time between is over when they do.
        ("2026-03-08", "02:30", "America/Toronto", "2026-03-08 07:00"),
        ("2026-03-08", "06:15", "America/Toronto", "2026-03-08 10:15"),
        ("2026-03-07", "06:15", "America/Toronto", "2026-03-07 11:15"),
        # Clocks show 1:30 twice: the first time counts.
        ("2026-11-01", "01:30", "America/Toronto", "2026-11-01 05:30"),
        ("2026-11-01", "06:15", "America/Toronto", "2026-11-01 11:15"),
        ("2026-03-29", "02:15", "Europe/Berlin", "2026-03-29 01:00"),
        ("2026-10-25", "02:15", "Europe/Berlin", "2026-10-25 00:15"),
        # Half an hour, and a day that there never was.
        ("2026-10-04", "02:15", "Australia/Lord_Howe", "2026-10-03 15:30"),
        ("2011-12-30", "06:15", "Pacific/Apia", "2011-12-30 10:00"),
    ],
)
def test_a_local_time_is_due_when_the_clock_first_shows_it_or_a_later_one(
    day: str, clock: str, zone: str, due: str
) -> None:
    assert due_at(date.fromisoformat(day), clock, zone) == datetime.fromisoformat(due)


def test_a_promise_that_changes_counts_from_the_next_day_on() -> None:
    later = promise(SIX.model_copy(update={"at": "09:00"}), 2, since="06:00")
    gone = Promise(dataset="marts/orders", version=3, since=at("08:00"), ready_by=None)
    versions = [promise(), later, gone]
    assert promised_on(DAY, versions) == versions[0]
    assert promised_on(DAY + timedelta(days=1), versions[:2]) == later
    assert promised_on(DAY + timedelta(days=1), versions) is None
    assert promised_on(BEFORE, versions) is None
    assert promised_on(DAY, [promise(since="07:00")]) is None


def outcomes(*marks: str) -> list[Outcome]:
    words = {"✓": Kept.MET, "✗": Kept.MISSED, "?": Kept.UNKNOWN, "·": Kept.PENDING}
    first = DAY - timedelta(days=len(marks[0]) - 1)
    return [
        Outcome(
            dataset="marts/orders",
            day=first + timedelta(days=number),
            version=1,
            due_at=at("06:15", first + timedelta(days=number)),
            status=words[mark],
        )
        for number, mark in enumerate(marks[0])
    ]


def test_an_error_budget_is_the_days_of_a_window_that_may_be_missed() -> None:
    budget = budget_of(SIX, outcomes("✗" * 5 + "✓" * 26 + "✗" + "✓" * 2 + "·"), DAY)
    assert budget is not None
    # Of the last thirty days: the five before are forgiven.
    assert (budget.judged, budget.missed, budget.allowed) == (29, 1, 1.5)
    assert (budget.left, budget.exhausted, budget.burn) == (0.5, False, 0.7)

    spent = budget_of(SIX, outcomes("✓✗✗"), DAY)
    assert spent is not None
    assert (round(spent.attained, 1), spent.left, spent.exhausted) == (33.3, -0.5, True)
    assert budget_of(SIX, outcomes("??·"), DAY) is None
    assert budget_of(ReadyBy(at="06:15", timezone="UTC"), outcomes("✓✓"), DAY) is None


# ------------------------------------------------------------------------- over days, in a ledger


class Life:
    """A platform without dbt, of whose days the ledger is told."""

    def __init__(self, root: Path, url: str | None = None, ready_by: ReadyBy = SIX) -> None:
        self.shop = Shop(root)
        self.ledger = Ledger(url) if url else self.shop.ledger
        self.promise(ready_by)

    def promise(self, ready_by: ReadyBy | None) -> None:
        datasets = self.shop.project.datasets
        mart = datasets["model.shop.orders"]
        contract = mart.contract.model_copy(update={"ready_by": ready_by})
        datasets["model.shop.orders"] = mart.model_copy(update={"contract": contract})

    def switch(self, moment: datetime, content: str, reach: date, event: str = "published") -> None:
        table = PublishedTable(
            fingerprint=content, rows=1, data_as_of=at("00:00", reach), verified_in="run"
        )
        shown: Mapping[str, PublishedTable] = {"orders": table}
        whole = event != "confirmed"
        self.ledger.record_publication(content, event, at=moment, shown=shown, whole=whole)

    def watch(self, moment: datetime) -> Watch:
        return Watch(self.shop.project, self.ledger, lambda: moment)

    def look(self, moment: datetime, failed: str | None = None) -> str:
        """Judge at a moment, and return the days as marks."""
        self.watch(moment).judge(newest_run=lambda since, until: failed)
        words = {Kept.MET: "✓", Kept.MISSED: "✗", Kept.PENDING: "·", Kept.UNKNOWN: "?"}
        return "".join(words[outcome.status] for outcome in self.days())

    def days(self) -> list[Outcome]:
        return Objectives(self.ledger).outcomes("marts/orders")


def day(number: int) -> date:
    return DAY + timedelta(days=number)


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(tmp_path)


def test_days_on_which_nothing_ran_are_missed_however_late_somebody_looks(life: Life) -> None:
    assert life.look(at("01:00")) == "·"
    life.switch(at("05:00"), "a", day(0))
    # For three days the platform was off; then it makes up for everything.
    life.switch(at("12:00", day(3)), "b", day(3))
    assert life.look(at("12:01", day(3))) == "✓✗✗✗"
    assert [o.reached_at for o in life.days()[1:]] == [at("12:00", day(3))] * 3
    assert life.look(at("12:02", day(3))) == "✓✗✗✗"
    # Nor does it matter that a ledger was asked at each step, or only at the end.
    assert life.watch(at("12:03", day(3))).judge() == []


def test_an_outage_longer_than_any_window_loses_no_day(life: Life) -> None:
    life.look(at("01:00"))
    life.switch(at("05:00"), "a", day(0))
    assert life.look(at("12:00", day(60))) == "✓" + "✗" * 60


def test_confirmations_count_only_where_newer_data_was_verified(life: Life) -> None:
    life.look(at("01:00"))
    life.switch(at("05:00"), "a", day(0))
    life.switch(at("05:00", day(1)), "a", day(0), "confirmed")
    # New files came in, and changed nothing of this table.
    life.switch(at("05:00", day(2)), "a", day(2), "confirmed")
    assert life.look(at("23:00", day(2))) == "✓✗✓"
    # A release that carries the table on knows its old time only.
    life.switch(at("01:00", day(3)), "a", day(0))
    assert life.look(at("05:00", day(3))) == "✓✗✓·"
    assert life.days()[-1].data_as_of == at("00:00", day(2))


def test_going_back_renews_nothing(life: Life) -> None:
    life.look(at("01:00"))
    life.switch(at("05:00"), "a", day(0))
    life.switch(at("05:00", day(1)), "b", day(1))
    life.switch(at("06:00", day(1)), "a", day(0), "rolled back")
    assert life.look(at("07:00", day(1))) == "✓✗"
    assert life.days()[1].cause == "consumers had been taken back to an earlier release"


def test_what_is_promised_later_leaves_the_past_as_it_was(life: Life) -> None:
    life.look(at("01:00"))
    life.switch(at("08:00"), "a", day(0))
    assert life.look(at("09:00")) == "✗"
    life.promise(SIX.model_copy(update={"at": "10:00"}))
    life.switch(at("08:00", day(1)), "b", day(1))
    assert life.look(at("11:00")) == "✗"
    assert life.look(at("11:00", day(1))) == "✗✓"
    life.promise(None)
    assert life.look(at("11:00", day(2))) == "✗✓✗"
    assert life.look(at("11:00", day(4))) == "✗✓✗"
    assert [o.version for o in life.days()] == [1, 2, 2]


def test_a_miss_says_why(life: Life) -> None:
    life.look(at("01:00"))
    life.look(at("07:00"))
    assert life.days()[0].cause == "nothing was built in the day before"
    life.switch(at("05:00", day(1)), "a", day(0))
    life.look(at("07:00", day(1)))
    assert life.days()[1].cause == "no newer data had come in: it reached until 2026-11-20 00:00"
    life.look(at("07:00", day(2)), "run 1234abcd (build) failed")
    assert life.days()[2].cause == "run 1234abcd (build) failed"


def test_a_gate_that_held_it_back_is_named(tmp_path: Path) -> None:
    life = Life(tmp_path)
    now = datetime.now(UTC).replace(tzinfo=None)
    bad = Verdict(check="unique_orders", severity=Severity.CRITICAL, status=Status.FAILED)
    life.watch(now - timedelta(days=2)).judge()
    life.ledger.record_results("marts/orders", [bad], state="x", run_id="run")
    life.watch(now + timedelta(days=1)).judge()
    causes = {outcome.cause for outcome in life.days()}
    assert "unique_orders of marts/orders failed, and held it back" in causes


def test_releases_that_are_older_than_the_ledger_are_made_up_for(tmp_path: Path) -> None:
    life = Life(tmp_path)
    published = life.shop.live_a_day(1)
    now = published.release.created_at
    fresh = Life(tmp_path, f"sqlite:///{tmp_path / 'other.db'}")
    fresh.ledger.reconcile_releases(life.shop.releases.list())
    fresh.ledger.record_publication(published.release.id, "published", at=now)
    fresh.look(now + timedelta(minutes=1))
    (seen,) = Objectives(fresh.ledger).sightings("orders", now)
    assert (seen.at, seen.data_as_of) == (now, published.release.tables["orders"].data_as_of)


def test_a_switch_that_a_kill_left_unwritten_counts_from_when_it_was(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.live_a_day(1)
    shop.build(2)
    shop.check()
    with shop.warehouse.connect():
        marts = shop.project.published()
        content = verify(
            marts, shop.warehouse, shop.ledger, REQUIRED, data_as_of=lambda _: NEWER, run_id="run-2"
        )
    datasets = {dataset.published_name: dataset for dataset in marts}
    made = shop.releases.make(
        shop.warehouse, datasets, content, manifest=shop.manifest, run_id="run-2"
    )
    shop.releases.switch(made.id)
    # Killed here; whoever comes next writes it.
    history.remember(shop.releases, shop.ledger)
    intention = shop.releases.intention()
    assert intention is not None
    last = Objectives(shop.ledger).sightings("orders", intention.at)[-1]
    assert (last.at, last.data_as_of) == (intention.at, NEWER)
