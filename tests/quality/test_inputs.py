"""What a suite can look at beside a whole table, and how it says so in its file."""

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assetops.errors import CheckCouldNotRun, SuiteError
from assetops.ledger import Ledger
from assetops.model import Relation
from assetops.project import Project
from assetops.quality.checks import judge
from assetops.quality.suites import load_suites
from assetops.quality.suites.inputs import Input, prepared
from assetops.quality.suites.parameters import parameters_of
from assetops.warehouse import Warehouse

ORDERS = Relation(schema_name="marts", name="orders")
AS_OF = datetime(2026, 1, 5)
NOT_NULL = "expect_column_values_to_not_be_null"

Looked = Callable[..., list[Any]]


@pytest.fixture
def looked(database: duckdb.DuckDBPyConnection, tmp_path: Path) -> Iterator[Looked]:
    """Return the rows that an input makes a suite look at."""

    def look(
        block: dict[str, Any],
        select: str = "order_id",
        types: dict[str, str | None] | None = None,
        **facts: Any,
    ) -> list[Any]:
        # What is prepared belongs to one connection alone.
        connection = database.cursor()
        relation = prepared(
            connection,
            Input.model_validate(block),
            ORDERS,
            base=tmp_path,
            parameters=parameters_of(facts or {"as_of": AS_OF}),
            types=types or {},
        ).relation
        query = f"select {select} from {relation.quoted} order by all"
        return [row[0] for row in connection.execute(query).fetchall()]

    yield look


CSV = "order_id,code\n1,7\n2,\n"


