"""The shop's days, one after the other: what happened, what had landed by then, what is missing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from retail.simulate import tables
from retail.simulate.catalogue import draw_catalogue
from retail.simulate.customers import Customers
from retail.simulate.demand import demand
from retail.simulate.draws import Rows, Stream, dice
from retail.simulate.events import visit
from retail.simulate.landing import as_csv, as_jsonl, as_parquet, publish
from retail.simulate.lives import live
from retail.simulate.orders import place
from retail.simulate.plan import Plan

SOURCES = ("customers", "products", "stores", "campaigns", "orders", "order_items", "web_events")
_EPOCH = date(1970, 1, 1)
_LATE_CHANGES = 0.03  # of customers' changes land a day late
# A source is silent once in so many days, on a random one of them.
_SILENT_ONCE_IN = {Stream.ORDER_GAPS: 80, Stream.EVENT_GAPS: 60}
_NEVER_SILENT_BEFORE = 10
_WRITERS = {".csv": as_csv, ".jsonl": as_jsonl, ".parquet": as_parquet}


@dataclass
class Report:
    """What was written: files and rows by source, and the days on which a source was silent."""

    files: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SOURCES, 0))
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SOURCES, 0))
    silent: list[str] = field(default_factory=list)


class Post:
    """Rows on their way: each waits for the day on which it lands."""

    def __init__(self) -> None:
        """Start empty."""
        self._waiting: dict[int, list[Rows]] = {}

    def send(self, rows: Rows) -> None:
        """Take rows, whose column `lands` says when they arrive."""
        lands = rows["lands"]
        for day in np.unique(lands):
            here = np.flatnonzero(lands == day)
            self._waiting.setdefault(int(day), []).append(
                {name: column[here] for name, column in rows.items() if name != "lands"}
            )

    def hold(self, day: int) -> None:
        """Keep what would land on `day` until the day after."""
        self._waiting.setdefault(day + 1, [])[:0] = self._waiting.pop(day, [])

    def deliver(self, day: int) -> Rows:
        """Return what lands on `day`, in the order it was sent."""
        parcels = self._waiting.pop(day)
        return {name: np.concatenate([rows[name] for rows in parcels]) for name in parcels[0]}


class Shop:
    """The shop on its current day; `trade` moves it one day on."""

    def __init__(self, plan: Plan) -> None:
        """Open the books on the plan's first day."""
        self.plan = plan
        self.first = (plan.start - _EPOCH).days
        self.catalogue = draw_catalogue(plan.seed, self.first, plan.orders_per_day)
        self.people = Customers(plan.seed)
        self.next_order = 1
        self.records, self.orders, self.items, self.events = Post(), Post(), Post(), Post()
        base = self.people.base(plan.orders_per_day, self.first)
        self.records.send(base | {"lands": np.full(self.people.size, self.first)})

    def snapshots(self) -> dict[str, pa.Table]:
        """Return the files that are always delivered whole."""
        return {
            "products.csv": tables.products(self.catalogue),
            "stores.csv": tables.stores(self.catalogue),
            "campaigns.csv": tables.campaigns(self.catalogue),
        }

    def trade(self, index: int) -> dict[str, pa.Table | None]:
        """Return the files that land on a day (counted from 0); None is a silent source."""
        day, when = self.first + index, self.plan.start + timedelta(days=index)
        self._happen(day, self.plan.orders_per_day * demand(when, self.plan.start))
        files: dict[str, pa.Table | None] = {
            f"customers/{when}.csv": tables.customers(
                _ordered(self.records.deliver(day), "changed_at", "customer_id")
            )
        }
        last = index == self.plan.days - 1
        if not last and _silent(self.plan.seed, index, Stream.ORDER_GAPS):
            self.orders.hold(day)
            self.items.hold(day)
            files |= {f"orders/{when}.csv": None, f"order_items/{when}.parquet": None}
        else:
            items = _newest(self.items.deliver(day), "order_id", "line_number")
            files |= {
                # Items first: a reader that looks in between never sees an order without them.
                f"order_items/{when}.parquet": tables.order_items(items),
                f"orders/{when}.csv": tables.orders(_newest(self.orders.deliver(day), "order_id")),
            }
        if not last and _silent(self.plan.seed, index, Stream.EVENT_GAPS):
            self.events.hold(day)
            files[f"web_events/{when}.jsonl"] = None
        else:
            events = self.events.deliver(day)
            files[f"web_events/{when}.jsonl"] = tables.web_events(events)
        return files

    def _happen(self, day: int, expected: float) -> None:
        seed, people = self.plan.seed, self.people
        known = people.size
        changes = people.change(day, known)
        placed = place(seed=seed, day=day, expected=expected, first_id=self.next_order,
                       shop=self.catalogue, people=people)  # fmt: skip
        self.next_order += len(placed.rows["order_id"])
        joined_at = people["joined_at"][placed.joined]
        created = people.records(placed.joined, joined_at, "created")
        late = dice(seed, day, Stream.LATE_CHANGES).random(len(changes["change"])) < _LATE_CHANGES
        self.records.send(changes | {"lands": day + late})
        self.records.send(created | {"lands": np.full(len(joined_at), day)})
        lives = live(seed, day, placed, self.catalogue)
        self.orders.send(lives.orders)
        self.items.send(lives.items)
        self.events.send(visit(seed, day, placed, self.catalogue, people))


def simulate(plan: Plan, out: Path, each_day: Callable[[], None]) -> Report:
    """Write the landing files of a plan under `out`, calling `each_day` after every day.

    A longer plan writes the same files for the days it shares with a shorter one. One exception: a
    source that is silent on a day still delivers when that day is the shorter plan's last.
    """
    shop, report = Shop(plan), Report()
    for path, table in shop.snapshots().items():
        _write(out, path, table, report)
    for index in range(plan.days):
        for path, table in shop.trade(index).items():
            if table is None:
                (out / path).unlink(missing_ok=True)  # a shorter plan may have left it
                report.silent.append(path)
            else:
                _write(out, path, table, report)
        each_day()
    return report


def _write(out: Path, path: str, table: pa.Table, report: Report) -> None:
    publish(out / path, _WRITERS[Path(path).suffix](table))
    source = path.split("/")[0].removesuffix(".csv")
    report.files[source] += 1
    report.rows[source] += table.num_rows


def _silent(seed: int, index: int, stream: Stream) -> bool:
    """Return whether a source is silent on a day.

    Days that often are a plan's last (5, 10, 90, 365; 91 after 90) are spared, so that such plans
    can grow without a file that appears and goes again.
    """
    span = _SILENT_ONCE_IN[stream]
    rng = dice(seed, index // span, stream)
    days = np.arange(span) + index // span * span
    days = days[(days >= _NEVER_SILENT_BEFORE) & ((days + 1) % 5 > 1)]
    return bool(rng.choice(days) == index)


def _ordered(rows: Rows, *columns: str) -> Rows:
    order = np.lexsort([rows[column] for column in reversed(columns)])
    return {name: column[order] for name, column in rows.items()}


def _newest(rows: Rows, *key: str) -> Rows:
    """Return the rows by key, of each key only the newest version."""
    rows = _ordered(rows, *key, "updated_at")
    count = len(rows["updated_at"])
    last = np.ones(count, dtype=np.bool_)
    last[:-1] = np.any([rows[name][1:] != rows[name][:-1] for name in key], axis=0)
    return {name: column[last] for name, column in rows.items()}
