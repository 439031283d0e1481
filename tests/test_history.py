"""The history of results: what is kept, what is forgotten, and ledgers from before."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from assetops.history import History
from assetops.ledger import Ledger
from assetops.ledger.tables import RESULTS
from assetops.model import Severity, Status, Verdict


def verdict(check: str, status: str = "passed") -> Verdict:
    return Verdict(check=check, severity=Severity.CRITICAL, status=Status(status))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", results_days=30)


def record(ledger: Ledger, run: str, *verdicts: Verdict, partition: str | None = None) -> None:
    ledger.record_results("marts/orders", verdicts, state=run, run_id=run, partition=partition)


def age(ledger: Ledger, days: int) -> None:
    with ledger.connect() as connection:
        then = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days)
        connection.execute(RESULTS.update().values(at=then))
        connection.commit()


def count(ledger: Ledger) -> int:
    with ledger.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(RESULTS)).scalar_one()


def test_a_runs_results_are_those_of_its_partition(ledger: Ledger) -> None:
    record(ledger, "one", verdict("a"), partition="2026-01-01")
    record(ledger, "one", verdict("a", "failed"), partition="2026-01-02")
    record(ledger, "one", verdict("b"))
    history = History(ledger)
    found = [history.results_in("marts/orders", "one", day) for day in ("2026-01-02", None)]
    assert [[(v.check, v.status.value) for v, _ in results] for results in found] == [
        [("a", "failed")],
        [("b", "passed")],
    ]
    assert history.results_in("marts/orders", "two") == []


def test_the_newest_runs_come_first_and_no_more_than_asked_for(ledger: Ledger) -> None:
    for run in ("one", "two", "three"):
        record(ledger, run, verdict("a"), verdict("b", "errored"))
    runs = History(ledger).checked_runs("marts/orders", limit=2)
    assert [run.run_id for run in runs] == ["three", "two"]
    assert runs[0].counts == {"passed": 1, "errored": 1}


def test_a_checks_own_history_has_its_newest_results_and_no_others(ledger: Ledger) -> None:
    record(ledger, "one", verdict("a", "failed"), verdict("b"))
    record(ledger, "two", verdict("b"))
    record(ledger, "three", verdict("a").model_copy(update={"severity": Severity.INFO}))
    record(ledger, "four", Verdict(check="a", severity=Severity.WARNING, status=Status.FAILED))
    outcomes = History(ledger).outcomes_of("marts/orders", "a", limit=2)
    assert [(o.run_id, o.result) for o in outcomes] == [("four", "warned"), ("three", "passed")]


def test_what_stood_before_the_newest_runs_is_known(ledger: Ledger) -> None:
    record(ledger, "one", verdict("weekly", "failed"), verdict("daily"))
    record(ledger, "two", verdict("daily", "failed"))
    record(ledger, "three", verdict("daily"))
    stood, outcomes = History(ledger).outcomes("marts/orders", runs=2)
    assert stood == {"weekly": "failed", "daily": "passed"}
    assert [(o.run_id, o.status.value) for o in outcomes] == [
        ("two", "failed"),
        ("three", "passed"),
    ]


def test_an_old_result_is_forgotten_once_there_is_a_newer_one(ledger: Ledger) -> None:
    record(ledger, "old", verdict("a"), verdict("b"))
    age(ledger, days=31)
    record(ledger, "new", verdict("a"))
    assert [v.check for v, _, _ in ledger.latest_results("marts/orders")] == ["a", "b"]
    assert count(ledger) == 2


def test_a_result_within_its_days_is_kept(ledger: Ledger) -> None:
    record(ledger, "old", verdict("a"))
    age(ledger, days=29)
    record(ledger, "new", verdict("a"))
    assert count(ledger) == 2


def test_a_ledger_from_before_the_indexes_gets_them_and_keeps_its_results(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    record(Ledger(f"sqlite:///{path}"), "one", verdict("a"))
    with sqlite3.connect(path) as connection:
        for index in RESULTS.indexes:
            connection.execute(f"drop index {index.name}")
        # A verdict as it was written before it named its expectation.
        old = '{"check": "a", "severity": "critical", "status": "failed"}'
        connection.execute("update check_results set verdict = ?", [old])
    ledger = Ledger(f"sqlite:///{path}")
    (found, _), *_ = History(ledger).results_in("marts/orders", "one")
    assert (found.status, found.expectation) == (Status.FAILED, None)
    with sqlite3.connect(path) as connection:
        made = connection.execute(
            "select count(*) from sqlite_master where type = 'index' and tbl_name = 'check_results'"
        )
        assert made.fetchone() == (len(RESULTS.indexes),)


def test_reading_a_short_history_does_not_read_a_long_one(ledger: Ledger) -> None:
    for number in range(300):
        record(ledger, f"run {number}", *(verdict(f"check {n}") for n in range(5)))
    steps = 0

    def count_step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with ledger.connect() as connection:
        raw = connection.connection.dbapi_connection
        raw.set_progress_handler(count_step, 1000)
    History(ledger).checked_runs("marts/orders", limit=20)
    few, steps = steps, 0
    History(ledger).checked_runs("marts/orders", limit=1000)
    assert few * 2 < steps
