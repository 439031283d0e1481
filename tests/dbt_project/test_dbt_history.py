"""Customers' history is derived anew on every build; the snapshot beside it only ever adds."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

FIRST = date(2026, 1, 1)
MODELS = ("stg_retail__customers", "customers_history", "int_customers_current")


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def record(customer: int, changed: float, city: str) -> dict[str, Any]:
    """What is known of a customer from day `changed` on."""
    return {
        "customer_id": customer,
        "changed_at": datetime(2026, 1, 1) + timedelta(days=changed),
        "change": "updated",
        "email": f"{customer}@example.com",
        "city": city,
        "marketing_opt_in": True,
    }


def build(warehouse: Any) -> None:
    only_these = ("--resource-type", "model", "--resource-type", "snapshot")
    warehouse.dbt("build", "--select", *MODELS, "customers_snapshot", *only_these)


def test_the_history_of_many_builds_is_that_of_one(new_warehouse: Callable[[str], Any]) -> None:
    dice = random.Random(7)
    batches = {
        day(landed): [
            record(customer, landed - dice.choice((0.3, 0.6, 2.5, 9.1)), f"city {dice.random()}")
            for customer in dice.sample(range(1, 9), 4)
        ]
        for landed in range(8)
    }
    daily, once = new_warehouse("daily"), new_warehouse("once")
    for landed, rows in batches.items():
        daily.land("customers", landed, rows)
        build(daily)
    for landed in dice.sample(sorted(batches), len(batches)):
        once.land("customers", landed, batches[landed])
    build(once)
    assert daily.rows("marts.customers_history") == once.rows("marts.customers_history")


def test_the_snapshot_is_not_moved_by_a_rebuild_or_a_late_record(warehouse: Any) -> None:
    warehouse.land("customers", day(0), [record(1, 0, "Toronto"), record(2, 0, "Regina")])
    build(warehouse)
    warehouse.land("customers", day(4), [record(1, 4, "Calgary")])
    build(warehouse)
    before = warehouse.rows("snapshots.customers_snapshot")
    assert len(before) == 3

    build(warehouse)
    assert warehouse.rows("snapshots.customers_snapshot") == before

    warehouse.land("customers", day(5), [record(1, 2, "Halifax")])
    build(warehouse)
    assert warehouse.rows("snapshots.customers_snapshot") == before
    cities = warehouse.execute(
        "select city from marts.customers_history where customer_id = 1 order by version"
    )
    assert cities == [("Toronto",), ("Halifax",), ("Calgary",)]
