"""Which metrics share one statement, and how: as aggregates of one scan of their table and domain.

Great Expectations bundles what it declares an aggregate. It counts duplicates with a window over
all rows, and has a statement of its own for each rule about pairs, several columns or quantiles.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from great_expectations.core.id_dict import IDDict
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.expectations.registry import get_metric_provider
from great_expectations.util import convert_to_json_serializable
from great_expectations.validator.metric_configuration import MetricConfiguration

from assetops.quality.engine.counting import count_of

_COUNT = ".unexpected_count"
_ROWS = ".filtered_row_count"
_UNIQUE = ("column_values.unique", "compound_columns.unique")
_QUANTILES = "column.quantile_values"
_DISTINCT = "column.distinct_values.count"
_PARTIAL = "metric_partial_fn"
# What says which rows a statement is about; the rest of a domain is about columns.
_OF_THE_ROWS = ("batch_id", "table", "row_condition", "condition_parser", "filter_conditions")


@dataclass(frozen=True)
class Aggregate:
    """A metric as one value of a statement."""

    metric: MetricConfiguration
    expression: Any
    domain: IDDict
    # Counts exactly what the expression only says to be there, or not.
    count: Any = None
    bundled: bool = False
    # Whether the database holds the column's values while it computes this, and not just a number.
    holds_values: bool = False

    def value(self, found: Any) -> Any:
        """Return what a statement found as the metric's value."""
        if found is None and self.metric.metric_name.endswith((_COUNT, _ROWS)):
            return 0  # DuckDB counts nothing where there are no rows.
        if found is None and self.metric.metric_name == _QUANTILES:
            return [None for _ in self.metric.metric_value_kwargs["quantiles"]]
        return convert_to_json_serializable(found) if self.bundled else found


def aggregate_of(
    metric: MetricConfiguration, known: Mapping[Any, Any], engine: Any
) -> Aggregate | None:
    """Return a metric as an aggregate, or nothing if it needs a statement of its own."""
    name, needs = metric.metric_name, metric.metric_dependencies
    if _PARTIAL in needs and get_metric_provider(name, engine)[1] is None:
        partial = needs[_PARTIAL]
        expression, domain, _ = known[partial.id]
        domain = domain or {}
        domain = IDDict(domain) if domain.get("ignore_row_if") else _rows(domain)
        counted = partial.metric_dependencies.get("unexpected_condition")
        if counted is not None:
            return Aggregate(metric, count_of([known[counted.id][0]], engine.count_if), domain)
        return Aggregate(metric, expression, domain, bundled=True, holds_values=name == _DISTINCT)
    if name == _QUANTILES:
        return _quantiles(metric, known, engine)
    condition = needs.get("unexpected_condition")
    if condition is None or not name.endswith((_COUNT, _ROWS)):
        return None
    clause, compute, accessor = known[condition.id]
    domain = {**compute, **accessor}
    if name.removesuffix(_COUNT) in _UNIQUE:
        return _unique(metric, domain, engine)
    kept = _kept(domain)
    if kept is None or not (name.endswith(_ROWS) or _is_about_one_row(condition, engine)):
        return None
    clauses = kept if name.endswith(_ROWS) else (*kept, clause)
    return Aggregate(metric, count_of(clauses, engine.count_if), _rows(domain))


def _is_about_one_row(condition: MetricConfiguration, engine: Any) -> bool:
    """Say whether a condition can be asked of a row by itself."""
    function = get_metric_provider(condition.metric_name, engine)[1]
    kind = getattr(function, "metric_fn_type", None)
    return kind is MetricPartialFunctionTypes.MAP_CONDITION_FN


def _rows(domain: Mapping[str, Any]) -> IDDict:
    return IDDict({key: domain[key] for key in _OF_THE_ROWS if domain.get(key) is not None})


def _kept(domain: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return the conditions of `ignore_row_if`, or nothing if GX should judge it."""
    if "column_A" in domain:
        names = [domain["column_A"], domain["column_B"]]
        some, every, none = "both_values_are_missing", "either_value_is_missing", "neither"
    elif "column_list" in domain:
        names = list(domain["column_list"])
        some, every, none = "all_values_are_missing", "any_value_is_missing", "never"
    else:
        return None
    there = [sa.column(name).is_not(None) for name in names]
    choices = {some: (sa.or_(*there),), every: tuple(there), none: ()}
    return choices.get(domain.get("ignore_row_if", none))


def _unique(metric: MetricConfiguration, domain: Mapping[str, Any], engine: Any) -> Aggregate:
    """Compare a key's rows with its values; only where they differ are the repeated counted."""
    names = list(domain.get("column_list") or [domain["column"]])
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in names]
    # A row without a value repeats no other.
    there = sa.and_(*(column.is_not(None) for column in columns))
    if len(columns) == 1:
        surplus = sa.func.count(columns[0]) - sa.func.count(sa.distinct(columns[0]))
    else:
        values = sa.func.count(sa.distinct(sa.func.row(*columns)))
        surplus = sa.func.count().filter(there) - values.filter(there)
    table = from_clause(engine.get_domain_records(_rows(domain)))
    among = sa.func.count().label("among")
    groups = sa.select(among).select_from(table).where(there).group_by(*columns)
    repeated = groups.having(sa.func.count() > 1).subquery()
    count = sa.select(sa.func.coalesce(sa.func.sum(repeated.c.among), 0))
    return Aggregate(metric, surplus, _rows(domain), count, holds_values=True)


def _quantiles(
    metric: MetricConfiguration, known: Mapping[Any, Any], engine: Any
) -> Aggregate | None:
    column = metric.metric_domain_kwargs.get("column")
    columns = metric.metric_dependencies.get("table.columns")
    quantiles = metric.metric_value_kwargs.get("quantiles")
    if columns is None or column is None or column not in known[columns.id] or not quantiles:
        return None
    expression = engine.quantiles(column, quantiles)
    return Aggregate(metric, expression, _rows(metric.metric_domain_kwargs), holds_values=True)


def from_clause(rows: Any) -> Any:
    """Return what GX takes for a batch's rows as something to select from."""
    return rows.subquery() if isinstance(rows, sa.Select) else rows
