"""The people: who they are, how often they buy, when they stop, and what they change."""

from typing import Any

import numpy as np
import numpy.typing as npt

from retail.simulate.draws import Bools, Floats, Ints, Rows, Stream, dice, pick, pick_at, whole
from retail.simulate.names import CITIES, FIRST_NAMES, LAST_NAMES, POSTAL_CODES, STREETS

BASE_PER_DAILY_ORDER = 30  # customers the shop already has when its books open
SIGNUPS = 0.03  # who opens an account without buying, per expected order
CHANGES_PER_YEAR = 0.28  # address, e-mail and consent changes per customer
_DAY = 86_400
# Behaviour: frequent, regular, occasional, one-off. Days between orders, mean days until churn.
_GAP = np.asarray([14.0, 35.0, 110.0, 2500.0])
_LIFE = np.asarray([500.0, 320.0, 240.0, 1.0])
_BASE_MIX = (0.10, 0.32, 0.43, 0.15)
_NEW_MIX = (0.06, 0.24, 0.40, 0.30)
_SEGMENT_OF = {"high_value": 0, "medium_value": 1, "low_value": 2}
RECORD = ("first", "last", "email_version", "number", "street", "city", "postal", "opt_in")


class Customers:
    """Everyone the shop knows, as growing columns; a customer's row is their id minus one."""

    def __init__(self, seed: int) -> None:
        """Start with nobody."""
        self.seed = seed
        self.size = 0
        self._columns: dict[str, npt.NDArray[Any]] = {}

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        """Return a writable view of one column of everyone so far."""
        return self._columns[column][: self.size]

    def base(self, orders_per_day: int, first: int) -> Rows:
        """Add those who were customers before the books opened; return their records."""
        rng = dice(self.seed, 0, Stream.BASE)
        count = BASE_PER_DAILY_ORDER * orders_per_day
        since = np.sort(rng.integers(1, 900 * _DAY, count))[::-1]
        rows = self._add(rng, first * _DAY - since, _BASE_MIX)
        # Who is left goes on as long as a new customer would; the dormant left before.
        stay = np.floor(rng.exponential(_LIFE[self["segment"]])).astype(np.int64)
        self["churns_on"][:] = np.where(rng.random(count) < 0.15, first - 1, first + stay)
        return self.records(rows, self["joined_at"][rows], "created")

    def join(self, rng: np.random.Generator, moments: Ints) -> Ints:
        """Add one customer per moment (seconds since 1970); return their rows."""
        return self._add(rng, moments, _NEW_MIX)

    def change(self, day: int, known: int) -> Rows:
        """Let some of the first `known` customers change a detail; return the new records."""
        rng = dice(self.seed, day, Stream.CHANGES)
        count = min(whole(rng, known * CHANGES_PER_YEAR / 365), known)
        rows = np.sort(rng.choice(known, count, replace=False)).astype(np.int64)
        what = pick(rng, (0.35, 0.20, 0.45), count)
        moved, mailed, decided = (rows[what == kind] for kind in range(3))
        for column, values in self._addresses(rng, len(moved)).items():
            self[column][moved] = values
        self["email_version"][mailed] += 1
        self["opt_in"][decided] ^= True
        return self.records(rows, day * _DAY + rng.integers(0, _DAY, count), "updated")

    def records(self, rows: Ints, moments: Ints, change: str) -> Rows:
        """Return change records: the customers' details as they are now, dated `moments`."""
        return {
            "customer_id": rows + 1,
            "changed_at": moments,
            "change": np.full(len(rows), change),
            **{column: self[column][rows] for column in RECORD},
        }

    def buyers(self, rng: np.random.Generator, count: int, weights: Floats) -> Ints:
        """Return who places `count` orders, in proportion to `weights`."""
        return pick_at(rng.random(count), weights)

    def appetite(self, day: int) -> Floats:
        """Return how likely each customer is to buy on a day, relative to the others."""
        return np.where(self["churns_on"] > day, self["rate"], 0.0)

    def reached(self, day: int, appetite: Floats, *, target: str, channel: str) -> Floats:
        """Return `appetite` narrowed to those whom a campaign reaches."""
        reach: Bools = self["opt_in"] if channel == "email" else np.ones(self.size, dtype=np.bool_)
        weights = appetite
        if target == "churned":
            weights = np.where(self["churns_on"] <= day, 1.0, 0.0)
        elif target in _SEGMENT_OF:
            reach = reach & (self["segment"] == _SEGMENT_OF[target])
        return weights * reach

    def _add(self, rng: np.random.Generator, moments: Ints, mix: tuple[float, ...]) -> Ints:
        count = len(moments)
        segment = pick(rng, mix, count)
        stays = np.floor(rng.exponential(_LIFE[segment])).astype(np.int64)
        added: Rows = {
            "segment": segment,
            "joined_at": moments,
            "rate": np.exp(rng.normal(0.0, 0.3, count)) / _GAP[segment],
            "churns_on": moments // _DAY + 1 + stays,
            "first": rng.integers(0, len(FIRST_NAMES), count),
            "last": rng.integers(0, len(LAST_NAMES), count),
            "email_version": np.zeros(count, dtype=np.int64),
            "opt_in": rng.random(count) < 0.62,
            **self._addresses(rng, count),
        }
        self._grow(self.size + count, added)
        rows = np.arange(self.size, self.size + count, dtype=np.int64)
        self.size += count
        for column, values in added.items():
            self._columns[column][rows] = values
        return rows

    def _addresses(self, rng: np.random.Generator, count: int) -> Rows:
        return {
            "number": rng.integers(1, 4000, count),
            "street": rng.integers(0, len(STREETS), count),
            "city": pick(rng, tuple(city.share for city in CITIES), count),
            "postal": rng.integers(0, POSTAL_CODES, count),
        }

    def _grow(self, size: int, like: Rows) -> None:
        if self._columns and size <= len(self._columns["rate"]):
            return
        for column, values in like.items():
            larger = np.zeros(2 * size, dtype=values.dtype)
            if self.size:
                larger[: self.size] = self[column]
            self._columns[column] = larger
