"""The command says what it wrote, what is next, and what is wrong with its arguments."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from tests.retail.landed import PLATFORM, START, command, contents

from retail.simulate.landing import publish


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_beside_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "orders" / "2025-09-01.csv"
    publish(path, pa.py_buffer(b"old"))
    with pytest.raises(TypeError):
        publish(path, "no bytes")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--days", "0"], ["'--days'", "0 is too small; give 1 or more"]),
        (["--days", "many"], ["'--days'", "'many'"]),
        (["--days", "99999999999"], ["--days reaches beyond the calendar"]),
        (["--days", "40000"], ["give --start 1980-01-01 or later"]),
        (["--days", "9999999", "--start", "2025-01-01"], ["--days reaches beyond the calendar"]),
        (["--orders-per-day", "-3"], ["'--orders-per-day'", "give 1 or more"]),
        (["--orders-per-day", "9999999"], ["'--orders-per-day'", "give 1000000 or less"]),
        (["--start", "2025-13-01"], ["'--start'", "'2025-13-01' is not a date", "2026-01-31"]),
        (["--start", "1066-10-14"], ["first day is 1066-10-14; give --start 1980-01-01 or later"]),
        (["--seed", "-1"], ["'--seed'", "give 0 or more"]),
    ],
)
def test_a_bad_argument_is_named_with_its_mend(
    tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    result = command("--out", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert [word for word in words if word not in said] == []
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_an_out_path_that_is_a_file_or_lies_under_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        result = command("--days", "1", "--out", out)
        assert result.exit_code == 2
        said = " ".join(result.output.split())
        assert "cannot be written (a file is in the way); name a folder that can" in said
    assert (tmp_path / "file").read_text() == "mine"


def test_the_command_ends_yesterday_says_what_it_wrote_and_what_is_next(tmp_path: Path) -> None:
    result = command("--days", "3", "--orders-per-day", "20", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    days = sorted(path.stem for path in (tmp_path / "orders").iterdir())
    assert days == [str(yesterday - timedelta(days=back)) for back in (2, 1, 0)]
    assert "web_events" in result.output
    assert "assetops build" in result.output


def test_without_a_start_the_shop_of_the_folder_goes_on_until_yesterday(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    begun = ("--start", str(today - timedelta(days=6)), "--orders-per-day", "20")
    assert command(*begun, "--days", "4", "--out", tmp_path).exit_code == 0
    before = contents(tmp_path)
    result = command("--days", "5", "--orders-per-day", "20", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    after = contents(tmp_path)
    assert {path: after[path] for path in before} == before
    assert len(list((tmp_path / "orders").iterdir())) == 6


@pytest.mark.parametrize(
    "other", [["--seed", "8"], ["--orders-per-day", "21"], ["--start", "2025-08-31"]]
)
def test_two_shops_do_not_share_a_folder(tmp_path: Path, other: list[str]) -> None:
    shop = ("--days", "1", "--start", str(START), "--orders-per-day", "20", "--out", tmp_path)
    assert command(*shop).exit_code == 0
    before = contents(tmp_path)
    result = command(*shop, *other)
    assert result.exit_code == 2
    assert "holds another shop (--start 2025-09-01" in " ".join(result.output.split())
    assert contents(tmp_path) == before


def test_a_marker_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".shop.json").write_text("{")
    result = command("--days", "1", "--out", tmp_path)
    assert result.exit_code == 2
    assert ".shop.json cannot be read" in result.output


@pytest.mark.parametrize("module", ["retail", "retail.cli"])
def test_importing_the_command_loads_nothing_heavy(module: str) -> None:
    heavy = "numpy pandas pyarrow sklearn rich great_expectations dbt dagster".split()
    script = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PLATFORM)},
    )
    assert found.stdout.strip() == "[]"
