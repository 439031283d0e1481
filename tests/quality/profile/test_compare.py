"""A suite that a person wrote stays; what the draft has otherwise is told beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assetops.quality.profile.compare import Change, differences
from assetops.quality.profile.draft import Draft
from assetops.quality.suites import Suite
from assetops.quality.suites.reading import Expectation

BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
ROWS = "expect_table_row_count_to_be_between"
NOT_NULL = "expect_column_values_to_not_be_null"

Against = Callable[..., dict[tuple[str, str], Change]]


@pytest.fixture
def against(drafted: Callable[..., Draft], expecting: Callable[..., Expectation]) -> Against:
    """Return the differences to a suite of one expectation, by what they are and its name."""

    def compare(kind: str, name: str, **kwargs: Any) -> dict[tuple[str, str], Change]:
        written = (expecting(kind, name, **kwargs),)
        suite = Suite(address="marts/invoices", path=Path("/none"), expectations=written)
        return {(c.what, c.name): c for c in differences(drafted(), suite)}

    return compare


@pytest.mark.parametrize(
    ("kind", "kwargs", "what"),
    [
        (BETWEEN, {"column": "net", "max_value": 10_000}, "tighter"),
        (BETWEEN, {"column": "net", "max_value": 120}, "looser"),
        (BETWEEN, {"column": "net", "min_value": 0}, "tighter"),
        (BETWEEN, {"column": "net", "max_value": {"$PARAMETER": "as_of"}}, "other"),
        (IN_SET, {"column": "state", "value_set": ["open", "paid", "void", "lost"]}, "tighter"),
        (IN_SET, {"column": "state", "value_set": ["open", "paid"]}, "looser"),
        (ROWS, {"min_value": 1}, "tighter"),
    ],
)
def test_a_bound_is_compared_with_the_bound_of_the_same_side(
    against: Against, kind: str, kwargs: dict[str, Any], what: str
) -> None:
    assert (what, "mine") in against(kind, "mine", **kwargs)


def test_what_both_say_is_no_difference(against: Against) -> None:
    changes = against(NOT_NULL, "number_is_there", column="number")
    assert not [change for _, change in changes.items() if "number_not_null" in change.name]
    assert ("add", "net_not_null") in changes


@pytest.mark.parametrize(
    ("kind", "kwargs", "found"),
    [
        (NOT_NULL, {"column": "note"}, "500 of 2,000 rows null."),
        (NOT_NULL, {"column": "note", "mostly": 0.9}, "500 of 2,000 rows null."),
        (BETWEEN, {"column": "net", "max_value": 50}, "there is a value of 94."),
        (BETWEEN, {"column": "made_at", "min_value": "2026-01-02"}, "2026-01-01 00:00:00"),
        (IN_SET, {"column": "state", "value_set": ["open", "paid"]}, "there is void, too."),
        (ROWS, {"max_value": 100}, "there are 2,000 rows."),
        ("expect_column_mean_to_be_between", {"column": "net", "max_value": 9}, "a mean of"),
        (
            "expect_column_value_lengths_to_be_between",
            {"column": "number", "max_value": 3},
            "a length of 9",
        ),
    ],
)
def test_what_the_data_contradicts_is_told_with_the_evidence(
    against: Against, kind: str, kwargs: dict[str, Any], found: str
) -> None:
    assert found in against(kind, "mine", **kwargs)["contradicted", "mine"].reason


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        (NOT_NULL, {"column": "note", "mostly": 0.7}),
        (BETWEEN, {"column": "net", "max_value": 50, "mostly": 0.1}),
        (BETWEEN, {"column": "net", "max_value": 50, "row_condition": 'col("state") == "void"'}),
        (BETWEEN, {"column": "made_at", "max_value": {"$PARAMETER": "as_of"}}),
        (IN_SET, {"column": "email", "value_set": ["nobody"]}),
    ],
)
def test_what_was_not_measured_is_not_contradicted(
    against: Against, kind: str, kwargs: dict[str, Any]
) -> None:
    assert ("contradicted", "mine") not in against(kind, "mine", **kwargs)
