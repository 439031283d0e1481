"""What a suite says, in plain language: check names and sentences a person can read."""

import re
from collections.abc import Mapping
from typing import Any

_SHOWN = 6


def check_name(kind: str, kwargs: Mapping[str, Any]) -> str:
    """Return a stable name for an expectation that has none: `email_not_null`.

    Args:
        kind: The expectation's type, such as expect_column_values_to_not_be_null.
        kwargs: Its arguments; the columns among them start the name.
    """
    subject, _, predicate = kind.removeprefix("expect_").partition("_to_")
    predicate = re.sub(r"(^|_)be_", r"\1", predicate).removeprefix("be_")
    columns = "_".join(columns_of(kwargs)) if not kind.startswith("expect_table") else ""
    facet = re.sub(
        r"^(column_values|column_value|column_pair_values_a|column_pair_values|column"
        r"|compound_columns|multicolumn_values|multicolumn|select_column_values|table)_?",
        "",
        subject,
    )
    words = "_".join(filter(None, (columns, facet, predicate)))
    return re.sub(r"[^A-Za-z0-9]+", "_", words or kind).strip("_")


def columns_of(kwargs: Mapping[str, Any]) -> list[str]:
    """Return the columns that an expectation's arguments name, in order."""
    single = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]
    several = kwargs.get("column_list") or kwargs.get("column_set") or []
    return [c for c in (*single, *several) if isinstance(c, str)]


def sentence(kind: str, kwargs: Mapping[str, Any]) -> str:
    """Say what an expectation expects: `order_total between 0.01 and 50000`."""
    if kind == "unexpected_rows_expectation":
        return "no rows that the query finds"
    plain = _PLAIN.get(kind)
    if plain:
        given = {name: _shown(value) for name, value in kwargs.items()}
        given["than"] = "no less than" if kwargs.get("or_equal") else "greater than"
        if columns := columns_of(kwargs):
            given["columns"] = ", ".join(columns)
        said = re.sub(r"\{(\w+)\}", lambda m: given.get(m[1], "any"), plain)
    else:
        said = check_name(kind, kwargs).replace("_", " ")
    return said + _between(kind, kwargs) + _tolerance(kwargs)


def _between(kind: str, kwargs: Mapping[str, Any]) -> str:
    if not kind.endswith("_between"):
        return ""
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is not None and high is not None and not _strict(kwargs):
        return f" between {_shown(low)} and {_shown(high)}"
    bounds = [
        *(
            [f"{'above' if kwargs.get('strict_min') else 'at least'} {_shown(low)}"]
            * (low is not None)
        ),
        *(
            [f"{'below' if kwargs.get('strict_max') else 'at most'} {_shown(high)}"]
            * (high is not None)
        ),
    ]
    return " " + (" and ".join(bounds) or "anything")


def _strict(kwargs: Mapping[str, Any]) -> bool:
    return bool(kwargs.get("strict_min") or kwargs.get("strict_max"))


def _tolerance(kwargs: Mapping[str, Any]) -> str:
    condition, mostly = kwargs.get("row_condition"), kwargs.get("mostly", 1)
    where = f", where {_condition(condition)}" if condition else ""
    return where + (f", in at least {mostly:.4g} of the rows" if mostly != 1 else "")


def columns_in(condition: Any) -> list[str]:
    """Return the columns that a row condition names, in GX's old form or its new one."""
    if isinstance(condition, str):
        return re.findall(r"col\([\"'](.+?)[\"']\)", condition)
    if not isinstance(condition, Mapping):
        return []
    column = condition.get("column")
    own = [str(column.get("name"))] if isinstance(column, Mapping) else []
    return own + [name for part in condition.get("conditions", ()) for name in columns_in(part)]


def _condition(condition: Any) -> str:
    if not isinstance(condition, Mapping):
        return str(condition)
    if "conditions" in condition:
        return f" {condition.get('type')} ".join(map(_condition, condition["conditions"]))
    name = columns_in(condition)[0]
    if condition.get("type") == "nullity":
        return f"{name} is {'null' if condition.get('is_null') else 'not null'}"
    return f"{name} {condition.get('operator')} {_shown(condition.get('parameter'))}"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping) and "$PARAMETER" in value:
        return str(value["$PARAMETER"])
    if isinstance(value, list | tuple | set):
        items = [_shown(item) for item in value]
        more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
        return ", ".join(items[:_SHOWN]) + more
    return str(value)


# What is not here is said in the words of its type.
_PLAIN: Mapping[str, str] = {
    "expect_column_distinct_values_to_be_in_set": "{column} only one of {value_set}",
    "expect_column_distinct_values_to_contain_set": "{column} to have each of {value_set}",
    "expect_column_distinct_values_to_equal_set": "{column} to have exactly {value_set}",
    "expect_column_max_to_be_between": "the greatest {column}",
    "expect_column_mean_to_be_between": "the mean of {column}",
    "expect_column_median_to_be_between": "the median of {column}",
    "expect_column_min_to_be_between": "the least {column}",
    "expect_column_pair_values_a_to_be_greater_than_b": "{column_A} {than} {column_B}",
    "expect_column_pair_values_to_be_equal": "{column_A} equal to {column_B}",
    "expect_column_proportion_of_non_null_values_to_be_between": "the share of rows with {column}",
    "expect_column_proportion_of_unique_values_to_be_between": "the share of unique {column}",
    "expect_column_stdev_to_be_between": "the standard deviation of {column}",
    "expect_column_sum_to_be_between": "the sum of {column}",
    "expect_column_to_exist": "a column {column}",
    "expect_column_unique_value_count_to_be_between": "the number of different {column}",
    "expect_column_value_lengths_to_be_between": "the length of {column}",
    "expect_column_value_lengths_to_equal": "{column} of length {value}",
    "expect_column_values_to_be_between": "{column}",
    "expect_column_values_to_be_in_set": "{column} one of {value_set}",
    "expect_column_values_to_be_null": "no {column}",
    "expect_column_values_to_be_of_type": "{column} of type {type_}",
    "expect_column_values_to_be_unique": "every {column} only once",
    "expect_column_values_to_match_regex": "{column} like {regex}",
    "expect_column_values_to_not_be_in_set": "{column} none of {value_set}",
    "expect_column_values_to_not_be_null": "every row to have {column}",
    "expect_column_values_to_not_match_regex": "{column} not like {regex}",
    "expect_compound_columns_to_be_unique": "every {columns} together only once",
    "expect_table_column_count_to_be_between": "the number of columns",
    "expect_table_column_count_to_equal": "{value} columns",
    "expect_table_columns_to_match_ordered_list": "the columns {columns}, in this order",
    "expect_table_columns_to_match_set": "the columns {columns}",
    "expect_table_row_count_to_be_between": "the number of rows",
    "expect_table_row_count_to_equal": "{value} rows",
}
