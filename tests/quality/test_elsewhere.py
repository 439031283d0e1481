"""Suites on tables in Postgres: the checks of another project, and gates of this one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from tests.quality.test_standalone import expect, found, reason, run, suite

from assetops.errors import CheckCouldNotRun, SuiteError
from assetops.ledger import Ledger
from assetops.model import Dataset, Relation, Status, Verdict
from assetops.project import Project
from assetops.quality import SuiteChecksComponent, suite_checks
from assetops.quality.checks import judge
from assetops.quality.suites import Suite
from assetops.quality.suites.inputs import Input, input_mistakes
from assetops.warehouse import Warehouse
from assetops.warehouse.postgres import open_postgres

NOT_NULL = "expect_column_values_to_not_be_null"
COUNT = "expect_table_row_count_to_equal"
SALES = """
create schema sales;
create table sales.orders (order_id bigint, email text, day timestamptz);
insert into sales.orders values (1, 'ana@example.com', '2026-01-01 00:00Z'),
  (2, null, '2026-01-01 23:59Z'), (3, 'cid@example.com', '2026-01-02 00:00Z');
create table public.orders as select order_id from sales.orders limit 1;
"""
SUITE = [expect(NOT_NULL, "warning", column="email"), expect(COUNT, value=3)]


@pytest.fixture
def sales(postgres_engine: sa.Engine) -> Iterator[sa.Connection]:
    with postgres_engine.connect() as connection:
        connection.exec_driver_sql(SALES)
        yield connection
        connection.exec_driver_sql("drop schema sales cascade; drop table public.orders")


def failing(sales: sa.Connection, shown: dg.AssetCheckEvaluation) -> Any:
    query = str(shown.metadata["query"].value).removeprefix("```sql").removesuffix("```")
    return sales.exec_driver_sql(query, execution_options={"no_parameters": True}).fetchall()


def test_another_projects_suite_runs_on_its_table(
    tmp_path: Path, sales: sa.Connection, postgres: str
) -> None:
    result = run(
        suite_checks(
            "sales/orders",
            suite(tmp_path, *SUITE),
            connection=postgres,
            key=["order_id"],
            pii=["email"],
        )
    )
    assert result.success
    assert found(result) == {"email_not_null": False, "row_count_equal": True}
    (shown,) = (e for e in result.get_asset_check_evaluations() if not e.passed)
    sample: Any = shown.metadata["sample"]
    assert sample.records == [dg.TableRecord({"order_id": "2", "email": "NULL"})]
    assert [row.order_id for row in failing(sales, shown)] == [2]


@pytest.mark.parametrize(
    ("looked_at", "table", "count"),
    [
        (None, None, 3),
        (None, "public.orders", 1),
        ({"query": "select * from {table} where email like '%@example.com';"}, None, 2),
        ({"range": {"column": "day", "from": "2026-01-01", "until": "2026-01-02"}}, None, 2),
        ({"partition": "day"}, None, 1),
        ({"connection": "SHOP_DB", "table": "public.orders"}, None, 1),
    ],
)
def test_a_part_of_a_table_is_looked_at(
    tmp_path: Path,
    sales: sa.Connection,
    postgres: str,
    looked_at: dict[str, Any] | None,
    table: str | None,
    count: int,
) -> None:
    checks = suite_checks(
        "sales/orders",
        suite(tmp_path, expect(COUNT, value=count)),
        input=looked_at,
        table=table,
        connection=postgres,
    )
    database = sales.engine.url.database
    sales.exec_driver_sql(f"alter database {database} set timezone = 'America/Toronto'")
    result = run(checks, tags={"dagster/partition": "2026-01-02"})
    sales.exec_driver_sql(f"alter database {database} reset timezone")
    assert found(result) == {"row_count_equal": True}


def test_a_key_of_one_part_is_a_public_table(
    tmp_path: Path, sales: sa.Connection, postgres: str
) -> None:
    path = suite(tmp_path, expect(COUNT, value=1))
    assert run(suite_checks("orders", path, connection=postgres)).success


def test_the_query_of_a_failing_part_can_be_run_by_itself(
    tmp_path: Path, sales: sa.Connection, postgres: str
) -> None:
    looked_at = {"query": "select * from {table} where email is null or 'a%' like '%'"}
    path = suite(tmp_path, expect(NOT_NULL, "warning", column="email"))
    result = run(suite_checks("sales/orders", path, input=looked_at, connection=postgres))
    (shown,) = result.get_asset_check_evaluations()
    assert [row.order_id for row in failing(sales, shown)] == [2]


def test_a_component_names_the_connection(
    tmp_path: Path, sales: sa.Connection, postgres: str
) -> None:
    suite(tmp_path, *SUITE)
    component = SuiteChecksComponent("sales/orders", "orders.json", connection=postgres)
    context: Any = type("Context", (), {"path": tmp_path})
    (checks,) = component.build_defs(context).asset_checks or ()
    assert isinstance(checks, dg.AssetChecksDefinition)
    assert found(run(checks)) == {"email_not_null": False, "row_count_equal": True}


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        ("sales/order", "sales.order is not there to be checked. Build it first."),
        ("nowhere/orders", "nowhere.orders is not there to be checked."),
    ],
)
def test_a_table_that_is_not_there_is_no_bad_data(
    tmp_path: Path, sales: sa.Connection, postgres: str, asset: str, expected: str
) -> None:
    result = run(suite_checks(asset, suite(tmp_path, *SUITE), connection=postgres))
    assert expected in reason(result)
    assert found(result) == {}


def test_a_query_that_does_not_run_says_why(
    tmp_path: Path, sales: sa.Connection, postgres: str
) -> None:
    looked_at = {"query": "select emial from {table}"}
    path = suite(tmp_path, expect(COUNT, value=1))
    result = run(suite_checks("sales/orders", path, input=looked_at, connection=postgres))
    assert 'sales.orders cannot be read in Postgres: column "emial" does not exist' in reason(
        result
    )


def refused(variable: str) -> str:
    with pytest.raises(CheckCouldNotRun) as caught:
        open_postgres(variable)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "SHOP_DB is not set. Set it in the environment"),
        ("postgresql://u:secret@localhost:1/d", "Connection refused. Mend the URL in SHOP_DB"),
        ("postgresql://u:secret@no.such.host.invalid/d", "could not translate host name"),
        ("postgresql://u:sec@ret@localhost/d", "write one that is in a password as %40"),
        ("postgresql://u:secret@localhost:secret/d", "SHOP_DB holds no URL"),
        ("mysql://u:secret@localhost/d", "another URL than one such as postgresql://"),
        ("secret", "SHOP_DB holds no URL such as postgresql://user:password@host"),
        ("postgresql://u:s@h?ecret@localhost/d", "write one that is in a password as %40"),
        ("postgresql://u:secret@localhost/d?sslmod=1", 'invalid connection option "sslmod"'),
    ],
)
def test_a_server_that_cannot_be_reached_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str, expected: str
) -> None:
    monkeypatch.setenv("SHOP_DB", url)
    said = refused("SHOP_DB")
    assert expected in said
    assert "secret" not in said and "ret@" not in said


def test_a_wrong_password_is_not_repeated(
    sales: sa.Connection, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sales.exec_driver_sql("create role guarded login password 'right'")
    (file,) = sales.exec_driver_sql("show hba_file").one()
    before = Path(file).read_text()
    guarded = sa.make_url(postgres_url).set(username="guarded")
    try:
        Path(file).write_text("local all guarded scram-sha-256\n" + before)
        sales.exec_driver_sql("select pg_reload_conf()")
        monkeypatch.setenv(
            "SHOP_DB", guarded.set(password="wrong").render_as_string(hide_password=False)
        )
        said = refused("SHOP_DB")
        monkeypatch.setenv(
            "SHOP_DB", guarded.set(password="right").render_as_string(hide_password=False)
        )
        open_postgres("SHOP_DB").close()
    finally:
        Path(file).write_text(before)
        sales.exec_driver_sql("select pg_reload_conf()")
        sales.exec_driver_sql("drop role guarded")
    assert 'password authentication failed for user "guarded"' in said
    assert "wrong" not in said


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"connection": "SHOP_DB", "files": "*.csv"}, "looked at whole, or by one of"),
        ({"connection": "SHOP_DB", "query": "x", "partition": "y"}, "looked at whole, or by"),
        ({"table": "a.b", "query": "x"}, "name the connection"),
        ({"connection": "postgresql://u:secret@h/d"}, "the name of the environment variable"),
        ({"connection": "SHOP_DB", "tabel": "a.b"}, "Did you mean table?"),
    ],
)
def test_a_mistake_in_an_input_is_told_without_a_password(
    block: dict[str, Any], expected: str
) -> None:
    said = "".join(said for said, _ in input_mistakes(block))
    assert expected in said
    assert "secret" not in said


def test_a_mistake_in_the_call_is_told_when_the_project_loads(tmp_path: Path) -> None:
    path = suite(tmp_path, *SUITE)
    with pytest.raises(SuiteError, match="the name of the environment variable") as caught:
        suite_checks("orders", path, connection="postgresql://u:secret@h/d")
    assert "secret" not in str(caught.value)
    with pytest.raises(SuiteError, match="files are not in Postgres"):
        suite_checks("orders", path, connection="SHOP_DB", input={"files": "*.csv"})


def test_a_gate_looks_at_its_table_in_postgres(
    project: Project,
    warehouse: Warehouse,
    ledger: Ledger,
    suite: Callable[..., Suite],
    expecting: Callable[..., Any],
    sales: sa.Connection,
    postgres: str,
) -> None:
    looked_at = Input(connection=postgres, table="sales.orders")
    asked = suite(
        expecting(NOT_NULL, "mail", column="email"), expecting(COUNT, "rows", value=3)
    ).model_copy(update={"input": looked_at})
    mart = project.by_address["marts/orders"]
    nowhere = Relation(schema_name="not", name="here")

    def judged(dataset: Dataset) -> tuple[list[Verdict], str]:
        return judge(dataset, asked, warehouse, ledger, facts={}, root=project.settings.root)

    (mail, count), state = judged(mart)
    assert (mail.status, count.status) == (Status.FAILED, Status.PASSED)
    assert mail.sample == ({"order_id": 2, "email": None},)
    # Rows that fail are no rows of the warehouse, where some may look like them.
    assert mail.failing_rows == 1 and not mail.by_row
    # What is found counts for the mart as it is; without one, for the table that is looked at.
    assert state == warehouse.fingerprint(mart.relation)
    alone = mart.model_copy(update={"relation": nowhere})
    before = judged(alone)[1]
    assert judged(alone)[1] == before
    sales.exec_driver_sql("update sales.orders set order_id = 7 where order_id = 3")
    assert judged(alone)[1] != before
