"""How good a dataset is, in one number: docs/quality/score.md explains it to those who read it."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Any

from assetops.history import CheckOutcome
from assetops.model import CONTRACT_CHECK, Dataset, DbtTest, Severity, Status, Word
from assetops.quality.suites import Suite

# What a check of each severity counts for.
WEIGHTS: Mapping[Severity, int] = {
    Severity.CRITICAL: 5,
    Severity.WARNING: 2,
    Severity.INFO: 1,
}
RUNS = 30
_BARS = "▁▂▃▄▅▆▇█"


class Dimension(StrEnum):
    """What a check is about."""

    COMPLETENESS = "completeness"
    UNIQUENESS = "uniqueness"
    VALIDITY = "validity"
    CONSISTENCY = "consistency"
    TIMELINESS = "timeliness"


class Graded(Word):
    """A check as the score sees it."""

    name: str
    severity: Severity
    dimension: Dimension


class Score(Word):
    """How good a dataset is.

    Coverage is the percentage of its checks that have passed or failed: what errored or never ran
    says nothing about the data.
    """

    score: float | None
    coverage: float | None
    checks: int
    errored: int
    never_ran: int
    dimensions: dict[Dimension, float | None]


def graded_checks(dataset: Dataset, suite: Suite | None) -> list[Graded]:
    """Return the checks that a dataset's score is made of: contract, dbt tests, suite."""
    expectations = suite.expectations if suite else ()
    contract = Graded(name=CONTRACT_CHECK, severity=Severity.CRITICAL, dimension=Dimension.VALIDITY)
    return [
        *([contract] if dataset.contract.ingest else []),
        *(Graded(name=t.name, severity=t.severity, dimension=_tests(t)) for t in dataset.tests),
        *(
            Graded(name=e.name, severity=e.severity, dimension=dimension_of(e.type, e.kwargs))
            for e in expectations
        ),
    ]


def score_of(checks: Sequence[Graded], latest: Mapping[str, Status]) -> Score:
    """Return the score of a dataset by each check's latest status; without checks it has none."""
    judged = [check for check in checks if latest.get(check.name) in _JUDGED]
    errored = sum(latest.get(check.name) is Status.ERRORED for check in checks)
    dimensions = dict.fromkeys(check.dimension for check in checks)
    return Score(
        score=_share(judged, latest),
        coverage=round(100 * len(judged) / len(checks), 1) if checks else None,
        checks=len(checks),
        errored=errored,
        never_ran=len(checks) - len(judged) - errored,
        dimensions={
            dimension: _share([c for c in judged if c.dimension is dimension], latest)
            for dimension in Dimension
            if dimension in dimensions
        },
    )


def trend_of(
    checks: Sequence[Graded], stood: Mapping[str, Status], outcomes: Iterable[CheckOutcome]
) -> list[dict[str, Any]]:
    """Return the score after each run, oldest first; a check keeps its status until it runs again.

    Args:
        checks: What the score is made of, as it is now.
        stood: Each check's status before the first of the outcomes.
        outcomes: What came of the checks since, in order.
    """
    latest = dict(stood)
    trend = []
    for run_id, found in groupby(outcomes, key=lambda outcome: outcome.run_id):
        came = list(found)
        latest |= {outcome.check: outcome.status for outcome in came}
        score = score_of(checks, latest).score
        trend.append({"run": run_id, "at": came[-1].at, "score": score})
    return trend


def sparkline(scores: Iterable[float | None]) -> str:
    """Draw scores as bars, of which only 100 is a full one; a run that had none is a space."""
    return "".join(
        " " if score is None else _BARS[int(score / 100 * (len(_BARS) - 1))] for score in scores
    )


_JUDGED = (Status.PASSED, Status.FAILED)


def _share(judged: Sequence[Graded], latest: Mapping[str, Status]) -> float | None:
    """Return how much of the judged checks' weight has passed, in percent."""
    whole = sum(WEIGHTS[check.severity] for check in judged)
    kept = sum(WEIGHTS[c.severity] for c in judged if latest[c.name] is Status.PASSED)
    # Never rounded up to a hundred: that would say that nothing failed.
    return int(1000 * kept / whole) / 10 if whole else None


def dimension_of(kind: str, kwargs: Mapping[str, Any]) -> Dimension:
    """Return what an expectation is about, by its type and what it was given."""
    if any("as_of" in str(value) for value in kwargs.values() if isinstance(value, Mapping)):
        return Dimension.TIMELINESS
    for dimension, words in _WORDS.items():
        if any(word in kind for word in words):
            return dimension
    return Dimension.VALIDITY


def _tests(test: DbtTest) -> Dimension:
    """Return what a dbt test is about: generic tests are called by what they expect."""
    return next((d for d, w in _TESTS.items() if test.name.startswith(w)), Dimension.CONSISTENCY)


_TESTS: Mapping[Dimension, tuple[str, ...]] = {
    Dimension.COMPLETENESS: ("not_null", "source_not_null"),
    Dimension.UNIQUENESS: ("unique", "source_unique"),
    Dimension.VALIDITY: ("accepted_values", "source_accepted_values"),
}
_WORDS: Mapping[Dimension, tuple[str, ...]] = {
    Dimension.CONSISTENCY: (
        *("pair", "multicolumn", "other_table", "unexpected_rows", "match_ordered_list"),
        *("columns_to_match", "column_count", "query"),
    ),
    Dimension.COMPLETENESS: ("not_be_null", "be_null", "non_null", "row_count", "to_exist"),
    Dimension.UNIQUENESS: ("unique",),
}
