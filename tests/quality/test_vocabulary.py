"""Every expectation that Great Expectations has: which of them DuckDB can answer, and rightly."""

import json
from collections.abc import Callable
from importlib import resources
from typing import Any

import duckdb
import pytest
from tests.quality.cases import BEYOND_SQL, CASES, NUMBERS, TABLE, Judged

from assetops.model import Relation, Status
from assetops.quality.gx import vocabulary_of_gx
from assetops.quality.suites.vocabulary import builtin


def full(kind: str) -> str:
    return kind if kind.startswith("unexpected") else f"expect_{kind}"


def test_the_shipped_vocabulary_is_that_of_the_installed_gx() -> None:
    shipped = json.loads(
        resources.files("assetops.quality.suites").joinpath("vocabulary.json").read_text()
    )
    assert shipped == vocabulary_of_gx()


def test_every_expectation_has_its_case() -> None:
    assert {*map(full, CASES), *BEYOND_SQL} == set(builtin())


@pytest.mark.parametrize("kind", CASES)
def test_what_holds_passes_and_what_fails_is_found(
    database: duckdb.DuckDBPyConnection, expecting: Callable[..., Any], judged: Judged, kind: str
) -> None:
    database.execute(TABLE)
    holds, fails, failing = CASES[kind]
    verdicts = judged(
        expecting(full(kind), "holds", **holds),
        expecting(full(kind), "fails", **fails),
        relation=NUMBERS,
    )
    assert (verdicts["holds"].status, verdicts["holds"].error) == (Status.PASSED, None)
    found = verdicts["fails"]
    assert (found.status, found.failing_rows) == (Status.FAILED, failing)
    if failing is not None:
        rows = database.execute(f"select count(*) from ({found.query})").fetchone()
        assert rows == (failing,)
        assert len(found.sample) == failing


def test_an_answer_that_gx_cannot_work_out_is_errored(
    database: duckdb.DuckDBPyConnection, expecting: Callable[..., Any], judged: Judged
) -> None:
    database.execute(TABLE)
    database.execute("create table marts.none as from marts.numbers where false")
    holds, _, _ = CASES["column_kl_divergence_to_be_less_than"]
    verdict = judged(
        expecting("expect_column_kl_divergence_to_be_less_than", "it", **holds),
        relation=Relation(schema_name="marts", name="none"),
    )["it"]
    assert (verdict.status, verdict.error) == (Status.ERRORED, "division by zero")


@pytest.mark.parametrize("kind", BEYOND_SQL)
def test_what_duckdb_cannot_answer_is_errored(
    database: duckdb.DuckDBPyConnection, expecting: Callable[..., Any], judged: Judged, kind: str
) -> None:
    database.execute(TABLE)
    verdict = judged(expecting(kind, "it", **BEYOND_SQL[kind]), relation=NUMBERS)["it"]
    assert verdict.status is Status.ERRORED
    assert verdict.error
