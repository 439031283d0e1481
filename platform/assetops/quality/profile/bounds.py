"""Bounds that a person would choose: round, and as far off as what was seen varies."""

import math
from collections.abc import Sequence
from statistics import median, pstdev, quantiles

# Fewer days than these say little about the next ones.
FEW_DAYS = 7
# So often each weekday has to be seen, and so much busier must one be than another.
_WEEKS = 6
_BUSIER = 1.15
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
    low, high = _room(seen)
    return two_digits(low, up=False), two_digits(high, up=True)


def by_weekday(days: Sequence[tuple[int, float]]) -> dict[int, tuple[float | int, float | int]]:
    """Return where figures of coming days may lie, for each weekday; nothing if it tells little.

    Each weekday has its usual share of a usual day. What is left when figures are divided by it is
    what varies; if that is not clearly less than before, weekdays are no reason to be strict.

    Args:
        days: The weekday, 0 for Monday, and the figure of each day seen.
    """
    of = {day: [figure for other, figure in days if other == day] for day in range(FEW_DAYS)}
    if min(map(len, of.values())) < _WEEKS:
        return {}
    usual = median(figure for _, figure in days)
    shares = {day: median(figures) / usual for day, figures in of.items()}
    level = [figure / shares[day] for day, figure in days]
    if max(shares.values()) < _BUSIER * min(shares.values()):
        return {}
    if _spread(level) > 0.8 * _spread([figure for _, figure in days]):
        return {}
    low, high = _room(level)
    return {
        day: (two_digits(low * share, up=False), two_digits(high * share, up=True))
        for day, share in shares.items()
    }


def _room(seen: Sequence[float]) -> tuple[float, float]:
    least, greatest = min(seen), max(seen)
    if len(seen) < FEW_DAYS:
        return least / 3, greatest * 3
    slack = max(1.2, 1 + _spread(seen))
    return least / slack, greatest * max(1.5, slack)


def _spread(seen: Sequence[float]) -> float:
    """Return how far usual days lie from their middle, as a part of it.

    A day that brought a first load says nothing about the others.
    """
    tenths = quantiles(seen, n=10)
    return (tenths[-1] - tenths[0]) / (2 * median(seen)) if median(seen) else 1.0


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
