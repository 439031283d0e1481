"""Each built-in expectation with what holds, what fails, and what DuckDB cannot answer."""

from collections.abc import Callable
from typing import Any

from tests.quality.conformance.data import COLUMNS as CELLS
from tests.quality.conformance.data import TABLES

from assetops.model import Relation, Verdict

Judged = Callable[..., dict[str, Verdict]]

NUMBERS = Relation(schema_name="marts", name="numbers")
TABLE = f"create or replace table marts.numbers as {TABLES['plain'].rows}"
COLUMNS = list(CELLS)

# What passes, what fails, and how many rows fail if the expectation is about rows.
Case = tuple[dict[str, Any], dict[str, Any], int | None]


def of(column: str, **kwargs: Any) -> dict[str, Any]:
    return {"column": column, **kwargs}


def ab(a: str, b: str, **kwargs: Any) -> dict[str, Any]:
    return {"column_A": a, "column_B": b, **kwargs}


def bounds(column: str, low: float, high: float) -> Case:
    inside = of(column, min_value=low, max_value=high)
    return inside, of(column, min_value=high, strict_min=True), None


def weights(a: float) -> dict[str, Any]:
    return {"values": ["a", "b"], "weights": [a, 1 - a]}


def median(low: int) -> dict[str, Any]:
    return {"quantiles": [0.5], "value_ranges": [[low, low + 1]]}


def up_to(most: int) -> dict[str, Any]:
    return {"json_schema": {"properties": {"n": {"type": "integer", "maximum": most}}}}


