"""What is taken for a cron line, Dagster takes too."""

import pytest
from dagster._utils.schedules import is_valid_cron_string

from assetops.model import is_cron


@pytest.mark.parametrize(
    "line",
    ["* * * * *", "*/5 * * * *", "0 6 * * mon-fri", "0 6 1,15 * 7", "0 6 1-10/3 jan *"],
)
def test_a_cron_line_is_one_for_dagster_too(line: str) -> None:
    assert is_cron(line)
    assert is_valid_cron_string(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "0 6 * *",
        "0 25 * * *",
        "*/0 * * * *",
        "5-2 * * * *",
        "0 0 31 2 *",
        "0 0 30 feb *",
        "0 6 * * someday",
        "daily",
    ],
)
def test_what_never_comes_or_means_nothing_is_none(line: str) -> None:
    assert not is_cron(line)
