"""One day's web events: the visits that ended in an order, and those that did not."""

import numpy as np

from retail.simulate.catalogue import Catalogue
from retail.simulate.customers import Customers
from retail.simulate.draws import Ints, Rows, Stream, dice, pick, spread, whole
from retail.simulate.orders import Placed

TYPES = ("page_view", "add_to_cart", "checkout", "purchase")
DEVICES = ("mobile", "desktop", "tablet")
BROWSING = 0.5  # visits without an order, per order
LATE = 0.02  # of events land 1 to 3 days after they happened
_LAG = (0.70, 0.20, 0.10)
_DEVICE_SHARES = (0.56, 0.36, 0.08)
_RECOGNISED = 0.35  # of visits without an order come from a customer who is logged in
_DAY = 86_400


def visit(seed: int, day: int, placed: Placed, shop: Catalogue, people: Customers) -> Rows:
    """Return the day's events by time, with the day on which each lands."""
    rng = dice(seed, day, Stream.EVENTS)
    bought = _purchases(rng, placed)
    browsed = _browsing(rng, day, placed, shop, people)
    sessions = len(bought["session"]) // 4
    browsed["session"] += sessions
    events = {name: np.concatenate([bought[name], browsed[name]]) for name in bought}
    events["occurred_at"] = events["occurred_at"].clip(day * _DAY, day * _DAY + _DAY - 1)
    device = pick(rng, _DEVICE_SHARES, int(events["session"].max()) + 1)
    events["device"] = device[events["session"]]
    by_time = np.lexsort((events["type"], events["session"], events["occurred_at"]))
    events = {name: column[by_time] for name, column in events.items()}
    count = len(by_time)
    late = np.where(rng.random(count) < LATE, 1 + pick(rng, _LAG, count), 0)
    late[0] = 0  # every day has something to deliver
    product = events.pop("product")
    events["product_id"] = np.where(product < 0, 0, shop.products["product_id"][product])
    events |= {
        "number": np.arange(1, count + 1, dtype=np.int64),
        "day": np.full(count, day, dtype=np.int64),
        "lands": day + late,
    }
    return events


def _purchases(rng: np.random.Generator, placed: Placed) -> Rows:
    """Return view, cart, checkout and purchase of every online order."""
    order = np.flatnonzero(placed.rows["online"])
    first_line = np.flatnonzero(placed.items["line_number"] == 1)[order]
    count = len(order)
    at = placed.rows["ordered_at"][order]
    checkout = rng.integers(20, 240, count)
    cart = checkout + rng.integers(10, 420, count)
    view = cart + rng.integers(8, 600, count)
    product = placed.items["product"][first_line]
    nothing = np.full(count, -1, dtype=np.int64)
    return {
        "session": np.tile(np.arange(count), 4),
        "type": np.repeat(np.arange(4), count),
        "occurred_at": np.concatenate([at - view, at - cart, at - checkout, at]),
        "customer_id": np.tile(placed.rows["customer"][order] + 1, 4),
        "product": np.concatenate([product, product, nothing, nothing]),
        "campaign_id": np.tile(placed.rows["campaign_id"][order], 4),
    }


def _browsing(
    rng: np.random.Generator, day: int, placed: Placed, shop: Catalogue, people: Customers
) -> Rows:
    """Return visits without an order: a look, perhaps another, perhaps a cart left behind."""
    orders = len(placed.rows["order_id"])
    count = max(whole(rng, orders * BROWSING), 1)
    start = placed.rows["ordered_at"][rng.integers(0, orders, count)]
    start = start + rng.integers(-3600, 3600, count)
    sold = shop.on_sale(day)
    looks = sold[rng.integers(0, len(sold), (2, count))]
    home = rng.random(count) < 0.25
    looks[0] = np.where(home, -1, looks[0])
    customer = np.where(
        rng.random(count) < _RECOGNISED, 1 + people.buyers(rng, count, people.appetite(day)), 0
    )
    campaign = _clicks(rng, day, customer, shop, people)
    depth = spread(rng, count)
    gaps = np.cumsum(rng.integers(5, 300, (4, count)), axis=0) - 5
    happens = depth < np.asarray([1.0, 0.55, 0.20, 0.06])[:, None]
    step, session = np.nonzero(happens)
    product = np.stack([looks[0], looks[1], looks[1], np.full(count, -1)])
    return {
        "session": session.astype(np.int64),
        "type": np.asarray([0, 0, 1, 2])[step],
        "occurred_at": (start + gaps)[step, session],
        "customer_id": customer[session],
        "product": product[step, session],
        "campaign_id": campaign[session],
    }


def _clicks(
    rng: np.random.Generator, day: int, customer: Ints, shop: Catalogue, people: Customers
) -> Ints:
    """Return the campaign that brought each visit, 0 for none."""
    campaign = np.zeros(len(customer), dtype=np.int64)
    draw, from_here = rng.random(len(customer)), 0.0
    for run in shop.running(day):
        share = 2 * float(shop.campaigns["lift"][run])
        clicked = (from_here <= draw) & (draw < from_here + share)
        if shop.campaigns["channel"][run] == "email":
            clicked &= (customer > 0) & people["opt_in"][customer - 1]
        campaign[clicked] = shop.campaigns["campaign_id"][run]
        from_here += share
    return campaign
