"""What GX asks of pandas alone, asked of a database: the order of rows; and what it asks oddly.

A column whose type makes no sense for an expectation is an error, never a failure.
"""

import json
import operator
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
from great_expectations.expectations.metrics.column_aggregate_metric_provider import (
    ColumnAggregateMetricProvider,
    column_aggregate_partial,
)
from great_expectations.expectations.metrics.column_aggregate_metrics import (
    column_distinct_values_not_in_set as of_gx,
)
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.metric_provider import metric_partial, metric_value
from great_expectations.expectations.metrics.util import get_dbms_compatible_metric_domain_kwargs

from assetops.quality.engine.duckdb import DuckDBExecutionEngine
from assetops.quality.engine.execution import FusedExecutionEngine
from assetops.quality.engine.fusion import from_clause

Breaks = Callable[[Any, Any], Any]


def _order_of_rows(engine: Any, domain: dict[str, Any], metrics: dict[str, Any]) -> tuple[Any, ...]:
    """Return the rows with the value before each, as a batch of its own, and the two columns.

    A window function has no place in a WHERE: as a column it has one in every query of GX's.
    DuckDB numbers rows as they were inserted, and nulls are no part of the order.

    Raises:
        TypeError: The database keeps no order of rows.
    """
    if not engine.keeps_order:
        raise TypeError(
            "the rows of a table have no order here: say by which column they have one, in an "
            "unexpected_rows_expectation with a window function"
        )
    domain = get_dbms_compatible_metric_domain_kwargs(
        metric_domain_kwargs=domain, batch_columns_list=metrics["table.columns"]
    )
    rows, _, accessor = engine.get_compute_domain(domain, MetricDomainTypes.COLUMN)
    name = accessor["column"]
    column: sa.ColumnClause[Any] = sa.column(name)
    before = f"{name} before"
    ordered = (
        sa.select(sa.text("*"), sa.func.lag(column).over().label(before))
        .select_from(from_clause(rows))
        .where(column.is_not(None))
    )
    batch = SqlAlchemyBatchData(
        execution_engine=engine, selectable=ordered.subquery("in_order"), create_temp_table=False
    )
    id_ = json.dumps(["in order", *sorted(map(str, domain.items()))])
    # Saved, and not loaded: the batch that is being validated stays the active one.
    engine.batch_manager.batch_data_cache[id_] = batch
    return column, sa.column(before), {"batch_id": id_}, accessor


class _InOrder(ColumnMapMetricProvider):
    """Finds the values that are out of order with the one before them."""

    condition_value_keys = ("strictly",)
    # Whether a value and the one before it are out of order; the first where they may be equal.
    out_of_order: tuple[Breaks, Breaks]

    @metric_partial(
        engine=FusedExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.MAP_CONDITION_FN,
        domain_type=MetricDomainTypes.COLUMN,
    )
    def _sqlalchemy(
        cls,
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        **_: Any,
    ) -> tuple[Any, ...]:
        now, before, compute, accessor = _order_of_rows(
            execution_engine, metric_domain_kwargs, metrics
        )
        breaks = cls.out_of_order[bool(metric_value_kwargs.get("strictly"))]
        return breaks(now, before), compute, accessor


class Increasing(_InOrder):
    """Finds the values that are smaller than the one before them."""

    condition_metric_name = "column_values.increasing"
    out_of_order = (operator.lt, operator.le)


class Decreasing(_InOrder):
    """Finds the values that are greater than the one before them."""

    condition_metric_name = "column_values.decreasing"
    out_of_order = (operator.gt, operator.ge)


class Mean(ColumnAggregateMetricProvider):
    """Takes a mean; GX multiplies every value by 1.0 before, which some other databases need."""

    metric_name = "column.mean"

    @column_aggregate_partial(engine=DuckDBExecutionEngine)
    def _sqlalchemy(cls, column: Any, **_: Any) -> Any:
        # A whole one costs nothing, and still makes an error of what is no number, as a date.
        return sa.func.avg(sa.literal_column("1") * column)


def _without_null(value_kwargs: dict[str, Any]) -> dict[str, Any]:
    """Leave null out of a set: in SQL, nothing is not in a set that has one."""
    values = value_kwargs.get("value_set") or []
    return {**value_kwargs, "value_set": [value for value in values if value is not None]}


class DistinctValuesNotInSetCount(ColumnAggregateMetricProvider):
    """Counts the different values outside a set, which may name null."""

    metric_name = "column.distinct_values.not_in_set.count"
    value_keys = ("value_set",)

    @metric_value(engine=FusedExecutionEngine)
    def _sqlalchemy(cls, metric_value_kwargs: dict[str, Any], **asked: Any) -> Any:
        provider: Any = of_gx.ColumnDistinctValuesNotInSetCount
        return provider._sqlalchemy(
            provider, metric_value_kwargs=_without_null(metric_value_kwargs), **asked
        )


class DistinctValuesNotInSet(ColumnAggregateMetricProvider):
    """Finds some of the different values outside a set, which may name null."""

    metric_name = "column.distinct_values.not_in_set"
    value_keys = ("value_set", "limit")

    @metric_value(engine=FusedExecutionEngine)
    def _sqlalchemy(cls, metric_value_kwargs: dict[str, Any], **asked: Any) -> Any:
        provider: Any = of_gx.ColumnDistinctValuesNotInSet
        return provider._sqlalchemy(
            provider, metric_value_kwargs=_without_null(metric_value_kwargs), **asked
        )
