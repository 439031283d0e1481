"""A suite's checks in a Dagster project that uses nothing else of the platform."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from subprocess import PIPE
from typing import Any

import dagster as dg
import duckdb
import pytest
from dagster.components.core.package_entry import discover_package_objects

from assetops.errors import CheckCouldNotRun, SuiteError, WarehouseBusy
from assetops.quality import SuiteChecksComponent, suite_checks
from assetops.warehouse.foreign import open_beside

ROOT = Path(__file__).parents[2]
NOT_NULL = "expect_column_values_to_not_be_null"
COUNT = "expect_table_row_count_to_equal"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A DuckDB file with two orders, of which one has no address."""
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(
            "create schema sales; create table sales.orders as from "
            "(values (1, 'ana@example.com'), (2, null)) as t(order_id, email)"
        )
    return path


def suite(folder: Path, *entries: dict[str, Any], **more: Any) -> Path:
    path = folder / "orders.json"
    path.write_text(json.dumps({"name": "orders", "expectations": entries, **more}))
    return path


def expect(kind: str, severity: str = "critical", **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "severity": severity}


def run(*checks: dg.AssetChecksDefinition, **options: Any) -> dg.ExecuteInProcessResult:
    job = dg.define_asset_job("check", selection=dg.AssetSelection.all_asset_checks())
    definitions = dg.Definitions(asset_checks=checks, jobs=[job])
    with dg.DagsterInstance.ephemeral() as instance:
        return definitions.resolve_job_def("check").execute_in_process(
            instance=instance, raise_on_error=False, **options
        )


def found(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}


def reason(result: dg.ExecuteInProcessResult) -> str:
    (event,) = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None
    return str(data.description)


def test_every_expectation_is_a_check_and_a_failing_row_is_known_by_its_key(shop: Path) -> None:
    path = suite(shop.parent, expect(NOT_NULL, "warning", column="email"), expect(COUNT, value=2))
    result = run(suite_checks("sales/orders", path, shop, key=["order_id"], pii=["email"]))
    assert result.success
    assert found(result) == {"email_not_null": False, "row_count_equal": True}
    (shown,) = (e for e in result.get_asset_check_evaluations() if not e.passed)
    assert shown.metadata["failing percentage"].value == 50.0
    sample: Any = shown.metadata["sample"]
    assert sample.records == [dg.TableRecord({"order_id": "2", "email": "NULL"})]


def test_a_failing_critical_check_says_so_in_the_runs_failure(shop: Path) -> None:
    path = suite(shop.parent, expect(NOT_NULL, column="email"))
    result = run(suite_checks(["orders"], path, shop, table="sales.orders"))
    assert found(result) == {"email_not_null": False}
    expected = "orders: email_not_null: expected every row to have email; 1 of 2 rows"
    assert reason(result) == expected


def test_a_database_may_be_open_for_writing_in_the_same_process(shop: Path) -> None:
    path = suite(shop.parent, expect(COUNT, value=2))
    with duckdb.connect(shop):
        assert run(suite_checks("sales/orders", path, shop)).success


def test_a_connection_may_be_opened_by_a_function_of_ones_own(shop: Path) -> None:
    path = suite(shop.parent, expect(COUNT, value=2))
    assert run(suite_checks("sales/orders", path, lambda: duckdb.connect(shop))).success


@pytest.mark.parametrize("there", [False, True])
def test_a_file_that_is_no_database_is_errored_and_no_verdict(tmp_path: Path, there: bool) -> None:
    database = tmp_path / "none.duckdb"
    if there:
        database.write_text("no database" * 1000)
    path = suite(tmp_path, expect(COUNT, value=2))
    result = run(suite_checks("sales/orders", path, database))
    assert not result.success
    assert found(result) == {}
    assert reason(result).startswith(f"{database} ")
    assert "Materialise" in reason(result) or "cannot be opened" in reason(result)


def test_a_mistake_in_the_suite_is_found_when_the_project_loads(shop: Path) -> None:
    path = suite(shop.parent, expect("expect_column_values_to_not_be_nul", column="email"))
    with pytest.raises(SuiteError, match=f"orders.json:1: .*Did you mean {NOT_NULL}?"):
        suite_checks("orders", path, shop)
    with pytest.raises(SuiteError, match=r"none.json cannot be read: No such file or directory"):
        suite_checks("orders", shop.parent / "none.json", shop)


def test_parameters_of_ones_own_are_known_and_may_be_worked_out_late(shop: Path) -> None:
    path = suite(shop.parent, expect(COUNT, value={"$PARAMETER": "expected_rows"}))
    with pytest.raises(SuiteError, match="expected_rows is no parameter"):
        suite_checks("orders", path, shop)
    late = suite_checks("sales/orders", path, shop, parameters={"expected_rows": lambda: 2})
    assert run(late).success


