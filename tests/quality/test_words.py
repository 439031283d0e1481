"""Checks have readable names, and say what they expect in a sentence."""

import subprocess
import sys
from typing import Any

import pytest

from assetops.quality.suites.words import check_name, sentence

NOT_NULL = "expect_column_values_to_not_be_null"
BETWEEN = "expect_column_values_to_be_between"
ROWS = "unexpected_rows_expectation"


PAID_OR_LATE = {
    "type": "or",
    "conditions": [
        {"type": "comparison", "column": {"name": "stauts"}, "operator": "==", "parameter": "paid"},
        {"type": "nullity", "column": {"name": "updated_at"}, "is_null": False},
    ],
}


@pytest.mark.parametrize(
    ("kind", "kwargs", "name"),
    [
        (NOT_NULL, {"column": "email"}, "email_not_null"),
        ("expect_column_values_to_be_in_set", {"column": "a b"}, "a_b_in_set"),
        ("expect_column_max_to_be_between", {"column": "at"}, "at_max_between"),
        ("expect_column_pair_values_to_be_equal", {"column_A": "a", "column_B": "b"}, "a_b_equal"),
        ("expect_compound_columns_to_be_unique", {"column_list": ["a", "b"]}, "a_b_unique"),
        ("expect_table_row_count_to_be_between", {}, "row_count_between"),
        (
            "expect_table_columns_to_match_ordered_list",
            {"column_list": ["a"]},
            "columns_match_ordered_list",
        ),
        (ROWS, {}, "unexpected_rows_expectation"),
    ],
)
def test_a_check_has_a_readable_name(kind: str, kwargs: dict[str, Any], name: str) -> None:
    assert check_name(kind, kwargs) == name


@pytest.mark.parametrize(
    ("kind", "kwargs", "said"),
    [
        (BETWEEN, {"column": "total", "min_value": 1, "max_value": 5}, "total between 1 and 5"),
        (
            BETWEEN,
            {"column": "total", "min_value": 0, "strict_min": True, "max_value": 5},
            "total above 0 and at most 5",
        ),
        (BETWEEN, {"column": "total"}, "total anything"),
        (
            "expect_column_values_to_be_in_set",
            {"column": "s", "value_set": list("abcdefgh"), "mostly": 0.9},
            "s one of a, b, c, d, e, f and 2 more, in at least 0.9 of the rows",
        ),
        (
            "expect_column_pair_values_a_to_be_greater_than_b",
            {"column_A": "ends", "column_B": "starts", "or_equal": True},
            "ends no less than starts",
        ),
        (
            NOT_NULL,
            {"column": "total", "row_condition": 'col("status") == "paid"'},
            'every row to have total, where col("status") == "paid"',
        ),
        (
            NOT_NULL,
            {"column": "total", "row_condition": PAID_OR_LATE},
            "every row to have total, where stauts == paid or updated_at is not null",
        ),
        ("expect_column_values_to_be_increasing", {"column": "id"}, "id increasing"),
        (ROWS, {}, "no rows that the query finds"),
    ],
)
def test_an_expectation_is_said_in_a_sentence(kind: str, kwargs: dict[str, Any], said: str) -> None:
    assert sentence(kind, kwargs) == said


def test_reading_suites_imports_neither_great_expectations_nor_pandas() -> None:
    code = (
        "import sys, assetops.quality.suites, assetops.quality.checks;"
        "sys.exit(', '.join({'great_expectations', 'pandas'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
