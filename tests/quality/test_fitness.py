"""An expectation that makes no sense on a column's type is refused before any data is read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assetops.errors import SuiteError
from assetops.model import Relation, Status, Verdict
from assetops.quality.suites import read_suite
from assetops.quality.suites.fitness import misfit
from assetops.quality.suites.reading import Surroundings

REGEX = "expect_column_values_to_match_regex"
ARGUMENTS: dict[str, dict[str, Any]] = {
    REGEX: {"regex": "x"},
    "expect_column_values_to_not_match_like_pattern": {"like_pattern": "x"},
    "expect_column_value_lengths_to_equal": {"value": 1},
    "expect_column_mean_to_be_between": {"min_value": 0},
    "expect_column_sum_to_be_between": {"min_value": 0},
    "expect_column_stdev_to_be_between": {"max_value": 5},
    "expect_column_value_z_scores_to_be_less_than": {"threshold": 3, "double_sided": True},
}
TYPES = {
    **dict.fromkeys(("BIGINT", "DECIMAL(5, 2)", "double", "utinyint"), 1),
    **dict.fromkeys(("VARCHAR", "varchar(10)", "TEXT"), "'x'"),
    "DATE": "date '2026-01-01'",
    "TIMESTAMP": "timestamp '2026-01-01'",
    "TIMESTAMP WITH TIME ZONE": "timestamp '2026-01-01'",
    "BOOLEAN": "true",
    "UUID": "uuid()",
    "INTEGER[]": "[1]",
}


def test_what_is_refused_is_what_the_engine_cannot_answer(
    database: duckdb.DuckDBPyConnection,
    expecting: Callable[..., Any],
    judged: Callable[..., dict[str, Verdict]],
) -> None:
    columns = {f"c{n}": kind for n, kind in enumerate(TYPES)}
    values = ", ".join(f"{TYPES[k]}::{k} as {name}" for name, k in columns.items())
    database.execute(f"create table marts.all_types as select {values}")
    for kind, kwargs in ARGUMENTS.items():
        verdicts = judged(
            *(expecting(kind, name, column=name, **kwargs) for name in columns),
            relation=Relation(schema_name="marts", name="all_types"),
        )
        refused = {k for name, k in columns.items() if misfit(kind, k)}
        errored = {k for name, k in columns.items() if verdicts[name].status is Status.ERRORED}
        assert refused
        assert refused <= errored, kind


def test_the_message_names_what_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    entry = {"type": REGEX, "kwargs": {"column": "total", "regex": "^1"}}
    path.write_text(json.dumps({"name": "orders", "expectations": [entry]}, indent=1))
    subject = Surroundings(address="orders", columns={"total": "DECIMAL(12, 2)"})
    with pytest.raises(SuiteError) as error:
        read_suite(path, subject, shown="orders.json")
    assert str(error.value) == f"orders.json:7: {REGEX} needs text: total is DECIMAL(12, 2)."


def test_a_type_that_nobody_knows_is_asked_of_the_database() -> None:
    assert misfit(REGEX, None) is None
    assert misfit(REGEX, "MONEY_OF_OURS") is None
