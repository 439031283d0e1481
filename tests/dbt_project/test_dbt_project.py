"""The project as a whole: it builds from nothing, twice the same, and its rules catch bad rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dbt.contracts.graph.manifest import Manifest

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12)
# Python makes this between customer_features and customers; a rule stands in for its model.
SEGMENTS = """
    create or replace table marts.customer_segments as
    select
        customer_id,
        case when frequency > 0 then 'high_value' else 'churned' end as segment,
        cast(0.75 as double) as confidence,
        updated_at
    from marts.customer_features
"""
TABLES = """
    select schema_name || '.' || table_name from duckdb_tables()
    where schema_name in ('staging', 'intermediate', 'marts', 'snapshots') order by all
"""


def _land_a_day(warehouse: Any) -> None:
    person = {"change": "created", "email": "Ana@Example.com", "marketing_opt_in": True}
    warehouse.land("customers", DAY, [
        {"customer_id": 1, "changed_at": NOON - timedelta(days=90), **person},
        {"customer_id": 1, "changed_at": NOON - timedelta(days=9), **person, "change": "updated"},
        {"customer_id": 2, "changed_at": NOON - timedelta(hours=1), **person},
    ])  # fmt: skip
    warehouse.land("products", None, [{"product_id": 1, "name": "Kettle", "unit_price": "10.00"}])
    warehouse.land("stores", None, [{"store_id": 1, "channel": "online"}])
    warehouse.land("campaigns", None, [
        {"campaign_id": 1, "name": "Spring", "channel": "email", "budget": "100.00",
         "starts_on": DAY, "ends_on": DAY + timedelta(days=9)},
    ])  # fmt: skip
    order = {"customer_id": 1, "store_id": 1, "ordered_at": NOON, "updated_at": NOON}
    warehouse.land("orders", DAY, [
        {"order_id": 1, "campaign_id": 1, "status": "pending", "discount": "1.00",
         "order_total": "19.00", **order},
        {"order_id": 2, "status": "cancelled", "discount": "0.00", "order_total": "10.00", **order},
    ])  # fmt: skip
    line = {"line_number": 1, "product_id": 1, "unit_price": "10.00", "updated_at": NOON}
    warehouse.land("order_items", DAY, [
        {"order_id": 1, "quantity": 2, **line}, {"order_id": 2, "quantity": 1, **line},
    ])  # fmt: skip
    warehouse.land("web_events", DAY, [
        {"event_id": kind, "event_type": kind, "session_id": "s", "campaign_id": 1}
        for kind in ("page_view", "checkout", "purchase")
    ])  # fmt: skip


def _build(warehouse: Any) -> dict[str, str]:
    """Build everything, in the two parts that the Python table cuts the graph into."""
    statuses = warehouse.dbt("build", "--exclude", "customers+")
    warehouse.execute(SEGMENTS)
    return statuses | warehouse.dbt("build", "--select", "customers+")


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory, warehouse_at: Callable[[Path], Any]
) -> Iterator[Any]:
    """A warehouse with one landed day, built."""
    warehouse = warehouse_at(tmp_path_factory.mktemp("built"))
    _land_a_day(warehouse)
    statuses = _build(warehouse)
    assert set(statuses.values()) <= {"success", "pass", "no-op"}, statuses
    yield warehouse


def test_a_second_build_changes_nothing(built: Any) -> None:
    tables = [name for (name,) in built.execute(TABLES)]
    before = {name: built.rows(name) for name in tables}
    assert len(before) >= 12
    _build(built)
    assert {name: built.rows(name) for name in tables} == before


def test_every_column_of_every_model_is_described_in_its_order(
    built: Any, manifest: Manifest
) -> None:
    for node in manifest.nodes.values():
        if node.resource_type not in ("model", "snapshot"):
            continue
        found = built.execute(f"describe {node.schema}.{node.name}")
        described = {name: column.data_type for name, column in node.columns.items()}
        assert node.description, node.name
        assert all(column.description for column in node.columns.values()), node.name
        if node.resource_type == "snapshot":
            assert set(described) == {name for name, *_ in found}
        else:
            assert described == {name: kind for name, kind, *_ in found}, node.name
            assert list(described) == [name for name, *_ in found], node.name


@pytest.mark.parametrize(
    ("spoil", "caught_by"),
    [
        ("update marts.customer_features set trend = 1.01", "accepted_range_customer_features"),
        ("update marts.customer_features set trend = -1.01", "accepted_range_customer_features"),
        ("update marts.customer_features set updated_at = updated_at - interval 3 day",
         "recency_customer_features"),
        ("delete from marts.customer_features", "recency_customer_features"),
        ("update marts.orders set order_total = order_total + 0.01 where order_id = 1",
         "an_order_totals_its_items_less_the_discount"),
        ("update marts.orders set discount = null where order_id = 1",
         "an_order_totals_its_items_less_the_discount"),
        ("update marts.revenue_daily set revenue = revenue + 0.01",
         "revenue_daily_sums_to_orders"),
        ("delete from marts.orders_daily", "orders_daily_counts_every_order"),
        ("update marts.customers set lifetime_revenue = 0", "customers_earn_what_orders_earned"),
        ("delete from marts.customers_history where version = 1 and customer_id = 1;"
         "update marts.customers_history set valid_to = valid_from + interval 1 day",
         "customers_history_has_no_gap_and_no_overlap"),
    ],
)  # fmt: skip
def test_a_rule_catches_what_breaks_it(
    built: Any, tmp_path: Path, spoil: str, caught_by: str
) -> None:
    spoilt = built.copied(tmp_path)
    spoilt.execute(spoil)
    # By its prefix, as dbt abbreviates long names.
    statuses = spoilt.dbt("test", "--select", f"{caught_by}*", good=False)
    assert "fail" in statuses.values(), statuses


def test_a_model_is_short_and_names_its_columns(manifest: Manifest) -> None:
    import_of_one = re.compile(r"\(\s*select \*\s+from \{\{ (ref|source)\(.*?\) \}\}", re.DOTALL)
    for node in manifest.nodes.values():
        if node.resource_type == "model":
            assert len(node.raw_code.splitlines()) <= 80, node.name
            assert "select *" not in import_of_one.sub("", node.raw_code), node.name


def test_every_rule_of_several_parents_names_the_dataset_it_judges(manifest: Manifest) -> None:
    for node in manifest.nodes.values():
        if node.resource_type == "test" and not getattr(node, "attached_node", None):
            named = node.config.meta.get("dagster", {}).get("ref", {}).get("name")
            assert len(node.refs) == 1 or named in {ref.name for ref in node.refs}, node.name
