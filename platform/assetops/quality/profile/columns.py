"""Rules for one column: nulls, numbers and times."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from assetops.model import Severity
from assetops.quality.profile.bounds import (
    FEW_DAYS,
    around,
    round_down,
    round_up,
    shares_around,
    two_digits,
)
from assetops.quality.profile.scan import BOOLEAN, NUMBER, TIME, Field
from assetops.quality.profile.subject import (
    ENOUGH_ROWS,
    Subject,
    counted,
    is_amount,
    number,
    propose,
)
from assetops.quality.suites.reading import Expectation

NOT_NULL = "expect_column_values_to_not_be_null"
SHARE_GIVEN = "expect_column_proportion_of_non_null_values_to_be_between"
BETWEEN = "expect_column_values_to_be_between"
MEAN = "expect_column_mean_to_be_between"
MAX = "expect_column_max_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"

AS_OF = {"$PARAMETER": "as_of"}
DAY_BEFORE = {"$PARAMETER": "as_of_minus_1_day"}


def column_rules(subject: Subject, column: Field) -> Iterator[Expectation]:
    """Yield what the draft expects of one column's nulls, figures and times."""
    yield from _nulls(subject, column)
    if column.pii or not subject.of(column).values:
        return
    if column.family is NUMBER and not subject.identifies(column):
        yield from _figures(subject, column)
    elif column.family is TIME:
        yield from _times(subject, column)
    elif column.family is BOOLEAN:
        yield from _truth(subject, column)


def _nulls(subject: Subject, column: Field) -> Iterator[Expectation]:
    name, rows, values = column.name, subject.rows, subject.of(column).values
    nulls = rows - values
    if name in subject.key:
        subject.left.append(f"{name}: the contract's key is never null and unique in each file")
    elif subject.left_to_dbt("not_null", name):
        pass
    elif nulls == 0:
        reason = f"0 of {number(rows)} rows null."
        yield propose(NOT_NULL, subject.severity(Severity.CRITICAL), reason, column=name)
    elif values == 0:
        subject.left.append(f"{name}: null in all rows, which says nothing of what it may hold")
    else:
        yield from _given(subject, column, nulls)


def _given(subject: Subject, column: Field, nulls: int) -> Iterator[Expectation]:
    """Expect about the share of nulls that there is."""
    days = [(rows, m.values / rows) for rows, m in subject.each_day(column)]
    small = min(rows for rows, _ in days)
    low, high = shares_around([share for _, share in days], small)
    reason = f"{number(nulls)} of {number(subject.rows)} rows null ({nulls / subject.rows:.1%})"
    if len(days) > 1:
        least, most = min(s for _, s in days), max(s for _, s in days)
        reason += f"; given in {least:.0%} to {most:.0%} of a day's rows"
    if low > 0.5 and high > 0.95:
        mostly = round(low, 2)
        yield propose(NOT_NULL, Severity.WARNING, f"{reason}.", column=column.name, mostly=mostly)
    elif low > 0 or high < 1:
        yield propose(
            SHARE_GIVEN,
            Severity.INFO,
            f"{reason}.",
            name=f"{column.name}_share_given",
            column=column.name,
            **({"min_value": low} if low > 0 else {}),
            **({"max_value": high} if high < 1 else {}),
        )


def _figures(subject: Subject, column: Field) -> Iterator[Expectation]:
    name, seen = column.name, subject.of(column)
    if seen.least is None:
        return
    if subject.left_to_dbt("accepted_range", name):
        return
    low, _, high = seen.quantiles
    spread = high - low or abs(high) or 1
    evidence = (
        f"1st to 99th percentile {number(low)} to {number(high)}, "
        f"least {number(seen.least)}, largest {number(seen.greatest)}"
    )
    if seen.least >= 0:
        yield _sign(subject, column)
        top = round_up(seen.greatest + spread)
        reason = f"{evidence}: room for as much again as the figures spread."
        if is_amount(column) and seen.greatest <= 1 and seen.values >= ENOUGH_ROWS:
            top, reason = 1, f"{evidence}: a share of 1."
        yield propose(
            BETWEEN, Severity.WARNING, reason, name=f"{name}_in_range", column=name, max_value=top
        )
    else:
        yield propose(
            BETWEEN,
            Severity.WARNING,
            f"{evidence}: room on either side for as much again as the figures spread.",
            name=f"{name}_in_range",
            column=name,
            min_value=round_down(seen.least - spread),
            max_value=round_up(seen.greatest + spread),
        )
    yield from _mean(subject, column)


def _sign(subject: Subject, column: Field) -> Expectation:
    """Expect what was never negative to stay so, and a count from 1 to stay above 0."""
    seen, name = subject.of(column), column.name
    rows = f"{number(seen.values)} values"
    severity = subject.severity(Severity.CRITICAL, rows=seen.values)
    if column.whole and seen.least >= 1 and seen.values >= ENOUGH_ROWS:
        return propose(
            BETWEEN,
            severity,
            f"At least {number(seen.least)} in all of {rows}.",
            name=f"{name}_at_least_1",
            column=name,
            min_value=1,
        )
    # A price of 3.10 does not promise that nothing is ever free; a thousand prices do.
    if seen.least > 0 and seen.values >= 1000:
        return propose(
            BETWEEN,
            severity,
            f"Above zero in all of {rows}, least {number(seen.least)}.",
            name=f"{name}_positive",
            column=name,
            min_value=0,
            strict_min=True,
        )
    return propose(
        BETWEEN,
        severity,
        f"Never negative in {rows}, least {number(seen.least)}.",
        name=f"{name}_not_negative",
        column=name,
        min_value=0,
    )


