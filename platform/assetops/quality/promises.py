"""What a dataset promises: every check on it, by whoever makes it, in words a person can read."""

from collections.abc import Iterator
from enum import StrEnum

from assetops.model import CONTRACT_CHECK, Dataset, Severity, Word
from assetops.quality.suites import Suite
from assetops.quality.suites.depth import Depth
from assetops.quality.suites.words import columns_of, sentence


class Maker(StrEnum):
    """What a check comes from."""

    CONTRACT = "contract"
    DBT = "dbt test"
    SUITE = "suite"
    RECONCILIATION = "reconciliation"


class Promise(Word):
    """One check on a dataset, before anybody has run it."""

    check: str
    severity: Severity
    maker: Maker
    expected: str
    reason: str = ""
    depth: Depth = Depth.LIGHT
    column: str | None = None
    query: str | None = None


def promises_of(dataset: Dataset, suite: Suite | None) -> Iterator[Promise]:
    """Yield what a dataset's contract, its dbt tests and its suite promise, in this order."""
    if dataset.contract.ingest:
        yield Promise(
            check=CONTRACT_CHECK,
            severity=Severity.CRITICAL,
            maker=Maker.CONTRACT,
            expected="a landing file that can be read, with the columns, types and keys of the yml",
        )
    for test in dataset.tests:
        yield Promise(
            check=test.name,
            severity=test.severity,
            maker=Maker.DBT,
            expected=test.description,
            column=test.column,
        )
    if suite is not None:
        yield from _suite(suite)


def _suite(suite: Suite) -> Iterator[Promise]:
    for expectation in suite.expectations:
        columns = columns_of(expectation.kwargs)
        query = expectation.kwargs.get("unexpected_rows_query")
        yield Promise(
            check=expectation.name,
            severity=expectation.severity,
            maker=Maker.SUITE,
            expected=sentence(expectation.type, expectation.kwargs),
            reason=expectation.description,
            depth=expectation.depth or suite.meta.depth,
            column=columns[0] if len(columns) == 1 else None,
            query=query if isinstance(query, str) else None,
        )
    for wanted in suite.meta.reconcile:
        yield Promise(
            check=wanted.name,
            severity=wanted.severity,
            maker=Maker.RECONCILIATION,
            expected=wanted.described,
            depth=Depth.DEEP,
        )
