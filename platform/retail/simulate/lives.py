"""What becomes of a day's orders: status by status, cancelled, corrected, landing late."""

from dataclasses import dataclass

import numpy as np

from retail.simulate.catalogue import Catalogue
from retail.simulate.draws import Bools, Ints, Rows, Stream, dice, pick, pick_at, spread
from retail.simulate.orders import Placed

STATUSES = ("pending", "confirmed", "shipped", "delivered", "cancelled")
CANCELLED = 0.042
CORRECTED = 0.025
LATE = 0.03  # of orders land with all their items 1 to 3 days after their day
LATE_UPDATE = 0.01  # of shipping notes land a day late, sometimes after the delivery note
_LAG = (0.70, 0.20, 0.10)
_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60
_DEAR = 2.5  # times the mean
_CANCEL_FROM, _CANCEL_DAYS = _HOUR // 2, 4.5
_RATES = (0, 5, 10, 15, 20)  # discount in percent of the goods
_RATE_SHARES = (0.82, 0.06, 0.07, 0.04, 0.01)
_CAMPAIGN_RATE_SHARES = (0.45, 0.15, 0.25, 0.10, 0.05)


@dataclass(frozen=True)
class Lives:
    """Every version of the day's orders and items, with the day on which it lands."""

    orders: Rows
    items: Rows


def live(seed: int, day: int, placed: Placed, shop: Catalogue) -> Lives:
    """Return what happens to the day's orders: status by status, corrections, late landings."""
    rng = dice(seed, day, Stream.LIVES)
    rows, items = placed.rows, placed.items
    count = len(rows["order_id"])
    lands = day + _lag(rng, LATE, count)
    lands[0] = day  # every day has something to deliver
    moments = _milestones(rng, rows)
    percent = _percent(rng, rows["campaign_id"] > 0)
    before = _money(items, items["quantity"], percent)
    # Very dear orders stand: in a small shop the loss of one would be a jump in the day's revenue.
    cancelled = (spread(rng, count) < CANCELLED) & (before[1] < _DEAR * before[1].mean())
    corrected = (spread(rng, count) < CORRECTED) & ~cancelled
    happens = np.ones((6, count), dtype=np.bool_)
    happens[:4] = ~cancelled | (moments[:4] < moments[4])
    happens[4], happens[5] = cancelled, corrected
    changed = _corrections(rng, items, corrected)
    after = _money(items, changed, percent)
    status = np.tile(np.arange(6)[:, None], (1, count))
    status[5] = (moments[:4] <= moments[5]).sum(axis=0) - 1
    seen = corrected & (moments >= moments[5])
    arrives = np.maximum(moments // _DAY, lands)
    arrives[2] += (rng.random(count) < LATE_UPDATE) & ~corrected
    step, order = np.nonzero(happens)
    versions: Rows = {name: column[order] for name, column in rows.items() if name != "online"}
    versions |= {
        "status": status[step, order],
        "discount": np.where(seen, after[0], before[0])[step, order],
        "order_total": np.where(seen, after[1], before[1])[step, order],
        "updated_at": moments[step, order],
        "lands": arrives[step, order],
    }
    lines = _item_versions(items, changed, rows["ordered_at"], moments[5], lands, arrives[5])
    lines["product_id"] = shop.products["product_id"][lines.pop("product")]
    return Lives(versions, lines)


def _lag(rng: np.random.Generator, share: float, count: int) -> Ints:
    return np.where(spread(rng, count) < share, 1 + pick(rng, _LAG, count), 0)


def _milestones(rng: np.random.Generator, rows: Rows) -> Ints:
    """Return when each step comes: the four statuses, a cancellation, a correction."""
    count = len(rows["ordered_at"])
    ordered = rows["ordered_at"]
    online: Bools = rows["online"]
    checked = np.exp(rng.normal(np.log(_HOUR), 1.1, count)).clip(_MINUTE, 20 * _HOUR)
    packed = rng.uniform(5 * _HOUR, 58 * _HOUR, count)
    carried = rng.uniform(18 * _HOUR, 130 * _HOUR, count)
    steps = np.stack([
        np.zeros(count),
        np.where(online, checked, _MINUTE),
        np.where(online, checked + packed, 3 * _MINUTE),
        np.where(online, checked + packed + carried, 5 * _MINUTE),
        _CANCEL_FROM + rng.random(count) * _CANCEL_DAYS * _DAY,
        rng.uniform(0.6 * _DAY, 6 * _DAY, count),
    ]).astype(np.int64)  # fmt: skip
    # Statuses on even seconds after the order, corrections on odd ones: no two versions tie.
    steps -= steps % 2
    steps[5] += 1
    return ordered + steps


def _percent(rng: np.random.Generator, attributed: Bools) -> Ints:
    draw = spread(rng, len(attributed))
    usual = pick_at(draw, np.asarray(_RATE_SHARES))
    promoted = pick_at(draw, np.asarray(_CAMPAIGN_RATE_SHARES))
    return np.asarray(_RATES)[np.where(attributed, promoted, usual)]


def _corrections(rng: np.random.Generator, items: Rows, corrected: Bools) -> Ints:
    """Return the quantities once one line of every corrected order has changed."""
    quantity = items["quantity"].copy()
    lines = np.bincount(items["order"], minlength=len(corrected))
    first = np.cumsum(lines) - lines
    line = (first + np.floor(rng.random(len(lines)) * lines).astype(np.int64))[corrected]
    more = rng.random(len(line)) < 0.4
    quantity[line] += np.where(more | (quantity[line] == 1), 1, -1)
    return quantity


def _money(items: Rows, quantity: Ints, percent: Ints) -> tuple[Ints, Ints]:
    """Return each order's discount and total in cents."""
    goods = np.bincount(items["order"], quantity * items["unit_price"]).astype(np.int64)
    discount = goods * percent // 100
    return discount, goods - discount


def _item_versions(
    items: Rows, changed: Ints, ordered_at: Ints, corrected_at: Ints, lands: Ints, relands: Ints
) -> Rows:
    """Return every line as it was ordered, then the corrected lines as they became."""
    redone = np.flatnonzero(changed != items["quantity"])
    line = np.concatenate([np.arange(len(changed)), redone])
    order = items["order"]
    return {
        **{name: items[name][line] for name in ("order_id", "line_number", "product")},
        "quantity": np.concatenate([items["quantity"], changed[redone]]),
        "unit_price": items["unit_price"][line],
        "updated_at": np.concatenate([ordered_at[order], corrected_at[order[redone]]]),
        "lands": np.concatenate([lands[order], relands[order[redone]]]),
    }