EACH_PAIR = [(third, letter) for third in range(3) for letter in "ab"]
CASES: dict[str, Case] = {
    "column_distinct_values_to_be_in_set": (
        of("letter", value_set=["a", "b", "c"]),
        of("letter", value_set=["a"]),
        None,
    ),
    "column_distinct_values_to_contain_set": (
        of("letter", value_set=["a"]),
        of("letter", value_set=["z"]),
        None,
    ),
    "column_distinct_values_to_equal_set": (
        of("letter", value_set=["a", "b"]),
        of("letter", value_set=["a"]),
        None,
    ),
    "column_kl_divergence_to_be_less_than": (
        of("letter", partition_object=weights(0.5), threshold=0.1),
        of("letter", partition_object=weights(0.01), threshold=0.01),
        None,
    ),
    "column_max_to_be_between": bounds("order_id", 9, 9),
    "column_mean_to_be_between": bounds("order_id", 4.5, 4.5),
    "column_median_to_be_between": bounds("order_id", 4, 5),
    "column_min_to_be_between": bounds("order_id", 0, 0),
    "column_most_common_value_to_be_in_set": (
        of("letter", value_set=["a", "b"], ties_okay=True),
        of("third", value_set=[1]),
        None,
    ),
    "column_pair_values_a_to_be_greater_than_b": (
        ab("order_id", "same", or_equal=True),
        ab("order_id", "down"),
        6,
    ),
    "column_pair_values_to_be_equal": (ab("order_id", "same"), ab("order_id", "down"), 9),
    "column_pair_values_to_be_in_set": (
        ab("third", "letter", value_pairs_set=EACH_PAIR),
        ab("third", "letter", value_pairs_set=EACH_PAIR[::2]),
        5,
    ),
    "column_proportion_of_non_null_values_to_be_between": bounds("gaps", 0.7, 0.7),
    "column_proportion_of_unique_values_to_be_between": bounds("third", 0.3, 0.3),
    "column_quantile_values_to_be_between": (
        of("order_id", quantile_ranges=median(4)),
        of("order_id", quantile_ranges=median(8)),
        None,
    ),
    "column_stdev_to_be_between": bounds("order_id", 3, 3.1),
    "column_sum_to_be_between": bounds("order_id", 45, 45),
    "column_to_exist": (of("order_id"), of("nothing"), None),
    "column_type_to_be": (of("name", type_="VARCHAR"), of("name", type_="BIGINT"), None),
    "column_unique_value_count_to_be_between": bounds("third", 3, 3),
    "column_value_lengths_to_be_between": (
        of("name", min_value=6, max_value=6),
        of("name", min_value=7),
        10,
    ),
    "column_value_lengths_to_equal": (of("name", value=6), of("name", value=5), 10),
    "column_value_z_scores_to_be_less_than": (
        of("order_id", threshold=3, double_sided=True),
        of("order_id", threshold=1, double_sided=True),
        4,
    ),
    "column_values_to_be_between": (of("order_id", max_value=9), of("order_id", min_value=3), 3),
    "column_values_to_be_dateutil_parseable": (of("day"), of("name"), 10),
    "column_values_to_be_decreasing": (of("down", strictly=True), of("third"), 6),
    "column_values_to_be_increasing": (of("moment", strictly=True), of("third"), 3),
    "column_values_to_be_json_parseable": (of("doc"), of("name"), 10),
    "column_values_to_be_in_set": (
        of("third", value_set=[0, 1, 2]),
        of("third", value_set=[0, 1]),
        3,
    ),
    "column_values_to_be_in_type_list": (
        of("pair", type_list=["LIST", "MAP"]),
        of("pair", type_list=["VARCHAR"]),
        None,
    ),
    "column_values_to_be_null": (of("gaps", mostly=0.3), of("gaps"), 7),
    "column_values_to_be_of_type": (
        of("money", type_="numeric(12, 2)"),
        of("money", type_="DECIMAL(10,2)"),
        None,
    ),
    "column_values_to_be_unique": (of("order_id"), of("third"), 10),
    "column_values_to_match_json_schema": (of("doc", **up_to(9)), of("doc", **up_to(6)), 3),
    "column_values_to_match_like_pattern": (
        of("name", like_pattern="item-%"),
        of("name", like_pattern="%-1"),
        9,
    ),
    "column_values_to_match_like_pattern_list": (
        of("name", like_pattern_list=["item%", "x%"], match_on="any"),
        of("name", like_pattern_list=["%1", "%2"], match_on="any"),
        8,
    ),
    "column_values_to_match_regex": (
        of("name", regex=r"^item-\d$"),
        of("name", regex="[0-4]$"),
        5,
    ),
    "column_values_to_match_regex_list": (
        of("name", regex_list=["^item", "x"], match_on="any"),
        of("name", regex_list=["1$", "2$"], match_on="any"),
        8,
    ),
    "column_values_to_match_strftime_format": (
        of("day", strftime_format="%Y-%m-%d"),
        of("day", strftime_format="%Y-%d-%b"),
        10,
    ),
    "column_values_to_not_be_in_set": (of("third", value_set=[7]), of("third", value_set=[2]), 3),
    "column_values_to_not_be_null": (of("order_id"), of("gaps"), 3),
    "column_values_to_not_be_outliers": (
        of("order_id", method="std", multiplier=3),
        of("order_id", method="std", multiplier=1),
        4,
    ),
    "column_values_to_not_match_like_pattern": (
        of("name", like_pattern="x%"),
        of("name", like_pattern="%1"),
        1,
    ),
    "column_values_to_not_match_like_pattern_list": (
        of("name", like_pattern_list=["x%"]),
        of("name", like_pattern_list=["%1", "%2"]),
        2,
    ),
    "column_values_to_not_match_regex": (of("name", regex="x"), of("name", regex="[12]$"), 2),
    "column_values_to_not_match_regex_list": (
        of("name", regex_list=["x"]),
        of("name", regex_list=["1$", "2$"]),
        2,
    ),
    "compound_columns_to_be_unique": (
        {"column_list": ["order_id", "third"]},
        {"column_list": ["third", "letter"]},
        8,
    ),
    "multicolumn_sum_to_equal": (
        {"column_list": ["order_id", "down"], "sum_total": 10},
        {"column_list": ["order_id", "same"], "sum_total": 10},
        9,
    ),
    "multicolumn_values_to_be_equal": (
        {"column_list": ["order_id", "same"]},
        {"column_list": ["order_id", "down"]},
        9,
    ),
    "select_column_values_to_be_unique_within_record": (
        {"column_list": ["letter", "name"]},
        {"column_list": ["order_id", "same"]},
        10,
    ),
    "table_column_count_to_be_between": (
        {"min_value": len(COLUMNS), "max_value": len(COLUMNS)},
        {"max_value": 2},
        None,
    ),
    "table_column_count_to_equal": ({"value": len(COLUMNS)}, {"value": 2}, None),
    "table_columns_to_match_ordered_list": (
        {"column_list": COLUMNS},
        {"column_list": COLUMNS[::-1]},
        None,
    ),
    "table_columns_to_match_set": (
        {"column_set": COLUMNS[::-1]},
        {"column_set": COLUMNS[1:], "exact_match": True},
        None,
    ),
    "table_row_count_to_be_between": (
        {"min_value": 10, "max_value": 10},
        {"max_value": 9},
        None,
    ),
    "table_row_count_to_equal": ({"value": 10}, {"value": 9}, None),
    "table_row_count_to_equal_other_table": (
        {"other_table_name": "numbers"},
        {"other_table_name": "orders"},
        None,
    ),
    "unexpected_rows_expectation": (
        {"unexpected_rows_query": "select * from {batch} where order_id > 9"},
        {"unexpected_rows_query": "select * from {batch} where order_id > 7"},
        2,
    ),
}
# It needs a second data source.
BEYOND_SQL = {
    "expect_query_results_to_match_comparison": {
        "base_query": "select 1",
        "comparison_query": "select 1",
        "comparison_data_source_name": "other",
    },
}
