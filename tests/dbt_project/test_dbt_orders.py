"""`orders` is incremental: whatever lands in whatever order, it must equal a full refresh."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

FIRST = date(2026, 1, 1)
# The incremental models; the views between them are made once.
ORDERS = ("stg_retail__orders", "stg_retail__order_items", "orders")
STATUSES = ("pending", "confirmed", "shipped", "delivered", "cancelled")
Rows = list[dict[str, Any]]


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def order(number: int, ordered: int, version: int = 0, **changed: Any) -> dict[str, Any]:
    """An order of day `ordered`, in the version that was made `version` days later."""
    return {
        "order_id": number,
        "customer_id": number % 3 + 1,
        "store_id": 1,
        "ordered_at": datetime(2026, 1, 1, 12) + timedelta(days=ordered),
        "status": "pending",
        "discount": "0.00",
        "order_total": "10.00",
        "updated_at": datetime(2026, 1, 1, 13) + timedelta(days=ordered + version),
        **changed,
    }


def line(number: int, ordered: int, version: int = 0, **changed: Any) -> dict[str, Any]:
    """A line of that order."""
    return {
        "order_id": number,
        "line_number": 1,
        "product_id": 1,
        "quantity": 1,
        "unit_price": "10.00",
        "updated_at": datetime(2026, 1, 1, 13) + timedelta(days=ordered + version),
        **changed,
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, warehouse_at: Callable[[Path], Any]) -> Any:
    """Two orders of day 0 and one of day 1, landed and built; no test may change it."""
    warehouse = warehouse_at(tmp_path_factory.mktemp("built"))
    warehouse.land("orders", day(0), [order(1, 0), order(2, 0)])
    warehouse.land("order_items", day(0), [line(1, 0), line(2, 0)])
    warehouse.land("orders", day(1), [order(3, 1), order(2, 0, 1, status="shipped")])
    warehouse.land("order_items", day(1), [line(3, 1), line(2, 0, 1, quantity=2)])
    warehouse.dbt("run", "--select", "+orders")
    return warehouse


@pytest.fixture
def shop(built: Any, tmp_path: Path) -> Any:
    """A copy of it, for one test to change."""
    return built.copied(tmp_path)


def dates(shop: Any) -> dict[int, int]:
    found = shop.execute("select order_id, order_date from marts.orders")
    return {number: (ordered - FIRST).days for number, ordered in found}


def test_an_order_that_a_reloaded_batch_lost_is_gone(shop: Any) -> None:
    shop.land("orders", day(1), [order(2, 0, 1, status="shipped")])
    shop.dbt("run", "--select", *ORDERS)
    assert dates(shop) == {1: 0, 2: 0}


def test_an_order_whose_newest_version_was_lost_is_again_what_it_was_before(shop: Any) -> None:
    shop.land("orders", day(1), [order(3, 1)])
    shop.dbt("run", "--select", *ORDERS)
    assert shop.execute("select status from marts.orders where order_id = 2") == [("pending",)]


def test_an_order_whose_corrected_line_was_lost_adds_up_its_old_line(shop: Any) -> None:
    shop.land("order_items", day(1), [line(3, 1)])
    shop.dbt("run", "--select", *ORDERS)
    assert shop.execute("select quantity from marts.orders where order_id = 2") == [(1,)]


def test_a_batch_that_landed_again_empty_takes_its_rows_with_it(shop: Any) -> None:
    shop.land("orders", day(1), [])
    shop.dbt("run", "--select", *ORDERS)
    assert dates(shop) == {1: 0, 2: 0}
    assert shop.execute("select status from marts.orders where order_id = 2") == [("pending",)]


def test_a_correction_moves_an_order_to_another_date_and_back_when_it_is_lost(shop: Any) -> None:
    moved = order(1, 0, 9, ordered_at=datetime(2025, 12, 24, 12))
    shop.land("orders", day(9), [moved, order(9, 9)])
    shop.dbt("run", "--select", *ORDERS)
    assert dates(shop) == {1: -8, 2: 0, 3: 1, 9: 9}
    shop.land("orders", day(9), [order(9, 9)])
    shop.dbt("run", "--select", *ORDERS)
    assert dates(shop) == {1: 0, 2: 0, 3: 1, 9: 9}


def test_an_old_version_in_a_late_file_changes_nothing(shop: Any) -> None:
    before = shop.rows("marts.orders")
    shop.land("orders", day(5), [order(2, 0, status="confirmed")])
    shop.dbt("run", "--select", *ORDERS)
    assert shop.rows("marts.orders") == before


def test_a_build_without_new_batches_rewrites_no_row(shop: Any) -> None:
    before = shop.execute("select rowid, * from marts.orders order by all")
    shop.dbt("run", "--select", *ORDERS)
    assert shop.execute("select rowid, * from marts.orders order by all") == before


def test_landing_days_can_be_rebuilt_and_only_their_order_dates_are(shop: Any) -> None:
    shop.land("orders", day(4), [order(4, 4)])
    shop.dbt("run", "--select", *ORDERS)
    shop.execute("update marts.orders set status = 'spoilt'")
    shop.dbt("run", "--select", *ORDERS, "--vars", f"{{rebuild_from: '{day(1)}'}}")
    statuses = shop.execute("select order_id, status from marts.orders order by order_id")
    assert statuses == [(1, "pending"), (2, "shipped"), (3, "pending"), (4, "spoilt")]


def test_an_order_without_a_date_fails_the_build_and_is_not_left_out(shop: Any) -> None:
    shop.land("orders", day(2), [order(4, 2, ordered_at=None)])
    shop.dbt("run", "--select", *ORDERS, good=False)


def test_orders_built_without_their_staging_take_the_batch_up_later(shop: Any) -> None:
    shop.land("orders", day(2), [order(4, 2)])
    shop.dbt("run", "--select", "orders")
    assert dates(shop) == {1: 0, 2: 0, 3: 1}
    shop.land("orders", day(2), [order(5, 2)])
    shop.dbt("run", "--select", "stg_retail__orders")
    shop.land("orders", day(2), [order(6, 2)])
    shop.dbt("run", "--select", "orders")
    assert dates(shop) == {1: 0, 2: 0, 3: 1, 5: 2}
    shop.dbt("run", "--select", *ORDERS)
    assert dates(shop) == {1: 0, 2: 0, 3: 1, 6: 2}


def test_a_batch_that_could_not_be_built_is_taken_up_by_the_next_build(shop: Any) -> None:
    before = shop.rows("marts.orders")
    shop.land("orders", day(2), [order(4, 2), order(5, 2, status=None)])
    shop.land("order_items", day(2), [line(4, 2)])
    shop.dbt("run", "--select", *ORDERS, good=False)
    assert shop.rows("marts.orders") == before
    shop.land("orders", day(2), [order(4, 2)])
    shop.dbt("run", "--select", *ORDERS)
    assert dates(shop) == {1: 0, 2: 0, 3: 1, 4: 2}


class Chance:
    """Batches as a careless source would send them."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.batches: dict[tuple[str, date], Rows] = {}
        self.today = -1

    def step(self) -> list[tuple[str, date, Rows]]:
        """Return the batches that land next: a new day, an old one, or one of them again."""
        kind = self.dice.choice(("new", "new", "late", "again", "less", "same"))
        if kind == "new" or self.today < 5:
            self.today += self.dice.choice((1, 2, 3))
            landed = [("orders", day(self.today)), ("order_items", day(self.today))]
            self.dice.shuffle(landed)
            landed = landed[: self.dice.choice((2, 2, 1))]
        elif kind == "late":
            table = self.dice.choice(("orders", "order_items"))
            landed = [(table, day(self.dice.randint(-3, self.today)))]
        else:
            landed = [self.dice.choice(sorted(self.batches))]
        sent = []
        for table, landed_on in landed:
            rows = self.batches.get((table, landed_on))
            if rows and kind == "less":
                rows = self.dice.sample(rows, self.dice.randint(0, len(rows) - 1))
            elif not rows or kind != "same":
                rows = self._rows(table, (landed_on - FIRST).days)
            self.batches[table, landed_on] = rows
            sent.append((table, landed_on, rows))
        return sent

    def _rows(self, table: str, landed: int) -> Rows:
        dice = self.dice
        rows: dict[tuple[int, int], dict[str, Any]] = {}
        for _ in range(dice.randint(4, 16)):
            # Order n was placed about day n // 2; its versions are made, and move it, later.
            number = max(1, 2 * landed + dice.randint(-12, 2))
            version, moved = dice.randint(0, 4), dice.choice((0, 0, 0, 1, -2))
            if table == "orders":
                row = order(number, number // 2, version, status=dice.choice(STATUSES),
                            discount=f"{dice.randint(0, 3)}.50")  # fmt: skip
                row["ordered_at"] += timedelta(days=moved)
            else:
                row = line(number, number // 2, version, line_number=dice.randint(1, 2))
                row |= {"quantity": dice.randint(1, 5), "unit_price": f"{dice.randint(1, 9)}.99"}
            rows[number, row.get("line_number", 0)] = row
        return list(rows.values())


@pytest.mark.parametrize("seed", range(3))
def test_orders_equal_a_full_refresh_after_any_sequence_of_loads(
    new_warehouse: Callable[[str], Any], seed: int
) -> None:
    chance, built = Chance(seed), new_warehouse("built")
    built.dbt("run", "--select", "+orders")
    expect = {model: built.compiled(model) for model in ORDERS}
    for build in range(10):
        for _ in range(chance.dice.randint(1, 3)):
            for table, landed_on, rows in chance.step():
                built.land(table, landed_on, rows)
        built.dbt("run", "--select", *ORDERS)
        for model, sql in expect.items():
            table = f"marts.{model}" if model == "orders" else f"staging.{model}"
            missing = built.execute(f"({sql}) except all from {table}")
            extra = built.execute(f"from {table} except all ({sql})")
            assert (missing, extra) == ([], []), f"{model}, seed {seed}, build {build}"
    assert built.execute("select count(*) > 10 from marts.orders") == [(True,)]

    # Landed in another order and built at once, from nothing, it is the same.
    fresh = new_warehouse("fresh")
    for (table, landed_on), rows in reversed(list(chance.batches.items())):
        fresh.land(table, landed_on, rows)
    fresh.dbt("run", "--select", "+orders", "--full-refresh")
    assert fresh.rows("marts.orders") == built.rows("marts.orders")
