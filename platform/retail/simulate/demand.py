"""How many orders a day should bring: growth, the week and the year, without sudden jumps."""

import math
from datetime import date

GROWTH_PER_YEAR = 1.20
WEEKDAYS = (0.94, 0.90, 0.93, 1.00, 1.13, 1.24, 0.86)  # Monday first; their mean is 1
_YEAR = 365.25
# (middle as day of the year, width in days, height): the Christmas trade and the quiet after it.
# The widths let both ramp over weeks: a critical check compares with the last eight weeks.
_SEASONS = ((342, 22.0, 0.22), (38, 28.0, -0.10), (200, 40.0, -0.05))


def demand(day: date, start: date) -> float:
    """Return the day's orders as a multiple of an average day at the start."""
    years = (day - start).days / _YEAR
    return float(GROWTH_PER_YEAR**years * WEEKDAYS[day.weekday()] * season(day))


def season(day: date) -> float:
    """Return the yearly factor of a day, between about 0.90 and 1.22."""
    position = day.timetuple().tm_yday
    factor = 1.0
    for middle, width, height in _SEASONS:
        apart = abs(position - middle)
        away = min(apart, _YEAR - apart)
        factor += height * math.exp(-0.5 * (away / width) ** 2)
    return factor
