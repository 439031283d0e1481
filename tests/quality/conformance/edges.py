"""Cases at the edges of the most used expectations: tolerance, conditions, sets, patterns."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from great_expectations.expectations.row_conditions import Column, Condition

Where = Callable[[Mapping[str, str]], Condition]
BETWEEN = "column_values_to_be_between"
IN_SET = "column_values_to_be_in_set"
NOT_IN_SET = "column_values_to_not_be_in_set"
REGEX = "column_values_to_match_regex"
UNIQUE = "column_values_to_be_unique"
NOT_NULL = "column_values_to_not_be_null"
LENGTH = "column_value_lengths_to_be_between"


def where(column: str, test: Callable[[Column], Condition]) -> Where:
    """Return a row condition on a column, whatever its name in a table."""
    return lambda named: test(Column(named[column]))


THIRD = where("third", lambda column: column == 1)
MANY: Where = lambda named: (Column(named["third"]) > 0) & (Column(named["order_id"]) < 8)  # noqa: E731
LETTER = where("letter", lambda column: column.is_in(["a"]))
FILLED = where("gaps", lambda column: column.is_not_null())
NONE = where("order_id", lambda column: column > 99)

EDGES: list[tuple[str, dict[str, Any]]] = [
    # As many as must be, and one fewer.
    (NOT_NULL, {"column": "gaps", "mostly": 0.7}),
    (NOT_NULL, {"column": "gaps", "mostly": 0.71}),
    (BETWEEN, {"column": "order_id", "min_value": 3, "mostly": 0.7}),
    (BETWEEN, {"column": "order_id", "min_value": 4, "mostly": 0.7}),
    (UNIQUE, {"column": "third", "mostly": 0.0}),
    (IN_SET, {"column": "third", "value_set": [0], "mostly": 0.4}),
    (REGEX, {"column": "name", "regex": "[0-4]$", "mostly": 0.6}),
    # Conditions on rows.
    *(
        (kind, {**kwargs, "row_condition": condition})
        for condition in (MANY, LETTER, FILLED, NONE)
        for kind, kwargs in (
            (NOT_NULL, {"column": "gaps"}),
            (BETWEEN, {"column": "order_id", "max_value": 4}),
            ("column_mean_to_be_between", {"column": "order_id", "max_value": 5}),
        )
    ),
    *(
        (kind, {**kwargs, "row_condition": THIRD})
        for kind, kwargs in (
            (UNIQUE, {"column": "letter"}),
            ("column_values_to_be_increasing", {"column": "third", "strictly": True}),
            ("column_values_to_match_strftime_format", {"column": "day", "strftime_format": "%Y"}),
            ("compound_columns_to_be_unique", {"column_list": ["third", "letter"]}),
            ("column_pair_values_to_be_equal", {"column_A": "order_id", "column_B": "down"}),
            ("table_row_count_to_be_between", {"min_value": 1, "max_value": 3}),
        )
    ),
    # Sets of nothing, of one, of nulls, of another type, of quotes.
    *(
        (kind, {"column": column, "value_set": values})
        for kind in (IN_SET, NOT_IN_SET, "column_distinct_values_to_be_in_set")
        for column, values in (
            ("letter", ["none of them"]),
            ("letter", ["a"]),
            ("letter", ["a", None]),
            ("letter", ["it's", "50%", ":a", "\\", "a"]),
            ("third", [0, 1.0, 2.5]),
            ("money", [0, 1, 2]),
        )
    ),
    ("column_distinct_values_to_contain_set", {"column": "letter", "value_set": ["a", None]}),
    ("column_distinct_values_to_equal_set", {"column": "letter", "value_set": ["a", "b", None]}),
    # Bounds that are or are not part of the range, and are dates.
    (BETWEEN, {"column": "order_id", "min_value": 0, "strict_min": True}),
    (BETWEEN, {"column": "order_id", "max_value": 9, "strict_max": True}),
    (BETWEEN, {"column": "money", "min_value": 0.5, "max_value": 8.5}),
    (BETWEEN, {"column": "moment", "max_value": datetime(2026, 1, 1, 14)}),
    (BETWEEN, {"column": "moment", "min_value": datetime(2026, 1, 1, 9)}),
    ("column_max_to_be_between", {"column": "moment", "max_value": datetime(2026, 1, 1, 14)}),
    ("column_min_to_be_between", {"column": "day", "min_value": "2026-01-01"}),
    (LENGTH, {"column": "name", "min_value": 6, "strict_min": True}),
    (LENGTH, {"column": "letter", "max_value": 0}),
    # Patterns: parts of a value, alternatives, classes, what SQL or SQLAlchemy would take amiss.
    *(
        (kind, {"column": "name", "regex": pattern})
        for kind in (REGEX, "column_values_to_not_match_regex")
        for pattern in ("", "tem", "^(?:it|x)em-[^0]", r"\d{2}", "(?i)ITEM", "'|;--", ":a|%s|{}")
    ),
    # Types that make no sense.
    (REGEX, {"column": "order_id", "regex": "1"}),
    (LENGTH, {"column": "order_id", "min_value": 1}),
    (IN_SET, {"column": "order_id", "value_set": ["a"]}),
    (BETWEEN, {"column": "name", "min_value": 1}),
    ("column_mean_to_be_between", {"column": "name", "min_value": 1}),
    ("column_sum_to_be_between", {"column": "name", "min_value": 1}),
    ("column_stdev_to_be_between", {"column": "name", "min_value": 1}),
    (
        "column_value_z_scores_to_be_less_than",
        {"column": "name", "threshold": 1, "double_sided": True},
    ),
    ("column_values_to_be_increasing", {"column": "name"}),
    ("column_values_to_be_json_parseable", {"column": "order_id"}),
    ("column_values_to_be_dateutil_parseable", {"column": "moment"}),
    ("column_values_to_match_strftime_format", {"column": "order_id", "strftime_format": "%Y"}),
    ("column_values_to_match_json_schema", {"column": "doc", "json_schema": {"type": "oops"}}),
    (
        "column_values_to_match_json_schema",
        {"column": "name", "json_schema": {"type": "object"}},
    ),
    ("column_max_to_be_between", {"column": "no such column", "max_value": 1}),
    (NOT_NULL, {"column": "no such column"}),
]
