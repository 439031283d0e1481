"""One expectation asked of GX's own pandas engine, of DuckDB through stock GX, and of our gates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

import assetops.quality.gx  # noqa: F401  (registers add_duckdb)

Asked = Sequence[tuple[str, dict[str, Any]]]
_COUNTS = ("element_count", "missing_count", "unexpected_count")


@dataclass(frozen=True)
class Answer:
    """What an engine says: passed, failed or errored, the counts, and what it saw."""

    status: str
    counts: tuple[int | None, ...] = ()
    observed: Any = None
    error: str = ""

    def same_as(self, other: "Answer") -> bool:
        """Say whether two engines mean the same; how they word an error is their own."""
        if self.status == other.status == "errored":
            return True
        return (self.status, self.counts) == (other.status, other.counts) and _same(
            self.observed, other.observed
        )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    one, other = _plain(one), _plain(other)
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return None if math.isnan(value) else float(value)
    if value is pd.NaT:
        return None
    return str(value) if isinstance(value, datetime) else value


def full(kind: str) -> str:
    """Return an expectation's name in GX."""
    return kind if kind.startswith("unexpected") else f"expect_{kind}"


def _answers(batch: Any, asked: Asked) -> list[Answer]:
    suite = gx.ExpectationSuite(name="suite")
    suite.expectations = [
        ExpectationConfiguration(
            type=full(kind), kwargs=kwargs, meta={"number": number}
        ).to_domain_obj()
        for number, (kind, kwargs) in enumerate(asked)
    ]
    results = batch.validate(suite, result_format="BASIC").results
    found = {result.expectation_config.meta["number"]: _answer(result) for result in results}
    return [found[number] for number in range(len(asked))]


def _answer(result: Any) -> Answer:
    info = result.exception_info or {}
    for raised in (info, *(each for each in info.values() if isinstance(each, dict))):
        if raised.get("raised_exception"):
            return Answer("errored", error=str(raised["exception_message"]))
    counts = tuple(result.result.get(count) for count in _COUNTS)
    status = "passed" if result.success else "failed"
    return Answer(status, counts, result.result.get("observed_value"))


class Judges:
    """Stock GX with a DuckDB file opened for reading, and with data frames."""

    def __init__(self, path: Path) -> None:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        self._duckdb = context.data_sources.add_duckdb(
            "duckdb", connection_string=f"duckdb:///{path}?access_mode=read_only"
        )
        self._pandas = context.data_sources.add_pandas("pandas")

    def on_duckdb(self, table: str, asked: Asked) -> list[Answer]:
        """Ask of a table of the file."""
        asset = self._duckdb.add_table_asset(table, table_name=f'"{table}"', schema_name="marts")
        batch = asset.add_batch_definition_whole_table("whole").get_batch()
        return _answers(batch, asked)

    def on_pandas(self, name: str, frame: pd.DataFrame, asked: Asked) -> list[Answer]:
        """Ask of a data frame."""
        asset = self._pandas.add_dataframe_asset(name)
        batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
        return _answers(batch, asked)
