"""Customers' history must equal a full refresh, whatever lands; the snapshot only ever adds."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

FIRST = date(2026, 1, 1)
TABLES = {
    "stg_retail__customers": "staging.stg_retail__customers",
    "customers_history": "marts.customers_history",
}
MODELS = (*TABLES, "int_customers_current")


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


class Chance:
    """Batches as a careless source would send them: late, again, with other records, with fewer."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.batches: dict[date, list[dict[str, Any]]] = {}
        self.today = -1

    def step(self) -> date:
        """Change what has landed on a day, which is returned."""
        kind = self.dice.choice(("new", "new", "late", "again", "less", "same"))
        if kind == "new" or self.today < 4:
            self.today += self.dice.choice((1, 2))
            landed = day(self.today)
        elif kind == "late":
            landed = day(self.dice.randint(-3, self.today))
        else:
            landed = self.dice.choice(sorted(self.batches))
        rows = self.batches.get(landed)
        if rows and kind == "less":
            self.batches[landed] = self.dice.sample(rows, self.dice.randint(0, len(rows) - 1))
        elif not rows or kind != "same":
            self.batches[landed] = self._rows((landed - FIRST).days)
        return landed

    def _rows(self, landed: int) -> list[dict[str, Any]]:
        # Few customers and moments, so that a record lands again in another batch, and changed.
        rows = {}
        for _ in range(self.dice.randint(2, 8)):
            customer, changed = self.dice.randint(1, 9), landed - self.dice.choice((0.25, 1, 2, 6))
            rows[customer, changed] = record(customer, changed, f"city {self.dice.random()}")
        return list(rows.values())


@pytest.mark.parametrize("seed", range(3))
def test_the_history_equals_a_full_refresh_after_any_sequence_of_loads(
    new_warehouse: Callable[[str], Any], seed: int
) -> None:
    chance, built = Chance(seed), new_warehouse("built")
    built.dbt("run", "--select", *TABLES)
    expect = {model: built.compiled(model) for model in TABLES}
    for build in range(12):
        for _ in range(chance.dice.randint(1, 3)):
            landed = chance.step()
            built.land("customers", landed, chance.batches[landed])
        # A build of one alone has the other take up later what it has missed.
        chosen = chance.dice.choice((tuple(TABLES), tuple(TABLES), ("stg_retail__customers",)))
        built.dbt("run", "--select", *chosen)
        for model in chosen:
            missing = built.execute(f"({expect[model]}) except all from {TABLES[model]}")
            extra = built.execute(f"from {TABLES[model]} except all ({expect[model]})")
            assert (missing, extra) == ([], []), f"{model}, seed {seed}, build {build}"
    built.dbt("run", "--select", *TABLES)
    assert built.execute("select count(*) > 10 from marts.customers_history") == [(True,)]

    # Landed in another order and built at once, from nothing, it is the same.
    fresh = new_warehouse("fresh")
    for landed, rows in reversed(list(chance.batches.items())):
        fresh.land("customers", landed, rows)
    fresh.dbt("run", "--select", *TABLES, "--full-refresh")
    assert fresh.rows("marts.customers_history") == built.rows("marts.customers_history")


def test_a_customer_of_whom_nothing_is_left_is_gone(warehouse: Any) -> None:
    warehouse.land("customers", day(0), [record(1, 0, "Toronto"), record(2, 0, "Regina")])
    warehouse.land("customers", day(1), [record(3, 1, "Calgary")])
    warehouse.dbt("run", "--select", *TABLES)
    warehouse.land("customers", day(1), [])
    warehouse.dbt("run", "--select", *TABLES)
    found = warehouse.execute("select customer_id from marts.customers_history order by all")
    assert found == [(1,), (2,)]


def test_a_build_rewrites_only_customers_of_whom_something_landed(warehouse: Any) -> None:
    warehouse.land("customers", day(0), [record(1, 0, "Toronto"), record(2, 0, "Regina")])
    warehouse.dbt("run", "--select", *TABLES)
    warehouse.execute("update marts.customers_history set city = 'spoilt'")
    before = warehouse.execute("select rowid, * from marts.customers_history order by all")
    warehouse.dbt("run", "--select", *TABLES)
    assert warehouse.execute("select rowid, * from marts.customers_history order by all") == before

    warehouse.land("customers", day(1), [record(2, 1, "Halifax")])
    warehouse.dbt("run", "--select", *TABLES)
    cities = "select customer_id, city from marts.customers_history order by customer_id, version"
    assert warehouse.execute(cities) == [(1, "spoilt"), (2, "Regina"), (2, "Halifax")]
    warehouse.dbt("run", "--select", *TABLES, "--vars", f"{{rebuild_from: '{day(0)}'}}")
    assert warehouse.execute(cities) == [(1, "Toronto"), (2, "Regina"), (2, "Halifax")]


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
