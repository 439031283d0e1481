"""Where an engine's answer is not that of another, and why: these and no others."""

from collections.abc import Iterator
from dataclasses import dataclass

ALL = ("plain", "null-ridden", "all null", "empty")
NO_VALUES = ("all null", "empty")


@dataclass(frozen=True)
class Difference:
    """Some expectations, on some of the tables, and why they differ there."""

    expectations: tuple[str, ...]
    data: tuple[str, ...]
    reason: str


DIFFERENCES = (
    Difference(
        (
            "column_values_to_match_like_pattern",
            "column_values_to_match_like_pattern_list",
            "column_values_to_not_match_like_pattern",
            "column_values_to_not_match_like_pattern_list",
            "table_row_count_to_equal_other_table",
            "unexpected_rows_expectation",
        ),
        ALL,
        "SQL only: DuckDB answers, pandas errors.",
    ),
    Difference(
        (
            "column_type_to_be",
            "column_values_to_be_in_type_list",
            "column_values_to_be_of_type",
        ),
        ALL,
        "Types are named as DuckDB names them (`VARCHAR`, `DECIMAL(12,2)`) and are the column's; "
        "pandas looks at each value for a Python type, and errors on a name it does not know.",
    ),
    Difference(
        (
            "column_values_to_match_regex",
            "column_value_lengths_to_be_between",
            "column_values_to_be_json_parseable",
            "column_values_to_be_in_set",
        ),
        ("null-ridden",),
        "A pattern, a length or JSON of a number, a number in a set of texts: a type that makes "
        "no sense errors; pandas turns the numbers into text, or calls them all unexpected.",
    ),
    Difference(
        ("column_values_to_be_increasing",),
        ("null-ridden",),
        "Texts have an order: DuckDB compares them, pandas cannot subtract them and errors.",
    ),
    Difference(
        ("column_values_to_match_json_schema",),
        ("null-ridden",),
        "A text that is no JSON matches no schema: it is unexpected, where pandas errors.",
    ),
    Difference(
        ("column_pair_values_a_to_be_greater_than_b", "multicolumn_sum_to_equal"),
        ("null-ridden",),
        "In a row with one value missing, SQL cannot say that the comparison fails, and does not "
        "count the row; pandas does. Expect the columns to be not null as well.",
    ),
    Difference(
        ("compound_columns_to_be_unique",),
        ("null-ridden",),
        "A key with a part missing repeats no other, as in SQL; to pandas nulls are equal.",
    ),
    Difference(
        ("column_sum_to_be_between",),
        NO_VALUES,
        "The sum of no values is null, and so within no bounds; to pandas it is 0.",
    ),
    Difference(
        ("column_kl_divergence_to_be_less_than",),
        NO_VALUES,
        "No values have no distribution: DuckDB errors, pandas fails without an observed value.",
    ),
)

# Where our gates on Postgres say another thing than on DuckDB.
OF_POSTGRES = (
    Difference(
        ("column_values_to_be_decreasing", "column_values_to_be_increasing"),
        ALL,
        "The rows of a table in Postgres have no order of their own: errored. Name the column "
        "that orders them, in an `unexpected_rows_expectation` with a window function.",
    ),
    Difference(
        (
            "column_type_to_be",
            "column_values_to_be_in_type_list",
            "column_values_to_be_of_type",
        ),
        ALL,
        "Types are named as Postgres and SQLAlchemy name them (`TEXT`, `NUMERIC(12, 2)`).",
    ),
)


def pairs(differences: tuple[Difference, ...] = DIFFERENCES) -> Iterator[tuple[str, str]]:
    """Return each expectation that differs with the table on which it does."""
    for difference in differences:
        for expectation in difference.expectations:
            for data in difference.data:
                yield expectation, data


def page_rows() -> Iterator[str]:
    """Return the rows of the table in docs/quality/conformance.md."""
    for difference in (*DIFFERENCES, *OF_POSTGRES):
        kinds = ", ".join(f"`{kind}`" for kind in difference.expectations)
        yield f"| {kinds} | {', '.join(difference.data)} | {difference.reason} |"
