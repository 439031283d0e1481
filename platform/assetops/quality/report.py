"""A verdict as Dagster's UI shows it: expected against observed, and the rows that failed."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assetops.model import Verdict


def metadata_of(verdict: Verdict) -> dict[str, dg.MetadataValue[Any]]:
    """Return what a person wants to see beside a check's result."""
    found: dict[str, dg.MetadataValue[Any]] = {
        "severity": dg.MetadataValue.text(verdict.severity.value),
        "expected": dg.MetadataValue.text(verdict.expected),
    }
    if verdict.partition is not None:
        found["partition"] = dg.MetadataValue.text(verdict.partition)
    if verdict.docs:
        found["data docs"] = dg.MetadataValue.url(verdict.docs)
    if verdict.observed is not None:
        found["observed"] = _observed(verdict.observed)
    if verdict.rows is not None:
        found["rows"] = dg.MetadataValue.int(verdict.rows)
    if verdict.sampled_of is not None:
        found["sampled of"] = dg.MetadataValue.int(verdict.sampled_of)
    if verdict.failing_rows is not None:
        found["failing rows"] = dg.MetadataValue.int(verdict.failing_rows)
        if verdict.rows:
            share = round(100 * verdict.failing_rows / verdict.rows, 4)
            found["failing percentage"] = dg.MetadataValue.float(share)
    if verdict.query:
        found["query"] = dg.MetadataValue.md(f"```sql\n{verdict.query}\n```")
    if verdict.sample:
        found["sample"] = _table(verdict.sample)
    return found


def _observed(value: Any) -> dg.MetadataValue[Any]:
    if isinstance(value, bool) or not isinstance(value, int | float | list | dict):
        return dg.MetadataValue.text(str(value))
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    if isinstance(value, float):
        return dg.MetadataValue.float(value)
    return dg.MetadataValue.json(value)


def _table(sample: tuple[Mapping[str, Any], ...]) -> dg.MetadataValue[Any]:
    columns = list(dict.fromkeys(name for row in sample for name in row))
    records = [dg.TableRecord({name: _cell(row.get(name)) for name in columns}) for row in sample]
    schema = dg.TableSchema([dg.TableColumn(name, "string") for name in columns])
    return dg.MetadataValue.table(records, schema)


def _cell(value: Any) -> str:
    return "NULL" if value is None else str(value)
