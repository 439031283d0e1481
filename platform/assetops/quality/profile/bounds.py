"""Bounds that a person would choose: round, and as far off as what was seen varies."""

import math
from collections.abc import Sequence
from statistics import median, pstdev, quantiles

# Fewer days than these say little about the next ones.
FEW_DAYS = 7
_STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


def round_up(value: float) -> float | int:
    """Return the next round number that is no less: 640 becomes 800."""
    return -round_down(-value) if value < 0 else _tidy(_rounded(value, up=True))


def round_down(value: float) -> float | int:
    """Return the next round number that is no greater: 640 becomes 600."""
    return -round_up(-value) if value < 0 else _tidy(_rounded(value, up=False))


def two_digits(value: float, *, up: bool) -> float | int:
    """Return a positive value rounded outward to two digits: 0.4567 becomes 0.45, or 0.46."""
    if value <= 0:
        return 0
    size = 10 ** (math.floor(math.log10(value)) - 1)
    steps = value / size
    # A hair's breadth off a round number is that number.
    whole = math.ceil(steps - 1e-9) if up else math.floor(steps + 1e-9)
    return _tidy(whole * size)


def around(seen: Sequence[float]) -> tuple[float | int, float | int]:
    """Return where positive figures of coming days may lie, from those of the days seen.

    Factors, as volumes and sums grow by factors: a sixth below the least and half above the
    greatest, more where days differ a lot; after few days, a third and three times.
    """
    least, greatest = min(seen), max(seen)
    if len(seen) < FEW_DAYS:
        return two_digits(least / 3, up=False), two_digits(greatest * 3, up=True)
    # Of the usual days: one that brought a first load says nothing about the others.
    tenths = quantiles(seen, n=10)
    spread = (tenths[-1] - tenths[0]) / (2 * median(seen)) if median(seen) else 1.0
    slack = max(1.2, 1 + spread)
    return two_digits(least / slack, up=False), two_digits(greatest * max(1.5, slack), up=True)


def shares_around(seen: Sequence[float], rows: float) -> tuple[float, float]:
    """Return where a share of rows may lie on coming days, to two decimals.

    Args:
        seen: The share on each day.
        rows: How many rows a small day has: few rows vary by chance alone.
    """
    centre = sum(seen) / len(seen)
    chance = 4 * math.sqrt(max(centre * (1 - centre), 0.0) / max(rows, 1))
    between = 3 * pstdev(seen) if len(seen) >= FEW_DAYS else 0.15
    slack = max(0.03, chance, between)
    low, high = min(*seen, centre - slack), max(*seen, centre + slack)
    return max(0.0, math.floor(100 * low - 1) / 100), min(1.0, math.ceil(100 * high + 1) / 100)


def _rounded(value: float, *, up: bool) -> float:
    if value == 0:
        return 0.0
    size = 10.0 ** math.floor(math.log10(value))
    leading = value / size
    if up:
        return next(step for step in (*_STEPS, 10.0) if step >= leading - 1e-9) * size
    return max(step for step in _STEPS if step <= leading + 1e-9) * size


def _tidy(value: float) -> float | int:
    """Return a whole number as an int, and no 0.30000000000000004."""
    value = float(f"{value:.6g}")
    return int(value) if value.is_integer() and abs(value) < 1e15 else value
