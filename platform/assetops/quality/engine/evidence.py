"""What shows a person which rows failed: the query, a sample, and nothing that is private."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider

from assetops.model import MASK, quote
from assetops.quality.engine.execution import FusedExecutionEngine
from assetops.quality.engine.fusion import from_clause

SAMPLE_ROWS = 20
_SEEN = 5
_LONGEST = 200
# Metrics whose condition is about groups of rows, and so has no place in a WHERE.
_UNIQUE = ("column_values.unique", "compound_columns.unique")


@dataclass(frozen=True)
class Evidence:
    """Finds the failing rows of one table."""

    engine: FusedExecutionEngine
    key: Sequence[str]
    pii: frozenset[str]
    columns: Sequence[str]

    def query(self, rule: Any, needs: Mapping[str, Any], metrics: Mapping[Any, Any]) -> str | None:
        """Return SQL that finds the rows that break a rule, if the rule is about rows."""
        if "unexpected_rows_query" in type(rule).__fields__:
            return self._own_query(rule)
        metric = getattr(rule, "map_metric", None)
        count = needs.get(f"{metric}.unexpected_count")
        if metric is None or count is None:
            return None
        domain = dict(count.metric_domain_kwargs)
        if metric in _UNIQUE:
            columns = domain.get("column_list") or [domain["column"]]
            return self._repeated(columns, domain)
        condition = _condition_behind(count)
        if condition is None or condition.id not in metrics:
            return None
        clause, compute, accessor = metrics[condition.id]
        rows = self.engine.get_domain_records({**compute, **accessor})
        return self._sql(sa.select(sa.text("*")).select_from(from_clause(rows)).where(clause))

    def _own_query(self, rule: Any) -> str:
        table = self.engine.get_domain_records(rule._get_domain_kwargs())
        return str(
            QueryMetricProvider._get_substituted_batch_subquery_from_query_and_batch_selectable(
                rule.unexpected_rows_query, table, self.engine
            )
        )

    def _repeated(self, columns: Sequence[str], domain: Mapping[str, Any]) -> str:
        rows = self.engine.get_domain_records(
            {k: v for k, v in domain.items() if k not in ("column", "column_list")}
        )
        names: list[sa.ColumnClause[Any]] = [sa.column(name) for name in columns]
        table = from_clause(rows)
        groups = sa.select(*names).select_from(table).group_by(*names).having(sa.func.count() > 1)
        among = sa.tuple_(*names).in_(groups) if len(names) > 1 else names[0].in_(groups)
        return self._sql(sa.select(sa.text("*")).select_from(table).where(among))

    def _sql(self, statement: Any) -> str:
        return re.sub(r"\s*\n\s*", "\n", self.engine.readable(statement)).strip()

    def sample(self, query: str, columns: Sequence[str]) -> tuple[dict[str, Any], ...]:
        """Return the first failing rows: their key and what was looked at, private values masked.

        Rows are ordered, so that the same rows give the same sample.
        """
        wanted = list(dict.fromkeys([*self.key, *columns]))
        # A rule about a whole row, or one's own query, shows all that it returns.
        chosen = ", ".join(quote(name) for name in wanted) if columns else "*"
        order = self.engine.order_of("failing", self.key if columns else ())
        statement = (
            f"select {chosen} from ({query}\n) as failing order by {order} limit {SAMPLE_ROWS}"
        )
        # A colon would mark a parameter for SQLAlchemy; here it is part of a name or a value.
        result = self.engine.execute_query(sa.text(statement.replace(":", r"\:")))
        names = list(result.keys())
        return tuple(
            {name: self._shown(name, value) for name, value in zip(names, row, strict=True)}
            for row in result.fetchall()
        )

    def _shown(self, name: str, value: Any) -> Any:
        return MASK if name in self.pii and value is not None else plain(value)

    def hides(self, columns: Sequence[str]) -> bool:
        """Say whether what was looked at is private."""
        return not self.pii.isdisjoint(columns)

    def seen(self, sample: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str | None:
        """Return some values that failed, or the first row of one's own query if it is short."""
        if not columns and sample and len(sample[0]) <= _SEEN:
            return ", ".join(f"{name} {value}" for name, value in sample[0].items())
        if len(columns) != 1 or self.hides(columns):
            return None
        values = dict.fromkeys(row[columns[0]] for row in sample[:_SEEN] if columns[0] in row)
        return ", ".join(str(value) for value in values if value is not None) or None

    def discreet(self, reason: str) -> str:
        """Return an error's text, without the values in it where the table has private ones."""
        if not self.pii:
            return reason
        # In double quotes are names, but where Postgres quotes a value.
        reason = re.sub(r'((?:type [^":]+|range|format): |value )".*"', r'\1"…"', reason)
        return re.sub(r"'[^']*'", "'…'", reason)


def _condition_behind(count: Any) -> Any:
    """Return the metric that holds the condition whose breaches `count` counts."""
    waiting = list(count.metric_dependencies.values())
    while waiting:
        metric = waiting.pop()
        if metric.metric_name.endswith(".condition"):
            return metric
        waiting.extend(metric.metric_dependencies.values())
    return None


def cause(error: object) -> str:
    """Return what went wrong, without the statement and the links that come after it."""
    text = str(error).partition("[SQL:")[0].partition("(Background on this error")[0]
    driver = re.match(r"\((_?duckdb|psycopg2)\.[\w.]+\)\s*", text.strip())
    plainly = text.strip().removeprefix(driver[0] if driver else "")
    lines = [line.strip() for line in plainly.splitlines()]
    kept = [line for line in lines if not set(line) <= {"^", " "}]
    if driver and driver[1] == "psycopg2":
        # Of the statement, and of the row that it failed at.
        kept = [line for line in kept if not re.match(r"LINE \d+:|DETAIL:|CONTEXT:", line)]
    return " ".join(kept)[:500] or type(error).__name__


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
    if isinstance(value, datetime | date):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)
