"""Rules for a table as a whole: columns, rows, keys, and columns against each other."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from assetops.model import Severity
from assetops.quality.profile.bounds import FEW_DAYS, shares_around
from assetops.quality.profile.scan import BOOLEAN, NUMBER, OTHER, TEXT, TIME, Field
from assetops.quality.profile.subject import Subject, is_amount, number, propose
from assetops.quality.suites.reading import Expectation

COLUMNS = "expect_table_columns_to_match_ordered_list"
TYPE = "expect_column_values_to_be_of_type"
UNIQUE = "expect_column_values_to_be_unique"
UNIQUE_TOGETHER = "expect_compound_columns_to_be_unique"
UNIQUE_SHARE = "expect_column_proportion_of_unique_values_to_be_between"
NOT_LESS = "expect_column_pair_values_a_to_be_greater_than_b"

# So many columns of a kind are compared with each other, and so many keys are tried.
_COMPARED = 6
_KEYS = 4
_ENOUGH_PAIRS = 20


def column_order(
    subject: Subject, fields: Sequence[Field], *, enforced: bool
) -> Iterator[Expectation]:
    """Yield the order of the columns and their types, unless a contract has them."""
    if subject.batched:
        subject.left.append("columns and types: the contract of a landing file has them")
        return
    if subject.unknown:
        subject.left.append(f"the order of columns: {subject.dataset.file} does not have them all")
    else:
        yield propose(
            COLUMNS,
            Severity.CRITICAL,
            f"The {len(fields)} columns of the table, for whoever reads it by position.",
            column_list=[f.name for f in fields],
        )
    if enforced:
        subject.left.append("types: dbt's contract enforces them")
        return
    for f in fields:
        if f.family in (NUMBER, TEXT, TIME, BOOLEAN):
            name = f.type.split("(")[0]
            yield propose(TYPE, Severity.WARNING, f"It is {f.type}.", column=f.name, type_=name)


def key_candidates(subject: Subject, fields: Sequence[Field]) -> list[tuple[str, ...]]:
    """Return the columns, and pairs of them, that may be unique."""
    if subject.key:
        return []
    if any(test.kind == "unique" for test in subject.dataset.tests):
        return []
    rows = subject.rows
    usual = [f for f in fields if f.family in (TEXT, NUMBER) and not is_amount(f)]
    alone = [
        (f.name,)
        for f in usual
        if subject.of(f).values == rows and subject.of(f).distinct >= 0.9 * rows
    ]
    parts = [
        f.name
        for f in fields
        if subject.of(f).values == rows
        and (subject.identifies(f) or (f.family is TIME) or f.name.endswith("number"))
        and f.family is not OTHER
    ]
    pairs = [] if alone else list(combinations(parts[:3], 2))
    return [*alone[:_KEYS], *pairs]


def keys(subject: Subject, fields: Sequence[Field]) -> Iterator[Expectation]:
    """Yield which columns are unique, alone or together."""
    for test in subject.dataset.tests:
        if test.kind == "unique":
            subject.left_to_dbt("unique", test.column)
    unique = [key for key, repeated in subject.scan.repeated.items() if not repeated]
    named = {f.name: f for f in fields}
    # Where an id is unique, that a name is so, too, is chance.
    ids = [key for key in unique if all(subject.identifies(named[c]) for c in key)]
    for key in (ids or unique)[:1] if subject.rows >= _ENOUGH_PAIRS else ():
        reason = f"0 of {number(subject.rows)} rows repeat it"
        reason += " (in the sample)." if subject.sampled else "."
        severity = subject.severity(Severity.CRITICAL)
        if len(key) == 1:
            yield propose(UNIQUE, severity, reason, column=key[0])
        else:
            yield propose(UNIQUE_TOGETHER, severity, reason, column_list=list(key))


def unique_shares(subject: Subject, fields: Sequence[Field]) -> Iterator[Expectation]:
    """Yield how many different things a day's ids stand for, which a repeated default lowers."""
    if not subject.batched or subject.sampled or len(subject.scan.days) < FEW_DAYS:
        return
    for f in fields:
        if not subject.identifies(f) or f.name in subject.key or f.pii:
            continue
        days = [(m.values, m.distinct / m.values) for _, m in subject.each_day(f) if m.values]
        if len(days) < FEW_DAYS or min(rows for rows, _ in days) < 20:
            continue
        shares = [min(1.0, share) for _, share in days]
        low, high = shares_around(shares, min(rows for rows, _ in days))
        # The shares are a sketch's: off by some percent of themselves.
        low, high = round(max(0.0, low * 0.9), 2), round(min(1.0, high * 1.1), 2)
        if low > 0.05:
            yield propose(
                UNIQUE_SHARE,
                Severity.INFO,
                f"{min(shares):.0%} to {max(shares):.0%} of a day's values differ.",
                name=f"{f.name}_share_unique",
                column=f.name,
                min_value=low,
                max_value=high,
            )


def pair_candidates(subject: Subject, fields: Sequence[Field]) -> list[tuple[str, str]]:
    """Return pairs of which the first may never exceed the second: times, and amounts."""
    found: list[tuple[str, str]] = []
    for wanted in (_times(fields), _amounts(subject, fields)):
        for a, b in combinations(wanted[:_COMPARED], 2):
            for low, high in ((a, b), (b, a)):
                if _overlap(subject, low, high):
                    found.append((low.name, high.name))
    return found


def pairs(subject: Subject) -> Iterator[Expectation]:
    """Yield which column never exceeds which, where both are in one range."""
    for (low, high), (both, above) in subject.scan.whole.ordered.items():
        if both < _ENOUGH_PAIRS or above:
            continue
        if any(low in t.description and high in t.description for t in subject.dataset.tests):
            subject.left.append(f"{low} and {high}: a dbt test compares them")
            continue
        yield propose(
            NOT_LESS,
            Severity.WARNING,
            f"In 0 of {number(both)} rows that have both, {low} exceeds {high}.",
            name=f"{high}_not_less_than_{low}",
            column_A=high,
            column_B=low,
            or_equal=True,
            ignore_row_if="either_value_is_missing",
        )


def _times(fields: Sequence[Field]) -> list[Field]:
    # A bare date lies before every time of the same day: only like is compared with like.
    return [f for f in fields if f.family is TIME and not f.pii]


def _amounts(subject: Subject, fields: Sequence[Field]) -> list[Field]:
    return [f for f in fields if is_amount(f) and not f.pii and not subject.identifies(f)]


def _overlap(subject: Subject, low: Field, high: Field) -> bool:
    """Whether the two could be in the wrong order at all: their ranges meet."""
    if low.family is TIME and low.type != high.type:
        return False
    a, b = subject.of(low), subject.of(high)
    if a.least is None or b.least is None:
        return False
    if a.quantiles and b.quantiles:
        return a.quantiles[2] >= b.quantiles[0] and a.quantiles[1] <= b.quantiles[1]
    return bool(a.greatest >= b.least and a.least <= b.least)
