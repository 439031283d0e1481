"""What GX asks of pandas alone, asked of DuckDB: the order of rows, JSON, dates written as text.

A column whose type makes no sense for an expectation is an error, never a failure.
"""

import json
import operator
from collections.abc import Callable
from datetime import datetime
from hashlib import md5
from typing import Any

import jsonschema
import sqlalchemy as sa
from dateutil.parser import parse
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
    column_condition_partial,
)
from great_expectations.expectations.metrics.metric_provider import metric_partial, metric_value
from great_expectations.expectations.metrics.util import get_dbms_compatible_metric_domain_kwargs

from assetops.quality.engine.duckdb import DuckDBExecutionEngine
from assetops.quality.engine.execution import FusedExecutionEngine
from assetops.quality.engine.fusion import from_clause

# So many different values are told apart in a query; they are named there by their hash.
MOST_VALUES = 10_000
_AT_ONCE = 10_000

Valid = Callable[[str], bool]
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


class JsonParseable(ColumnMapMetricProvider):
    """Finds the texts that are no JSON; DuckDB and Python read the same JSON."""

    condition_metric_name = "column_values.json_parseable"

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _sqlalchemy(cls, column: Any, **_: Any) -> Any:
        # DuckDB would take a number for JSON, whose text it is.
        wrong_type = sa.func.error(
            sa.literal(f"{column.name} must be text, and holds ").concat(sa.func.typeof(column))
        )
        is_text = sa.func.typeof(column).in_(["VARCHAR", "JSON"])
        return sa.func.json_valid(sa.case((is_text, sa.cast(column, sa.Text)), else_=wrong_type))

    @column_condition_partial(engine=FusedExecutionEngine)
    def _by_python(cls, column: Any, _table: Any, _execution_engine: Any, **_: Any) -> Any:
        return _is_one_of_the_valid(column, _is_json, _table, _execution_engine)


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def _is_one_of_the_valid(column: Any, valid: Valid, table: Any, engine: Any) -> Any:
    """Return the condition that a value is one of those that Python finds valid.

    Every different value is looked at once, as the database hands them out. Whichever are fewer,
    the good or the bad, are named, by their hashes: a query is shown, and values may be private.

    Raises:
        TypeError: The column holds no text.
        ValueError: Good and bad values are both too many to be named.
    """
    name = str(column.name)
    different = (
        sa.select(column).distinct().select_from(from_clause(table)).where(column.is_not(None))
    )
    values = engine.execute_query(different.execution_options(**engine.one_by_one))
    hashes: dict[bool, list[str]] = {True: [], False: []}
    while rows := values.fetchmany(_AT_ONCE):
        for (value,) in rows:
            if not isinstance(value, str):
                raise TypeError(f"{name} must be text, and holds a {type(value).__name__}")
            found = hashes[valid(value)]
            if len(found) <= MOST_VALUES:
                found.append(md5(value.encode(), usedforsecurity=False).hexdigest())
        if min(map(len, hashes.values())) > MOST_VALUES:
            raise ValueError(
                f"more than {MOST_VALUES} different values of {name} are as expected, and as many "
                "are not, which is more than a query can name: use an unexpected_rows_expectation"
            )
    fewer = min(hashes, key=lambda good: len(hashes[good]))
    among = sa.func.md5(sa.cast(column, sa.Text)).in_(sorted(hashes[fewer]))
    return among if fewer else sa.not_(among)


class DateutilParseable(ColumnMapMetricProvider):
    """Finds the texts that dateutil reads no date in."""

    condition_metric_name = "column_values.dateutil_parseable"

    @column_condition_partial(engine=FusedExecutionEngine)
    def _sqlalchemy(cls, column: Any, _table: Any, _execution_engine: Any, **_: Any) -> Any:
        def valid(value: str) -> bool:
            try:
                parse(value)
            except (ValueError, OverflowError):
                return False
            return True

        return _is_one_of_the_valid(column, valid, _table, _execution_engine)


class MatchStrftimeFormat(ColumnMapMetricProvider):
    """Finds the texts that are no date of a format, by Python's own rules."""

    condition_metric_name = "column_values.match_strftime_format"
    condition_value_keys = ("strftime_format",)

    @column_condition_partial(engine=FusedExecutionEngine)
    def _sqlalchemy(
        cls,
        column: Any,
        strftime_format: str,
        _table: Any,
        _execution_engine: Any,
        **_: Any,
    ) -> Any:
        def valid(value: str) -> bool:
            try:
                datetime.strptime(value, strftime_format)
            except ValueError:
                return False
            return True

        return _is_one_of_the_valid(column, valid, _table, _execution_engine)


class MatchJsonSchema(ColumnMapMetricProvider):
    """Finds the values that are no JSON of a schema, be it that they are no JSON at all."""

    condition_metric_name = "column_values.match_json_schema"
    condition_value_keys = ("json_schema",)

    @column_condition_partial(engine=FusedExecutionEngine)
    def _sqlalchemy(
        cls,
        column: Any,
        json_schema: dict[str, Any],
        _table: Any,
        _execution_engine: Any,
        **_: Any,
    ) -> Any:
        kind = jsonschema.validators.validator_for(json_schema)
        kind.check_schema(json_schema)
        schema = kind(json_schema)

        def valid(value: str) -> bool:
            try:
                return bool(schema.is_valid(json.loads(value)))
            except ValueError:
                return False

        return _is_one_of_the_valid(column, valid, _table, _execution_engine)


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
