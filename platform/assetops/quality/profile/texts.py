"""Rules for texts: few values, or a shape."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from assetops.model import Severity
from assetops.quality.profile.bounds import FEW_DAYS, round_up, shares_around
from assetops.quality.profile.patterns import PATTERNS, Pattern, of_prefix
from assetops.quality.profile.scan import TEXT, Field, Group
from assetops.quality.profile.subject import Subject, number, propose
from assetops.quality.suites.reading import Expectation

IN_SET = "expect_column_values_to_be_in_set"
CONTAIN = "expect_column_distinct_values_to_contain_set"
REGEX = "expect_column_values_to_match_regex"
LENGTH = "expect_column_value_lengths_to_equal"
LENGTHS = "expect_column_value_lengths_to_be_between"

FEW_VALUES = 30
_SURE_VALUES = 10
_LONGEST_VALUE = 60


def has_few_values(subject: Subject, column: Field) -> bool:
    """Whether a text is one of few words, each seen often, and not an id or free text."""
    seen = subject.of(column)
    return (
        column.family is TEXT
        and not column.pii
        and not subject.identifies(column)
        # The count is a sketch's, which is a few percent off.
        and 0 < seen.distinct <= 1.1 * FEW_VALUES
        and seen.values >= 10 * seen.distinct
        and seen.longest <= _LONGEST_VALUE
    )


def patterns_of(subject: Subject, column: Field) -> list[Pattern]:
    """Return the shapes to try on a text, the most telling first."""
    seen = subject.of(column)
    if column.family is not TEXT or not seen.values or has_few_values(subject, column):
        return []
    if seen.least is None or seen.greatest is None:
        return list(PATTERNS)
    # What fits neither the first nor the last of all texts in order is not worth a look at each.
    ends = (seen.least, seen.greatest)
    known = [p for p in PATTERNS if any(re.fullmatch(p.regex, end) for end in ends)]
    prefixed = of_prefix(*ends)
    return [prefixed, *known] if prefixed else known


def text_rules(subject: Subject, column: Field) -> Iterator[Expectation]:
    """Yield what the draft expects of one text column: its values, or its shape and length."""
    if column.family is not TEXT or not subject.of(column).values:
        return
    if column.name in subject.scan.whole.counts:
        yield from _values(subject, column)
    else:
        yield from _shape(subject, column)


def _values(subject: Subject, column: Field) -> Iterator[Expectation]:
    name, counts = column.name, subject.scan.whole.counts[column.name]
    values = sorted(counts)
    if _still_new_ones(subject.scan.days, name):
        subject.left.append(f"{name}: new values came up to the last days, so that no set holds")
    elif not subject.left_to_dbt("accepted_values", name):
        rarest = min(counts, key=lambda value: counts[value])
        total = sum(counts.values())
        reason = f"{len(values)} values in {number(total)} rows, "
        reason += f"the rarest {number(counts[rarest])} times."
        # One more of many cities, or of what is rarely seen, is no reason to stop.
        sure = counts[rarest] >= 10 and len(values) <= _SURE_VALUES
        severity = subject.severity(Severity.CRITICAL) if sure else Severity.WARNING
        yield propose(IN_SET, severity, reason, column=name, value_set=values)
    yield from _always_there(subject, column, counts)
    yield from _commonest(subject, column, counts)


def _still_new_ones(days: list[Group], name: str) -> bool:
    """Whether values came up for the first time in the later half of the days."""
    if len(days) < FEW_DAYS:
        return False
    half = len(days) // 2
    known = {value for day in days[:half] for value in day.counts[name]}
    return any(set(day.counts[name]) - known for day in days[half:])


def _always_there(
    subject: Subject, column: Field, counts: Mapping[Any, int]
) -> Iterator[Expectation]:
    """Expect the values that no day was without, where chance would not leave one out."""
    days = [group.counts[column.name] for group in subject.scan.groups if group.rows]
    if subject.batched and len(days) < FEW_DAYS:
        return
    often = 5 if days[1:] else 10
    always = sorted(v for v in counts if all(day.get(v, 0) >= often for day in days))
    if always:
        where = f"each of {len(days)} days" if len(days) > 1 else f"{number(subject.rows)} rows"
        yield propose(
            CONTAIN,
            Severity.WARNING,
            f"Each of these came at least {often} times in {where}.",
            column=column.name,
            value_set=always,
        )


def _commonest(subject: Subject, column: Field, counts: Mapping[Any, int]) -> Iterator[Expectation]:
    """Expect the commonest value to stay about as common."""
    if len(counts) < 2:
        return
    commonest = max(sorted(counts), key=lambda value: counts[value])
    days = [group.counts[column.name] for group in subject.scan.groups if group.rows]
    sums = [sum(day.values()) for day in days]
    shares = [day.get(commonest, 0) / n for day, n in zip(days, sums, strict=True) if n]
    low, _ = shares_around(shares, min(filter(None, sums)))
    if low < 0.1:
        return
    span = f"{min(shares):.0%} to {max(shares):.0%} of a day's rows"
    share = f"{counts[commonest] / sum(counts.values()):.0%} of the rows"
    yield propose(
        IN_SET,
        Severity.INFO,
        f"{commonest} is the commonest: {span if len(shares) > 1 else share}.",
        name=f"{column.name}_commonest_value",
        column=column.name,
        value_set=[commonest],
        mostly=low,
    )


def _shape(subject: Subject, column: Field) -> Iterator[Expectation]:
    name, seen = column.name, subject.of(column)
    fitting = list(_fitting(subject, column))
    if fitting:
        pattern, misses = fitting[0]
        if pattern.word == "email" and not column.pii:
            subject.left.append(f"{name}: looks like e-mail addresses; mark it `pii: email`")
        reason = f"{number(seen.values - misses)} of {number(seen.values)} values look like this."
        share = {"mostly": _down(1 - 2 * misses / seen.values)} if misses else {}
        yield propose(
            REGEX,
            Severity.WARNING,
            reason,
            name=f"{name}_{pattern.word}",
            column=name,
            regex=pattern.regex,
            **share,
        )
    if subject.rows < 20:
        return
    if seen.shortest == seen.longest:
        reason = f"All {number(seen.values)} values have this length."
        yield propose(LENGTH, Severity.WARNING, reason, column=name, value=seen.longest)
    elif seen.shortest >= 1:
        most = round_up(seen.longest + (seen.longest - seen.shortest))
        yield propose(
            LENGTHS,
            Severity.INFO,
            f"Lengths from {seen.shortest} to {seen.longest}, in {number(seen.values)} values.",
            column=name,
            min_value=1,
            max_value=most,
        )


def _fitting(subject: Subject, column: Field) -> Iterator[tuple[Pattern, int]]:
    """Yield the shapes that fit, with how many values they miss: all of them, or nearly so."""
    seen = subject.of(column)
    matches = subject.scan.whole.matches.get(column.name, {})
    for allowed in (0, 0.01 * seen.values):
        for pattern in patterns_of(subject, column):
            misses = seen.values - matches.get(pattern.regex, 0)
            if misses <= allowed and (allowed == 0 or _no_day_worse(subject, column, pattern)):
                yield pattern, misses


def _no_day_worse(subject: Subject, column: Field, pattern: Pattern) -> bool:
    """Whether a rule that tolerates what the table has would tolerate each of its days."""
    misses = subject.of(column).values - subject.scan.whole.matches[column.name][pattern.regex]
    mostly = _down(1 - 2 * misses / subject.of(column).values)
    return all(
        group.matches[column.name][pattern.regex] >= mostly * group.columns[column.name].values
        for group in subject.scan.groups
    )


def _down(share: float) -> float:
    return int(share * 1000) / 1000
