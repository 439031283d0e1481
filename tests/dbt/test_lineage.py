"""Column lineage is worked out from what dbt ran, and again only when that has changed."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.test_project import node, project, source

from assetops.dbt.lineage import Lineage
from assetops.model import Kind
from assetops.warehouse import Warehouse, WarehouseLock
from assetops.warehouse.measure import measured

Found = Mapping[str, Sequence[tuple[tuple[str, ...], str]]]
ORDERS, CUSTOMERS = ("retail", "orders"), ("marts", "customers")


class Shop:
    """A warehouse with a source and two models, whose lineage is asked for."""

    def __init__(self, folder: Path) -> None:
        above = {"nodes": ["source.shop.retail.orders", "model.shop.customers"]}
        history = {"nodes": ["model.shop.customers"]}
        self.project = project(
            folder,
            source("orders"),
            node("customers"),
            node("spending", depends_on=above),
            node("history", kind="snapshot", depends_on=history),
        )
        lock = WarehouseLock(folder / "lock", wait=1)
        self.warehouse = Warehouse(folder / "dev.duckdb", lock, memory_limit="1GB")
        self.run("create schema raw; create table raw.orders (id int, customer_id int, amount int)")
        self.run("create schema marts; create table marts.customers (customer_id int, name text)")
        self.run("create table marts.history as select *, 1 as dbt_scd_id from marts.customers")

    def run(self, sql: str) -> None:
        with self.warehouse.connect() as connection:
            connection.execute(sql)

    def lineage(self, code: str, of: str = "spending") -> Found:
        """Build the model with this code, and return its lineage as a run does."""
        dataset = self.project.by_address[f"marts/{of}"]
        if dataset.kind is Kind.MODEL:
            self.run(f"create or replace view marts.{of} as {code}")
        with self.warehouse.connect() as connection:
            measure = measured(connection, dataset.relation, counted=False)
            assert measure is not None
            return Lineage(self.project).of(dataset, code, measure, connection)

    @property
    def kept(self) -> list[str]:
        return sorted(os.listdir(self.project.settings.dbt_target / "lineage"))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


JOINED = """with people as (select * from "marts"."customers")
select people.name, sum(orders.amount) * 2 as spent, '{day}' as day
from people join raw.orders as orders using (customer_id) group by all"""


def test_columns_are_followed_through_stars_joins_and_expressions(shop: Shop) -> None:
    assert shop.lineage(JOINED.format(day="2026-01-01")) == {
        "name": [(CUSTOMERS, "name")],
        "spent": [(ORDERS, "amount")],
        "day": [],
    }


def test_a_day_in_the_code_does_not_make_it_new_code(shop: Shop) -> None:
    found = shop.lineage(JOINED.format(day="2026-01-01"))
    kept = shop.kept
    assert shop.lineage(JOINED.format(day="2026-01-02")) == found
    assert shop.kept == kept and len(kept) == 1


def test_new_code_and_a_new_column_under_a_star_are_followed_anew(shop: Shop) -> None:
    star = "select * from raw.orders"
    assert set(shop.lineage(star)) == {"id", "customer_id", "amount"}
    shop.run("alter table raw.orders add column note text")
    assert shop.lineage(star)["note"] == [(ORDERS, "note")]
    assert set(shop.lineage("select id from raw.orders")) == {"id"}


def test_a_snapshots_columns_come_from_those_of_the_same_name(shop: Shop) -> None:
    assert shop.lineage("", of="history") == {
        "customer_id": [(CUSTOMERS, "customer_id")],
        "name": [(CUSTOMERS, "name")],
        "dbt_scd_id": [],
    }


def test_code_that_nobody_can_follow_is_no_error_and_is_not_tried_again(shop: Shop) -> None:
    assert shop.lineage("select columns('.*nt') from raw.orders") == {}
    assert len(shop.kept) == 1


def test_a_relation_that_is_not_there_has_no_measure(shop: Shop) -> None:
    gone = shop.project.by_address["marts/spending"].relation
    with shop.warehouse.connect() as connection:
        assert measured(connection, gone, counted=True) is None
