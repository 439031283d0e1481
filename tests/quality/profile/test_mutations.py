"""A draft from some weeks of a shop is silent on the next ones, and loud when something breaks."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import duckdb
import pytest

from assetops.ingest.candidate import make_candidate
from assetops.ingest.landing import landed_files
from assetops.model import Column, Contract, Dataset, Kind, Relation
from assetops.quality.engine import Validator
from assetops.quality.profile.draft import Draft, draft_suite
from assetops.quality.suites import Suite
from assetops.zone.folder import Folder
from retail.simulate.plan import Plan
from retail.simulate.shop import simulate

START, SEEN, NEXT = date(2025, 9, 1), 28, 8
TYPES = {
    "order_id": "BIGINT",
    "customer_id": "BIGINT",
    "store_id": "BIGINT",
    "campaign_id": "BIGINT",
    "ordered_at": "TIMESTAMP",
    "status": "VARCHAR",
    "discount": "DECIMAL(12,2)",
    "order_total": "DECIMAL(12,2)",
    "updated_at": "TIMESTAMP",
}
ORDERS = Dataset(
    key=("retail", "orders"),
    kind=Kind.SOURCE,
    unique_id="source.shop.retail.orders",
    relation=Relation(schema_name="raw", name="orders"),
    description="Orders as they land.",
    file="sources.yml",
    contract=Contract.model_validate(
        {
            "ingest": {
                "path": "orders/{date}.csv",
                "format": "csv",
                "partition": "daily",
                "key": ["order_id"],
            }
        }
    ),
    columns=tuple(Column(name=name, data_type=kind) for name, kind in TYPES.items()),
)
BATCH = Relation(schema_name="raw", name="batch")

# What plausibly goes wrong in a day's file, and what of the draft has to notice it.
BREAKS = {
    "update raw.batch set customer_id = null where order_id % 20 = 0": "customer_id_not_null",
    "update raw.batch set order_total = -order_total": "order_total_positive",
    "update raw.batch set order_total = order_total * 100": "order_total_mean_between",
    "update raw.batch set discount = 0": "discount_mean_between",
    "update raw.batch set status = 'teleported' where status = 'shipped'": "status_in_set",
    "update raw.batch set status = 'pending'": "status_distinct_values_contain_set",
    "update raw.batch set updated_at = updated_at + interval 1 day": "updated_at_not_in_the_future",
    "update raw.batch set updated_at = updated_at - interval 1 day": "updated_at_mostly_of_the_day",
    "update raw.batch set ordered_at = timestamp '1970-01-01'": "ordered_at_not_long_past",
    "update raw.batch set ordered_at = updated_at + interval 1 hour": (
        "updated_at_not_less_than_ordered_at"
    ),
    "update raw.batch set customer_id = 1": "customer_id_share_unique",
    "delete from raw.batch where order_id % 10 > 0": "row_count_as_usual",
    "insert into raw.batch from raw.batch union all from raw.batch": "customer_id_share_unique",
}

Judged = Callable[[date, str], dict[str, str]]


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("landing")
    simulate(Plan(START, SEEN + NEXT, 60, 7), out / "retail", lambda: None)
    return out


@pytest.fixture(scope="module")
def days(landing: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[date]]]:
    """All days of the shop's orders in raw, and which they are."""
    connection = duckdb.connect()
    connection.execute("create schema raw")
    columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
    connection.execute(f"create table raw.orders ({columns}, _partition date)")
    files = landed_files(ORDERS, Folder(landing))[0]
    for day, file in files.items():
        candidate = Relation(schema_name="candidate", name="orders")
        with file.fetched() as path:
            make_candidate(connection, path, ORDERS, candidate)
        connection.execute(
            f"insert into raw.orders by name select * exclude (_row), "
            f"date '{day}' as _partition from {candidate.quoted}"
        )
    yield connection, [day for day in files if day]
    connection.close()


@pytest.fixture(scope="module")
def draft(days: tuple[duckdb.DuckDBPyConnection, list[date]]) -> Draft:
    connection, found = days
    connection.execute(
        f"create table raw.seen as from raw.orders where _partition <= date '{found[SEEN - 1]}'"
    )
    return draft_suite(connection, ORDERS, Relation(schema_name="raw", name="seen"))


@pytest.fixture(scope="module")
def judged(days: tuple[duckdb.DuckDBPyConnection, list[date]], draft: Draft) -> Iterator[Judged]:
    """Judge a day's batch, broken by a statement, and return what did not pass and how."""
    connection, _ = days
    suite = Suite(address="retail/orders", path=Path("/none"), expectations=draft.expectations)

    def judge(day: date, broken: str = "") -> dict[str, str]:
        connection.execute(
            f"create or replace table raw.batch as from raw.orders where _partition = date '{day}'"
        )
        if broken:
            connection.execute(broken)
        as_of = datetime.combine(day, time()) + timedelta(days=1)
        parameters = {"as_of": as_of, "as_of_minus_1_day": as_of - timedelta(days=1)}
        with Validator(connection.cursor) as validator:
            verdicts = validator.validate(BATCH, suite, parameters=parameters)
        return {v.check: v.sentence() for v in verdicts if v.status != "passed"}

    yield judge


def test_the_draft_is_made_from_all_days_in_two_statements(draft: Draft) -> None:
    assert (draft.partitions, draft.scan.statements) == (SEEN, 2)
    assert len(draft.expectations) >= 20


def test_it_passes_on_days_that_it_was_drafted_from_and_on_those_that_follow(
    days: tuple[duckdb.DuckDBPyConnection, list[date]], judged: Judged
) -> None:
    _, found = days
    alarms = {day: judged(day, "") for day in [*found[:SEEN:4], *found[SEEN:]]}
    assert {day: said for day, said in alarms.items() if said} == {}


@pytest.mark.parametrize("broken", BREAKS)
def test_it_notices_that(
    broken: str, days: tuple[duckdb.DuckDBPyConnection, list[date]], judged: Judged
) -> None:
    _, found = days
    assert BREAKS[broken] in judged(found[-2], broken)


def test_another_days_file_under_this_days_name_is_noticed(
    days: tuple[duckdb.DuckDBPyConnection, list[date]], judged: Judged
) -> None:
    _, found = days
    broken = (
        "create or replace table raw.batch as from raw.orders "
        f"where _partition = date '{found[-4]}'"
    )
    assert "updated_at_mostly_of_the_day" in judged(found[-2], broken)
