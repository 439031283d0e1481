"""One day's orders as they are placed: who buys what, where, and brought by which campaign."""

from dataclasses import dataclass

import numpy as np

from retail.simulate.catalogue import Catalogue
from retail.simulate.customers import SIGNUPS, Customers
from retail.simulate.draws import (
    Ints,
    Rows,
    Stream,
    dice,
    pick,
    pick_at,
    spread,
    whole,
)

NEW_CUSTOMERS = 0.12  # of orders
_NOISE = 0.03
_DAY, _HOUR = 86_400, 3_600
# The share of a day's orders by UTC hour: a Canadian shop's night is 05:00 to 11:00.
_HOURS = np.asarray([
    6, 6, 5, 4, 2.5, 1.2, 0.7, 0.5, 0.4, 0.5, 0.8, 1.8,
    3, 4, 5, 6, 6.5, 6.5, 6, 5.5, 5.5, 6, 7, 7.1,
])  # fmt: skip
_QUANTITIES = (0.78, 0.15, 0.05, 0.02)
# Lines per order (1 to 6) and taste for dear products (below 1 is dearer), by behaviour.
_LINES = np.asarray([2.6, 2.1, 1.8, 1.6])
_TASTE = np.asarray([0.72, 0.92, 1.08, 1.2])


@dataclass(frozen=True)
class Placed:
    """The day's orders as columns, in the order they were placed."""

    rows: Rows  # order_id, customer (row), store_id, campaign_id (0 is none), ordered_at, online
    items: Rows  # order (row), order_id, line_number, product (row), quantity, unit_price
    joined: Ints  # rows of the day's new customers


def place(
    *, seed: int, day: int, expected: float, first_id: int, shop: Catalogue, people: Customers
) -> Placed:
    """Return the orders of a day that should bring `expected` of them; new customers join."""
    rng = dice(seed, day, Stream.ORDERS)
    expected *= float(np.exp(rng.normal(0.0, _NOISE)))
    running = shop.running(day)
    counts = [whole(rng, expected * lift) for lift in shop.campaigns["lift"][running]]
    counts.insert(0, max(whole(rng, expected), 1))
    campaign = np.repeat(np.concatenate([[-1], running]), counts).astype(np.int64)
    count = len(campaign)
    ordered_at = day * _DAY + rng.permutation(_moments(rng, count))
    signups = max(whole(rng, expected * SIGNUPS), 1)
    visits = day * _DAY + rng.integers(0, _DAY, signups)
    customer, joined = _customers(
        rng, day, campaign, ordered_at=ordered_at, visits=visits, shop=shop, people=people
    )
    by_time = np.argsort(ordered_at, kind="stable")
    store = pick(rng, tuple(shop.stores["share"]), count)
    campaign = campaign[by_time]
    rows: Rows = {
        "order_id": first_id + np.arange(count, dtype=np.int64),
        "customer": customer[by_time],
        "store_id": store + 1,
        "campaign_id": np.where(campaign < 0, 0, shop.campaigns["campaign_id"][campaign]),
        "ordered_at": ordered_at[by_time],
        "online": shop.stores["channel"][store] == "online",
    }
    return Placed(rows, _baskets(seed, day, rows, shop, people), joined)


def _moments(rng: np.random.Generator, count: int) -> Ints:
    """Return the seconds of the day at which orders come."""
    bounds = np.concatenate([[0.0], np.cumsum(_HOURS) / _HOURS.sum()])
    seconds = np.interp(spread(rng, count), bounds, np.arange(25) * _HOUR)
    return np.minimum(seconds.astype(np.int64), _DAY - 1)


def _customers(
    rng: np.random.Generator,
    day: int,
    campaign: Ints,
    *,
    ordered_at: Ints,
    visits: Ints,
    shop: Catalogue,
    people: Customers,
) -> tuple[Ints, Ints]:
    """Return the customer of each order, and the rows of those who joined today.

    An order whose campaign reaches nobody loses its campaign.
    """
    appetite = people.appetite(day)
    customer = np.full(len(campaign), -1, dtype=np.int64)
    organic = np.flatnonzero(campaign < 0)
    known = organic[whole(rng, len(organic) * NEW_CUSTOMERS) :]
    customer[known] = people.buyers(rng, len(known), appetite)
    for run in np.unique(campaign[campaign >= 0]):
        target, channel = shop.campaigns["target_segment"][run], shop.campaigns["channel"][run]
        if target == "new":
            continue
        weights = people.reached(day, appetite, target=target, channel=channel)
        chosen = np.flatnonzero(campaign == run)
        if weights.any():
            customer[chosen] = people.buyers(rng, len(chosen), weights)
        else:
            campaign[chosen] = -1
            customer[chosen] = people.buyers(rng, len(chosen), appetite)
    new = np.flatnonzero(customer < 0)
    joined_at = np.maximum(ordered_at[new] - rng.integers(20, 900, len(new)), day * _DAY)
    joined = people.join(rng, np.concatenate([joined_at, visits]))
    customer[new] = joined[: len(new)]
    return customer, joined


def _baskets(seed: int, day: int, rows: Rows, shop: Catalogue, people: Customers) -> Rows:
    rng = dice(seed, day, Stream.BASKETS)
    count = len(rows["order_id"])
    behaviour = people["segment"][rows["customer"]]
    # 1 to 6 lines: geometric with the behaviour's mean.
    stop = np.log1p(-1.0 / _LINES[behaviour])
    lines = np.minimum(1 + np.floor(np.log1p(-spread(rng, count)) / stop), 6).astype(np.int64)
    order = np.repeat(np.arange(count), lines)
    number = np.arange(len(order)) - np.repeat(np.cumsum(lines) - lines, lines)
    sold = shop.on_sale(day)
    wish = spread(rng, len(order)) ** _TASTE[behaviour[order]]
    place_in_range = pick_at(wish, shop.popularity[sold])
    place_in_range = _without_repeats(place_in_range, order, number, len(sold))
    product = sold[place_in_range]
    price = shop.products["unit_price"][product]
    reduced = np.where(rng.random(len(order)) < 0.08, rng.choice([80, 85, 90], len(order)), 100)
    return {
        "order": order,
        "order_id": rows["order_id"][order],
        "line_number": number + 1,
        "product": product,
        "quantity": pick(rng, _QUANTITIES, len(order)) + 1,
        "unit_price": np.maximum((price * reduced + 50) // 100, 1),
    }


def _without_repeats(product: Ints, order: Ints, number: Ints, products: int) -> Ints:
    """Return the products with those that an order already holds moved to the next one."""
    product = product.copy()
    for line in range(1, int(number.max()) + 1):
        here = np.flatnonzero(number == line)
        for _ in range(line):  # each move may meet another earlier line
            for earlier in range(1, line + 1):
                same = product[here] == product[here - earlier]
                product[here[same]] = (product[here[same]] + 1) % products
    return product
