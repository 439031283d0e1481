"""What may pass is told from what stays, by what databases and dbt really say."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from assetops.dbt.causes import CAUSES, all_pass, cause_of
from assetops.dbt.results import NodeResult

DOCS = Path(__file__).parents[2] / "docs/dbt.md"


def said(connection: duckdb.DuckDBPyConnection, *statements: str) -> str:
    """Return what the database says to the last statement."""
    with pytest.raises(duckdb.Error) as error:
        for statement in statements:
            connection.execute(statement).fetchall()
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "passes", "statements"),
    [
        ("code", False, ["selec 1"]),
        ("code", False, ["select missing from range(1)"]),
        ("code", False, ["select * from nowhere"]),
        ("data", False, ["select cast('x' as integer)"]),
        (
            "data",
            False,
            ["create table k (i integer primary key)", "insert into k values (1), (1)"],
        ),
        ("data", False, ["select 2147483647::integer + 1::integer"]),
        ("not there", False, ["select * from read_csv('/nowhere.csv')"]),
        ("not there", False, ["copy (select 1) to '/nowhere/x.csv'"]),
        (
            "disk full",
            False,
            ["copy (select range from range(1000000)) to '/dev/full' (format csv)"],
        ),
        (
            "disk full",
            False,
            [
                "set memory_limit = '20MB'",
                "set temp_directory = '{folder}/spilled'",
                "set max_temp_directory_size = '1MB'",
                "select count(distinct range || 'x') from range(5000000)",
            ],
        ),
        (
            "out of memory",
            True,
            [
                "set memory_limit = '20MB'",
                "set temp_directory = ''",
                "select list(range) from range(10000000)",
            ],
        ),
    ],
)
def test_errors_of_the_database_are_classed(
    tmp_path: Path, name: str, passes: bool, statements: list[str]
) -> None:
    with duckdb.connect() as connection:
        message = said(connection, *(text.format(folder=tmp_path) for text in statements))
    assert (cause_of(message).name, cause_of(message).passes) == (name, passes), message


def test_a_file_that_a_stranger_has_passes(tmp_path: Path) -> None:
    file = tmp_path / "held.duckdb"
    with duckdb.connect(file):
        program = f"import duckdb; duckdb.connect({str(file)!r})"
        words = [sys.executable, "-c", program]
        ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert cause_of(ended.stderr).name == "locked"
    assert cause_of(ended.stderr).passes


def test_a_conflict_of_transactions_passes() -> None:
    with duckdb.connect() as one, one.cursor() as other:
        one.execute("create table t (i integer)")
        other.execute("begin")
        one.execute("begin")
        one.execute("alter table t add column a integer")
        message = said(other, "alter table t add column b integer")
    assert cause_of(message).name == "conflict"


def test_what_was_interrupted_or_has_no_name_is_not_tried_again() -> None:
    assert not cause_of("INTERRUPT Error: Interrupted!").passes
    assert not cause_of("Something nobody has seen").passes
    assert cause_of("This model has an enforced contract that failed.").name == "contract"
    # Not for what a passing error of another name would say.
    assert not cause_of("Compilation Error\n  a comment says: timed out").passes


def test_a_step_is_tried_again_only_if_all_that_failed_may_pass() -> None:
    def result(status: str, message: str) -> NodeResult:
        return NodeResult("model.shop.a", status, message, None, "a.sql", None, None)

    locked = result("error", "IO Error: Could not set lock on file")
    assert all_pass([locked])
    assert not all_pass([locked, result("error", "Parser Error: syntax error")])
    # A test that failed says nothing about locks, whatever its rows contain.
    assert not all_pass([result("fail", "Could not set lock on file")])
    assert not all_pass([])


def test_every_cause_is_documented() -> None:
    rows = [row.split("|")[1:4] for row in DOCS.read_text().splitlines() if row.startswith("| ")]
    told = {name.strip(): (again.strip(), why.strip()) for name, again, why in rows}
    for cause in CAUSES:
        assert told[cause.name] == ("yes" if cause.passes else "no", cause.why)
