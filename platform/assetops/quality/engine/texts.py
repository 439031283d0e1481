"""What only Python can judge of a text: whether it is JSON, or a date. For GX on a database.

A column whose type makes no sense for an expectation is an error, never a failure.
"""

import json
from collections.abc import Callable
from datetime import datetime
from hashlib import md5
from typing import Any

import jsonschema
import sqlalchemy as sa
from dateutil.parser import parse
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)

from assetops.quality.engine.duckdb import DuckDBExecutionEngine
from assetops.quality.engine.execution import FusedExecutionEngine
from assetops.quality.engine.fusion import from_clause

# So many different values are told apart in a query; they are named there by their hash.
MOST_VALUES = 10_000
_AT_ONCE = 10_000

Valid = Callable[[str], bool]


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


def _is_one_of_the_valid(
    column: Any, valid: Valid, table: Any, engine: Any, surely: str | None = None
) -> Any:
    """Return the condition that a value is one of those that Python finds valid.

    Every different value is looked at once, as the database hands them out. Whichever are fewer,
    the good or the bad, are named, by their hashes: a query is shown, and values may be private.

    Args:
        column: What holds the texts.
        valid: What judges a text.
        table: The rows.
        engine: What asks the database.
        surely: A pattern of texts that are valid, for the database to see: Python is slow.

    Raises:
        TypeError: The column holds no text.
        ValueError: Good and bad values are both too many to be named.
    """
    name = str(column.name)
    rows = sa.select(column).select_from(from_clause(table)).where(column.is_not(None))
    first = engine.execute_query(rows.limit(1)).scalar()
    if first is not None and not isinstance(first, str):
        raise TypeError(f"{name} must be text, and holds a {type(first).__name__}")
    clear = column.op("~")(surely) if surely else sa.false()
    left = rows.where(sa.not_(clear)).distinct() if surely else rows.distinct()
    values = engine.execute_query(left.execution_options(**engine.one_by_one))
    hashes: dict[bool, list[str]] = {True: [], False: []}
    while some := values.fetchmany(_AT_ONCE):
        for (value,) in some:
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
    judged = among if fewer else sa.not_(among)
    return sa.or_(clear, judged) if surely else judged


_YEAR = "[1-9][0-9]{3}"
_LONG = "Jan(uary)?|Mar(ch)?|May|July?|Aug(ust)?|Oct(ober)?|Dec(ember)?"
_SHORT = "Apr(il)?|June?|Sep(tember)?|Nov(ember)?"
# Days, the numbers of the months that have them, and the months' names.
_DAYS = (
    ("(0[1-9]|1[0-9]|2[0-8])", "(0[1-9]|1[0-2])", f"({_LONG}|{_SHORT}|Feb(ruary)?)"),
    ("(29|30)", "(0[13-9]|1[0-2])", f"({_LONG}|{_SHORT})"),
    ("31", "(0[13578]|1[02])", f"({_LONG})"),
)
_DATES = (
    *(f"{_YEAR}-{month}-{day}|{_YEAR}[/.]{month}[/.]{day}" for day, month, _ in _DAYS),
    *(f"({month}/{day}|{day}/{month})/{_YEAR}" for day, month, _ in _DAYS),
    *(f"({month}-{day}|{day}-{month})-{_YEAR}" for day, month, _ in _DAYS),
    *(f"{day} {name} {_YEAR}|{name} {day},? {_YEAR}" for day, _, name in _DAYS),
)
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?"
_ZONE = "(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
# The commonest ways to write a date, only as far as dateutil surely reads each.
PARSEABLE = f"^({'|'.join(_DATES)})([ T]{_TIME}{_ZONE}?)?$"


class DateutilParseable(ColumnMapMetricProvider):
    """Finds the texts that dateutil reads no date in."""

    condition_metric_name = "column_values.dateutil_parseable"

    @column_condition_partial(engine=FusedExecutionEngine)
    def _sqlalchemy(cls, column: Any, _table: Any, _execution_engine: Any, **_: Any) -> Any:
        return _is_one_of_the_valid(column, is_a_date, _table, _execution_engine, PARSEABLE)


def is_a_date(value: str) -> bool:
    """Say whether dateutil reads a date in a text."""
    try:
        parse(value)
    except (ValueError, OverflowError):
        return False
    return True


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