def test_the_figure_before_is_handed_over_where_there_is_no_ledger(shop: Path) -> None:
    half = {"$PARAMETER": "previous_row_count * 0.5 + 0 * monday"}
    path = suite(shop.parent, expect(COUNT.replace("equal", "be_between"), min_value=half))
    with pytest.raises(SuiteError, match=r"ledger, which is not here: hand it over as parameters="):
        suite_checks("orders", path, shop)
    for before, good in ((4, True), (400, False)):
        handed = suite_checks("sales/orders", path, shop, parameters={"previous_row_count": before})
        assert run(handed).success is good


def test_files_need_no_database(tmp_path: Path) -> None:
    (tmp_path / "orders_1.csv").write_text("order_id,code\n1,a\n2,b\n")
    (tmp_path / "orders_2.csv").write_text("order_id,code\n3,c\n")
    path = suite(tmp_path, expect(COUNT, value=3))
    assert run(suite_checks("orders", path, input={"files": "orders_*.csv"})).success
    with pytest.raises(SuiteError, match=r"orders: input.file is no key of an input. Did you mean"):
        suite_checks("orders", path, input={"file": "orders_*.csv"})


def test_the_day_of_the_run_is_a_parameter_and_an_input(shop: Path) -> None:
    with duckdb.connect(shop) as connection:
        connection.execute(
            "create table sales.days as select date '2026-01-01' + i::int as day, i as n "
            "from range(10) as t(i)"
        )
    path = suite(
        shop.parent,
        expect(
            "expect_column_values_to_be_between",
            column="day",
            min_value={"$PARAMETER": "partition_start"},
            max_value={"$PARAMETER": "partition_end"},
        ),
        expect(COUNT, value=1),
        meta={"assetops": {"input": {"partition": "day"}}},
    )
    checks = suite_checks("sales/days", path, shop)
    assert run(checks, tags={"dagster/partition": "2026-01-04"}).success
    nothing = run(checks, tags={"dagster/partition": "2026-02-01"})
    assert found(nothing) == {"day_between": True, "row_count_equal": False}


def test_the_example_runs_and_its_gate_holds(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "examples" / "quality", tmp_path / "copy", ignore=shutil.ignore_patterns("*.duckdb")
    )
    spec = importlib.util.spec_from_file_location("example", tmp_path / "copy" / "definitions.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    defs = module.defs
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance)
    assert found(result) == {
        "order_id_unique": True,
        "status_in_set": True,
        "email_not_null": False,
    }
    made = [event.asset_key for event in result.get_asset_materialization_events()]
    assert dg.AssetKey("report") in made


DEFS_YAML = """
type: assetops.quality.SuiteChecksComponent
attributes:
  asset: sales/orders
  suite: orders.json
  database: ../../../shop.duckdb
  key: [order_id]
  pii: [email]
"""


def test_a_dg_project_declares_the_same_in_a_defs_yaml(shop: Path) -> None:
    (shop.parent / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "a_shop"\n'
    )
    folder = shop.parent / "a_shop" / "defs" / "orders"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder.parent.parent):
        (package / "__init__.py").touch()
    (folder / "defs.yaml").write_text(DEFS_YAML)
    suite(folder, expect(NOT_NULL, "warning", column="email"))
    sys.path.insert(0, str(shop.parent))
    try:
        defs = dg.load_from_defs_folder(path_within_project=shop.parent)
    finally:
        sys.path.remove(str(shop.parent))
    checks: list[Any] = list(defs.asset_checks or [])
    assert found(run(*checks)) == {"email_not_null": False}


def test_dg_finds_the_component_where_the_package_says() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    (module,) = tomllib.loads(text)["project"]["entry-points"][
        "dagster_dg_cli.registry_modules"
    ].values()
    found = discover_package_objects([module])
    assert [key.name for key in found] == ["SuiteChecksComponent"]


def test_a_component_knows_its_attributes() -> None:
    with pytest.raises(Exception, match="sweet"):
        SuiteChecksComponent.resolve_from_yaml("asset: orders\nsweet: orders.json")


def test_declaring_checks_imports_no_great_expectations() -> None:
    program = (
        "import sys; from assetops.quality import suite_checks, SuiteChecksComponent;"
        "sys.exit(', '.join({'great_expectations', 'pandas', 'dbt'} & set(sys.modules)) or None)"
    )
    here = {**os.environ, "PYTHONPATH": str(ROOT / "platform")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=here)
    assert done.returncode == 0, done.stderr


def test_a_missing_database_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(CheckCouldNotRun, match="is not there to be checked"):
        open_beside(tmp_path / "none.duckdb")


def test_a_database_that_another_process_writes_names_that_process(shop: Path) -> None:
    keep = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1])\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", keep, str(shop)]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE) as keeper:
        assert keeper.stdin and keeper.stdout
        keeper.stdout.readline()
        with pytest.raises(WarehouseBusy, match=rf"open for writing in .*pid {keeper.pid}"):
            open_beside(shop, wait=0.0)
        keeper.stdin.close()