def _mean(subject: Subject, column: Field) -> Iterator[Expectation]:
    """Expect about the mean of the days seen, or of the table: it shows a change of unit."""
    seen = subject.of(column)
    days = [m.mean for _, m in subject.each_day(column) if m.mean is not None and m.values >= 5]
    if seen.least < 0 or not days or min(days) <= 0 or not (is_amount(column) or column.whole):
        return
    if subject.scan.days:
        low, high = around(days)
        reason = (
            f"Means of {counted(len(days), 'file')}: {number(min(days))} to {number(max(days))}."
        )
    elif seen.values >= 20:
        low, high = two_digits(days[0] / 2, up=False), two_digits(days[0] * 2, up=True)
        reason = f"The mean is {number(days[0])}: half and double leave room to drift."
    else:
        return
    yield propose(MEAN, Severity.WARNING, reason, column=column.name, min_value=low, max_value=high)


def _truth(subject: Subject, column: Field) -> Iterator[Expectation]:
    """Expect about the share of true that there is."""
    days = [(m.values, m.true / m.values) for _, m in subject.each_day(column) if m.values]
    low, _ = shares_around([share for _, share in days], min(rows for rows, _ in days))
    if low >= 0.1:
        seen = subject.of(column)
        yield propose(
            IN_SET,
            Severity.INFO,
            f"True in {seen.true / seen.values:.0%} of {number(seen.values)} values.",
            name=f"{column.name}_often_true",
            column=column.name,
            value_set=[True],
            mostly=low,
        )


def _times(subject: Subject, column: Field) -> Iterator[Expectation]:
    seen, name = subject.of(column), column.name
    if seen.least is None:
        return
    if subject.batched and subject.scan.day:
        yield from _landing_times(subject, column)
        return
    first = date(max(1900, (seen.least - (seen.greatest - seen.least)).year), 1, 1)
    yield propose(
        BETWEEN,
        Severity.WARNING,
        f"From {seen.least:%Y-%m-%d} to {seen.greatest:%Y-%m-%d}: a date like 1970-01-01 is none.",
        name=f"{name}_not_long_past",
        column=name,
        min_value=str(first),
    )
    if subject.as_of and seen.greatest <= subject.as_of:
        yield _not_in_the_future(subject, column, f"The latest is {seen.greatest:%Y-%m-%d}.")
        yield from _fresh(subject, column)


def _landing_times(subject: Subject, column: Field) -> Iterator[Expectation]:
    """Expect times to be of the day on which their file landed, as far as they have been."""
    name = column.name
    days = [
        (group.day, group.columns[name]) for group in subject.scan.groups if group.day is not None
    ]
    days = [(day, m) for day, m in days if m.values]
    if any(m.greatest > datetime.combine(day, datetime.min.time()) + timedelta(days=1)
           for day, m in days):  # fmt: skip
        subject.left.append(f"{name}: some lie after the day on which their file landed")
        return
    evidence = f"none of {number(subject.of(column).values)} is later than its file's day"
    yield _not_in_the_future(subject, column, f"{evidence.capitalize()}.")
    lags = [(day - m.least.date()).days for day, m in days]
    span = (days[-1][0] - days[0][0]).days
    if max(lags) == 0 or max(lags) < span / 3:
        back = max(2, int(round_up(2 * max(lags) + 1)))
        yield propose(
            BETWEEN,
            Severity.WARNING,
            f"At most {counted(max(lags), 'day')} before the day of its file, in "
            f"{counted(len(days), 'file')}.",
            name=f"{name}_not_long_past",
            column=name,
            min_value={"$PARAMETER": f"as_of - timedelta(days={back})"},
        )
    shares = [m.of_the_day / m.values for _, m in days]
    if len(days) >= FEW_DAYS and min(shares) >= 0.1:
        part = two_digits(min(shares) / 2 if min(shares) < 1 else 0.95, up=False)
        yield propose(
            BETWEEN,
            subject.severity(Severity.CRITICAL),
            f"{min(shares):.0%} or more of a file's rows are of its day, in {len(days)} files: "
            "with fewer than half of that, it is another day's file.",
            name=f"{name}_mostly_of_the_day",
            column=name,
            min_value=DAY_BEFORE,
            mostly=part,
        )


def _not_in_the_future(subject: Subject, column: Field, reason: str) -> Expectation:
    return propose(
        BETWEEN,
        subject.severity(Severity.CRITICAL),
        reason,
        name=f"{column.name}_not_in_the_future",
        column=column.name,
        max_value=AS_OF,
    )


def _fresh(subject: Subject, column: Field) -> Iterator[Expectation]:
    """Expect a table's newest time to stay as near to the present as it is."""
    assert subject.as_of is not None  # the caller has asked
    age = (subject.as_of - subject.of(column).greatest).days
    promised = subject.dataset.contract.fresh_within
    if age > 3:
        return
    if promised:
        note = f"freshness: the contract's fresh_within ({promised}) is watched by Dagster"
        if note not in subject.left:
            subject.left.append(note)
        return
    yield propose(
        MAX,
        Severity.WARNING,
        f"The newest is {age} days old at the time of the data: more than {2 * age + 2} is stale.",
        name=f"{column.name}_fresh",
        column=column.name,
        min_value={"$PARAMETER": f"as_of - timedelta(days={2 * age + 2})"},
    )
