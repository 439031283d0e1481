"""Chance that repeats: every draw depends on seed, day and purpose only, so days can be added."""

from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Rows = dict[str, npt.NDArray[Any]]


class Stream(IntEnum):
    """What a draw is for; a purpose never disturbs another's draws on the same day."""

    PRODUCTS = 1
    CAMPAIGNS = 2
    ORDER_GAPS = 3
    EVENT_GAPS = 4
    BASE = 5
    LATE_CHANGES = 6
    CHANGES = 7
    ORDERS = 8
    BASKETS = 9
    LIVES = 10
    EVENTS = 11


def dice(seed: int, day: int, stream: Stream) -> np.random.Generator:
    """Return the generator of one purpose on one day."""
    return np.random.default_rng([seed, day, int(stream)])


def spread(rng: np.random.Generator, count: int) -> Floats:
    """Return uniform draws in random order, exactly one in each of `count` equal slices of [0, 1).

    A day's mix then stays near its expectation, so that a shop of 20 orders a day has a steady
    revenue as a large one has.
    """
    draws: Floats = (rng.permutation(count) + rng.random(count)) / max(count, 1)
    return draws


def whole(rng: np.random.Generator, expected: float) -> int:
    """Return a whole number next to `expected`, right on average."""
    return int(np.floor(expected + rng.random()))


def pick(rng: np.random.Generator, shares: tuple[float, ...], count: int) -> Ints:
    """Return `count` indices into `shares`, in proportion to them."""
    return pick_at(spread(rng, count), np.asarray(shares))


def pick_at(uniform: Floats, weights: Floats) -> Ints:
    """Return the index into `weights` that each uniform draw falls on."""
    bounds = np.cumsum(weights)
    found: Ints = np.searchsorted(bounds, uniform * bounds[-1], side="right").astype(np.int64)
    return found.clip(max=len(bounds) - 1)