@pytest.mark.parametrize(
    ("name", "content", "pattern"),
    [
        ("a.csv", CSV, "a.csv"),
        ("a.jsonl", '{"order_id": 1}\n{"order_id": 2}\n', "*.jsonl"),
        ("deep/er/a.csv", CSV, "**/*.csv"),
        ("o'rders.csv", CSV, "o'rders.csv"),
    ],
)
def test_text_files_are_read_where_they_are(
    looked: Looked, tmp_path: Path, name: str, content: str, pattern: str
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(content)
    assert looked({"files": pattern}) == [1, 2]


def test_text_is_parsed_once_and_parquet_is_not_copied(
    database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    database.execute(f"copy marts.orders to '{tmp_path}/a.parquet'")
    database.execute(f"copy marts.orders to '{tmp_path}/b.parquet'")
    (tmp_path / "a.csv").write_text(CSV)
    for files, kind, rows in (("a.csv", "LOCAL TEMPORARY", 2), ("*.parquet", "VIEW", 8)):
        connection = database.cursor()
        asked = Input.model_validate({"files": files})
        relation = prepared(
            connection, asked, ORDERS, base=tmp_path, parameters={}, types={}
        ).relation
        (tmp_path / "a.csv").unlink(missing_ok=True)
        found = connection.execute(
            "select table_type from information_schema.tables where table_name = ?",
            [relation.name],
        ).fetchall()
        assert found == [(kind,)]
        counted = connection.execute(f"select count(*) from {relation.quoted}").fetchone()
        assert counted == (rows,)


def test_text_has_the_types_of_the_contract(looked: Looked, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    assert looked({"files": "a.csv"}, "code") == [7, None]
    assert looked({"files": "a.csv"}, "code", {"code": "VARCHAR", "gone": "DATE"}) == ["7", None]


def test_a_format_may_be_said(looked: Looked, tmp_path: Path) -> None:
    (tmp_path / "orders.txt").write_text(CSV)
    assert looked({"files": "orders.txt", "format": "csv"}) == [1, 2]


@pytest.mark.parametrize(
    ("block", "orders"),
    [
        ({"query": "select * from {table} where status = 'lost';"}, [3]),
        ({"query": "select * from marts.orders -- all\nwhere total > 15"}, [3]),
        ({"range": {"column": "updated_at", "last": "2d"}}, [3, 3]),
        ({"range": {"column": "updated_at", "last": "36h"}}, [3, 3]),
        ({"range": {"column": "updated_at", "from": "2026-01-02", "until": "2026-01-03"}}, [2]),
        ({"range": {"column": "updated_at", "until": "2026-01-02 11:00"}}, [1]),
        (
            {"range": {"column": "updated_at", "from": {"$PARAMETER": "as_of_minus_1_day"}}},
            [3],
        ),
        ({"partition": "updated_at"}, [3]),
    ],
)
def test_some_rows_of_the_table(looked: Looked, block: dict[str, Any], orders: list[int]) -> None:
    assert looked(block) == orders


def test_a_run_of_several_days_looks_at_all_of_them(looked: Looked) -> None:
    days = {"partition": date(2026, 1, 1), "last_partition": date(2026, 1, 3)}
    assert looked({"partition": "updated_at"}, as_of=AS_OF, **days) == [1, 2, 3]


def test_a_bound_may_have_each_weekdays_own_figure(
    database: duckdb.DuckDBPyConnection, expecting: Callable[..., Any], judged: Callable[..., Any]
) -> None:
    rows = {"$PARAMETER": "9 * monday + 4 * friday + 3 * saturday"}
    rule = expecting("expect_table_row_count_to_be_between", "rows", min_value=rows)
    found = {
        day: judged(rule, parameters=parameters_of({"partition": date(2026, 1, day)}))["rows"]
        for day in (2, 3, 4, 5)
    }
    said = {day: (verdict.status.value, verdict.expected) for day, verdict in found.items()}
    assert said == {
        2: ("passed", "the number of rows at least 4"),
        3: ("passed", "the number of rows at least 3"),
        4: ("passed", "the number of rows at least 0"),
        5: ("failed", "the number of rows at least 9"),
    }


def test_a_days_rows_are_found_without_looking_for_other_days(
    database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    days = parameters_of({"partition": date(2026, 1, 2)})
    asked = Input.model_validate({"partition": "updated_at"})
    relation = prepared(database, asked, ORDERS, base=tmp_path, parameters=days, types={}).relation
    plan = database.execute(f"explain select count(*) from {relation.quoted}").fetchall()
    said = " ".join(str(plan).split())
    assert "2026-01-02" in said
    assert "2026-01-03" in said
    assert "DISTINCT" not in said.upper()
    # The comparison reaches the scan as it is: no function around the column hides it.
    assert "CAST" not in said.upper()


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"files": "none_*.csv"}, "No file matches none_*.csv in "),
        ({"query": "select * from nothing"}, "the query of its input cannot be read: "),
        ({"query": "select 1; select 2"}, "the query of its input cannot be read: Parser Error"),
        ({"files": "broken.parquet"}, "broken.parquet cannot be read: InvalidInput"),
        ({"files": "broken.csv"}, "broken.csv, line 3 cannot be read"),
        (
            {"range": {"column": "updated_at", "from": {"$PARAMETER": "as_of"}}},
            "the input's parameter as_of has no value here",
        ),
    ],
)
def test_what_cannot_be_looked_at_is_errored_and_names_it(
    looked: Looked, tmp_path: Path, block: dict[str, Any], said: str
) -> None:
    (tmp_path / "broken.parquet").write_text("secret" * 100)
    (tmp_path / "broken.csv").write_text("order_id,n\n1,2\n2,secret\n")
    with pytest.raises(CheckCouldNotRun) as error:
        looked(block, types={"n": "BIGINT"}, as_of=None)
    assert str(error.value).startswith(said)
    assert "secret" not in str(error.value)


