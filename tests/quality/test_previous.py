"""Today's figures compared with yesterday's, which the ledger remembers."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assetops.errors import SuiteError
from assetops.ledger import Ledger
from assetops.model import Batch, Relation, Severity, Status, Verdict
from assetops.project import Project
from assetops.quality.checks import batch_gate, judge
from assetops.quality.suites import load_suites
from assetops.warehouse import Warehouse

COUNT = "expect_table_row_count_to_be_between"
SUM = "expect_column_sum_to_be_between"
MAX = "expect_column_max_to_be_between"
MARTS_ORDERS = "marts/orders"


def asks(expression: str) -> dict[str, str]:
    return {"$PARAMETER": expression}


def write(project: Project, *entries: dict[str, Any], address: str = MARTS_ORDERS) -> None:
    path = project.suites_dir / f"{address}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"name": address.replace("/", "."), "expectations": entries}))


def entry(kind: str, severity: str = "critical", **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "severity": severity}


@pytest.fixture
def nightly(project: Project, warehouse: Warehouse, ledger: Ledger) -> Callable[..., Verdict]:
    """Fill the table with so many orders, run its suite and remember what it found."""

    def run(rows: int, chosen: set[str] | None = None) -> Verdict:
        with warehouse.connect() as connection:
            connection.execute(
                "create or replace table marts.orders as select i as order_id, i * 1.5 as total, "
                f"timestamp '2026-01-01' + to_days(i::int) as updated_at from range({rows}) as t(i)"
            )
        (suite,) = load_suites(project).values()
        verdicts, state = judge(
            project.dataset(MARTS_ORDERS),
            suite,
            warehouse,
            ledger,
            facts={"as_of": datetime(2026, 1, 5)},
            root=project.settings.root,
            chosen=chosen,
        )
        ledger.record_results(MARTS_ORDERS, verdicts, state=state, run_id="r")
        return verdicts[0]

    return run


def test_a_table_may_not_shrink_by_half_overnight(
    project: Project, nightly: Callable[..., Verdict]
) -> None:
    write(project, entry(COUNT, min_value=asks("previous_row_count * 0.5")))
    first = nightly(100)
    assert first.status is Status.PASSED
    assert first.description.endswith("There is nothing earlier to compare with yet.")
    assert nightly(60).expected == "the number of rows at least 50.0"
    shrunk = nightly(20)
    assert (shrunk.status, shrunk.expected) == (Status.FAILED, "the number of rows at least 30.0")
    # What was refused is no measure, and asking again changes nothing.
    assert nightly(20).expected == nightly(25).expected == "the number of rows at least 30.0"


def test_running_twice_on_the_same_content_compares_with_the_same(
    project: Project, nightly: Callable[..., Verdict]
) -> None:
    write(project, entry(COUNT, max_value=asks("previous_row_count + 10")))
    nightly(10)
    assert [nightly(15).expected for _ in range(2)] == ["the number of rows at most 20"] * 2


def test_a_check_knows_what_it_observed_itself(
    project: Project, nightly: Callable[..., Verdict]
) -> None:
    write(
        project,
        entry(
            SUM,
            column="total",
            min_value=asks("previous_value * 0.9"),
            max_value=asks("previous_value * 1.1"),
        ),
    )
    assert nightly(4).observed == 9.0
    grown = nightly(5)
    assert (grown.status, grown.observed) == (Status.FAILED, 15.0)
    assert grown.expected == "the sum of total between 8.1 and 9.9"


def test_the_newest_time_may_not_go_back(project: Project, nightly: Callable[..., Verdict]) -> None:
    write(project, entry(MAX, "warning", column="updated_at", min_value=asks("previous_value")))
    nightly(4)
    assert nightly(3).expected == "the greatest updated_at at least 2026-01-04 00:00:00"
    # A warning was seen and let through: it is what the next one is compared with.
    assert nightly(2).expected == "the greatest updated_at at least 2026-01-03 00:00:00"


def test_one_check_alone_knows_the_count_that_another_one_took(
    project: Project, nightly: Callable[..., Verdict]
) -> None:
    write(
        project,
        entry(COUNT, min_value=1),
        entry(SUM, column="total", max_value=asks("previous_row_count * 10")),
    )
    nightly(4)
    assert nightly(5, chosen={"total_sum_between"}).expected == "the sum of total at most 40"


def test_a_batch_is_compared_with_the_day_before_it_in_whatever_order_they_land(
    project: Project, warehouse: Warehouse, ledger: Ledger
) -> None:
    write(
        project,
        entry(COUNT, min_value=asks("previous_row_count")),
        address="retail/orders",
    )
    suites = load_suites(project)
    gate = batch_gate(warehouse, ledger, suites)
    dataset = project.dataset("retail/orders")
    expected = []
    for day, rows in ((3, 30), (1, 10), (2, 20), (4, 40)):
        with warehouse.connect() as connection:
            connection.execute(
                "create schema if not exists candidate; create or replace table candidate.orders "
                f"as select i as order_id, i as _row from range({rows}) as t(i)"
            )
        batch = Batch(
            source="retail/orders",
            file=Path("x.csv"),
            fingerprint=f"f{day}",
            partition=date(2026, 1, day),
            as_of=datetime(2026, 1, day) + timedelta(days=1),
        )
        verdicts = gate(dataset, Relation(schema_name="candidate", name="orders"), batch)
        expected.append(verdicts[0].expected.removeprefix("the number of rows "))
        ledger.record_results(
            "retail/orders", verdicts, state=f"f{day}", run_id="r", partition=f"2026-01-0{day}"
        )
    assert expected == ["anything", "anything", "at least 10", "at least 30"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            entry("expect_table_row_count_to_equal", value=asks("previous_row_count")),
            "value cannot be left out when there is nothing earlier.",
        ),
        (
            entry(
                "expect_column_values_to_be_between",
                column="total",
                min_value=asks("previous_value"),
            ),
            "observes no figure that could be its previous_value.",
        ),
        (
            entry(COUNT, min_value=asks("previous_rowcount * 0.5")),
            "previous_rowcount is no parameter. Did you mean previous_row_count?",
        ),
        (
            entry(COUNT, min_value=asks("partition_strat")),
            "partition_strat is no parameter. Did you mean partition_start?",
        ),
    ],
)
def test_a_parameter_that_cannot_work_is_found_before_any_run(
    project: Project, wrong: dict[str, Any], said: str
) -> None:
    write(project, wrong)
    with pytest.raises(SuiteError) as error:
        load_suites(project)
    assert said in str(error.value)


def test_a_check_that_did_not_run_is_nothing_to_compare_with(ledger: Ledger) -> None:
    def verdict(status: Status, severity: Severity = Severity.CRITICAL) -> Verdict:
        return Verdict(check=f"{status}_{severity}", severity=severity, status=status)

    verdicts = [verdict(status, severity) for status in Status for severity in Severity]
    ledger.record_results(MARTS_ORDERS, verdicts, state="s1", run_id="r")
    found = set(ledger.last_accepted(MARTS_ORDERS, other_than="s2"))
    assert found == {
        "passed_critical",
        "passed_warning",
        "passed_info",
        "failed_warning",
        "failed_info",
    }
    assert ledger.last_accepted(MARTS_ORDERS, other_than="s1") == {}
