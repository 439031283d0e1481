"""Rules for how many rows a file or table has, by weekday where the days have a weekly pattern."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from assetops.model import Severity
from assetops.quality.profile.bounds import FEW_DAYS, around, by_weekday, two_digits
from assetops.quality.profile.subject import Subject, counted, number, propose
from assetops.quality.suites.parameters import WEEKDAYS
from assetops.quality.suites.reading import Expectation

ROWS = "expect_table_row_count_to_be_between"

# The weekday of each day seen, 0 for Monday, and its rows.
Days = Sequence[tuple[int, int]]


def row_count(subject: Subject, days: Days) -> Iterator[Expectation]:
    """Yield how many rows a file or table may have.

    Args:
        subject: What the draft is for.
        days: Weekday and rows of each partition; one of them where there are none.
    """
    given = [(weekday, rows) for weekday, rows in days if rows]
    counts = [rows for _, rows in given]
    low, high, reason = _usual(subject, given)
    yield propose(
        ROWS,
        Severity.WARNING,
        reason,
        name="row_count_as_usual",
        min_value=low,
        max_value=high,
    )
    if (least := int(two_digits(min(counts) / 5, up=False))) >= 1:
        yield propose(
            ROWS,
            subject.severity(Severity.CRITICAL, rows=sum(counts)),
            f"Never fewer than {number(min(counts))} rows: a fifth of that is a cut-off delivery.",
            name="row_count_not_tiny",
            min_value=least,
        )


def _usual(subject: Subject, days: Days) -> tuple[Any, Any, str]:
    """Return the least and the most rows, as numbers or by weekday, and why."""
    counts = [rows for _, rows in days]
    middle = sorted(counts)[len(counts) // 2]
    if not subject.batched:
        low, high = two_digits(middle * 0.7, up=False), two_digits(middle * 10, up=True)
        reason = f"{number(middle)} rows: a third fewer were lost, ten times as many multiplied."
    elif not subject.daily:
        low, high = two_digits(middle * 0.7, up=False), two_digits(middle * 2, up=True)
        reason = f"{number(middle)} rows, whole on every delivery: a third fewer, or twice as many."
    elif len(counts) < FEW_DAYS:
        low, high = around(counts)
        said = f"{number(min(counts))} to {number(max(counts))}" if counts[1:] else number(middle)
        reason = f"{said} rows in {counted(len(counts), 'file')}: a third or "
        reason += "three times that, as long as no more is known."
    else:
        reason = f"{number(min(counts))} to {number(max(counts))} rows in {len(counts)} files"
        if bounds := by_weekday(days):
            least, most = (_of_the_weekday(bounds, end) for end in (0, 1))
            return least, most, f"{reason}; {_weekdays(days)}."
        low, high = around(counts)
        reason += "."
    return max(1, int(low)), math.ceil(high), reason


def _of_the_weekday(bounds: Mapping[int, tuple[float, float]], end: int) -> dict[str, str]:
    """Return a bound that has each weekday's own figure."""
    figures = [max(1, int(low)) if end == 0 else math.ceil(high) for low, high in bounds.values()]
    terms = [f"{figure} * {day}" for figure, day in zip(figures, WEEKDAYS, strict=True)]
    return {"$PARAMETER": " + ".join(terms)}


def _weekdays(days: Days) -> str:
    """Say which weekdays are the quietest and the busiest."""
    usual = {
        name: median(rows for weekday, rows in days if weekday == number_)
        for number_, name in enumerate(WEEKDAYS)
    }
    quiet, busy = (pick(usual, key=usual.__getitem__) for pick in (min, max))
    return (
        f"{quiet.title()}s are quietest with {number(int(usual[quiet]))}, {busy.title()}s busiest "
        f"with {number(int(usual[busy]))}"
    )