def write(project: Project, block: Any, *, address: str = "marts/orders", **ours: Any) -> None:
    path = project.suites_dir / f"{address}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = {"type": NOT_NULL, "kwargs": {"column": "order_id"}}
    meta = {"assetops": {"input": block, **ours}}
    suite = {"name": address.replace("/", "."), "meta": meta, "expectations": [entry]}
    path.write_text(json.dumps(suite, indent=1))


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (
            {"file": "*.csv"},
            "orders.json:6: meta.assetops.input.file is no key of an input. Did you mean files?",
        ),
        (
            {"range": {"column": "updated_at", "form": "2026-01-01"}},
            "input.range.form is no key of an input. Did you mean from?",
        ),
        ({"range": {"last": "3d"}}, "orders.json:6: meta.assetops.input.range.column is missing."),
        ({"range": {"column": "updated_at"}}, "input.range: a range has last, from or until."),
        ({"range": {"column": "updated_at", "last": "3x"}}, "m, h or d, such as 26h."),
        ({"range": {"column": "updated_at", "from": "soon"}}, "a bound is a date such as"),
        (
            {"range": {"column": "updated_at", "from": {"$PARAMETER": "partition_sart"}}},
            "it may be one parameter. Did you mean partition_start?",
        ),
        ({"range": {"column": "updatd_at", "last": "3d"}}, "Did you mean updated_at?"),
        ({"partition": "updatd_at"}, "marts/orders has no column updatd_at. Did you mean"),
        ({"files": "*.csv", "query": "select 1"}, "an input has exactly one of files, query,"),
        ({"files": "orders"}, "the format of orders is not plain from its name: add format."),
        ({"files": "orders", "format": "cvs"}, "meta.assetops.input.format"),
        ({"query": "select 1", "format": "csv"}, "only files have a format."),
        ("all", "meta.assetops.input"),
    ],
)
def test_a_mistake_in_an_input_names_its_line_and_the_nearest_word(
    project: Project, block: Any, said: str
) -> None:
    write(project, block)
    with pytest.raises(SuiteError) as error:
        load_suites(project)
    assert str(error.value).startswith("gx/expectations/marts/orders.json:")
    assert said in str(error.value)


def test_unknown_keys_of_ours_are_refused(project: Project) -> None:
    write(project, None, imput={"query": "select 1"})
    with pytest.raises(SuiteError, match=r"assetops.imput is no key of a suite. Did you mean inp"):
        load_suites(project)


def test_an_ingested_source_is_looked_at_batch_by_batch(project: Project) -> None:
    write(project, {"query": "select 1"}, address="retail/orders")
    with pytest.raises(SuiteError, match="retail/orders is ingested: its suite looks at each batc"):
        load_suites(project)


def test_a_marts_suite_looks_at_its_input_and_is_remembered_on_the_marts_state(
    project: Project, warehouse: Warehouse, ledger: Ledger
) -> None:
    write(project, {"query": "select null as order_id from {table} where status = 'lost'"})
    suite = load_suites(project)["marts/orders"]
    dataset = project.dataset("marts/orders")
    verdicts, state = judge(
        dataset, suite, warehouse, ledger, facts={"as_of": AS_OF}, root=project.settings.root
    )
    assert [(v.failing_rows, v.rows) for v in verdicts] == [(1, 1)]
    # The query is one that can still be run when the input is gone.
    with warehouse.connect() as connection:
        assert connection.execute(str(verdicts[0].query)).fetchall() == [(None,)]
    assert state == warehouse.fingerprint(ORDERS)


def test_files_are_looked_at_from_the_projects_root_for_the_mart_or_for_themselves(
    project: Project, warehouse: Warehouse, ledger: Ledger
) -> None:
    root = project.settings.root
    (root / "drop").mkdir()
    (root / "drop" / "a.csv").write_text("order_id,email\n1,ana@example.com\n,bob@example.com\n")
    write(project, {"files": "drop/*.csv"})
    suite, dataset = load_suites(project)["marts/orders"], project.dataset("marts/orders")
    _, state = judge(dataset, suite, warehouse, ledger, facts={}, root=root)
    # Publication asks what was found on exactly what the mart holds.
    assert state == warehouse.fingerprint(ORDERS)
    with warehouse.connect() as connection:
        connection.execute("drop table marts.orders")
    verdicts, without = judge(dataset, suite, warehouse, ledger, facts={}, root=root)
    assert without != state
    assert [(v.failing_rows, v.rows) for v in verdicts] == [(1, 2)]
    with warehouse.connect() as connection:
        found = connection.execute(str(verdicts[0].query)).fetchall()
    assert found == [(None, "bob@example.com")]
