"""A gate runs a suite on its table, remembers what it found, and holds back what follows."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from subprocess import PIPE
from typing import Any

import dagster as dg
import pytest

from assetops.ledger import Ledger
from assetops.model import Batch, Relation
from assetops.project import Project
from assetops.quality.checks import batch_gate, gate_checks
from assetops.quality.suites import Suite
from assetops.warehouse import Warehouse

MARTS_ORDERS = dg.AssetKey(["marts", "orders"])
NOT_NULL = "expect_column_values_to_not_be_null"
BETWEEN = "expect_column_values_to_be_between"
REGEX = "expect_column_values_to_match_regex"
AS_OF = datetime(2026, 1, 5)

SuiteOf = Callable[..., Suite]
Expecting = Callable[..., Any]


class Gated:
    """A run that builds marts/orders, gates it and publishes it."""

    def __init__(self, project: Project, warehouse: Warehouse, ledger: Ledger) -> None:
        self.project, self.warehouse, self.ledger = project, warehouse, ledger
        self.state = warehouse.fingerprint(Relation(schema_name="marts", name="orders"))

    def run(
        self,
        suite: Suite,
        *,
        only: str | None = None,
        facts: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        @dg.asset(key=MARTS_ORDERS)
        def orders() -> None:
            pass

        @dg.asset(key=["published", "orders"], deps=[orders])
        def published() -> None:
            pass

        gates = gate_checks(
            self.project,
            self.warehouse,
            self.ledger,
            {suite.address: suite},
            lambda: facts or {"as_of": AS_OF},
        )
        selection: Any = dg.AssetSelection.all()
        if only:
            selection = dg.AssetSelection.checks(dg.AssetCheckKey(MARTS_ORDERS, only))
        job = dg.define_asset_job("build", selection=selection)
        definitions = dg.Definitions(
            assets=[orders, published],
            asset_checks=gates,
            jobs=[job],
            resources={"warehouse": dg.ResourceDefinition.hardcoded_resource(self.warehouse)},
        )
        with dg.DagsterInstance.ephemeral() as instance:
            return definitions.resolve_job_def("build").execute_in_process(
                instance=instance, raise_on_error=False, tags=tags
            )

    def remembered(self) -> dict[str, str]:
        found = self.ledger.results_on("marts/orders", self.state)
        return {check: verdict.status.value for check, verdict in found.items()}


@pytest.fixture
def gated(project: Project, warehouse: Warehouse, ledger: Ledger) -> Gated:
    return Gated(project, warehouse, ledger)


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}


def published(result: dg.ExecuteInProcessResult) -> bool:
    keys = [event.asset_key for event in result.get_asset_materialization_events()]
    return dg.AssetKey(["published", "orders"]) in keys


def failure(result: dg.ExecuteInProcessResult) -> tuple[str, int]:
    (event,) = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None
    return str(data.description), data.metadata["assetops/exit_code"].value


def test_what_passes_is_remembered_on_the_tables_state_and_published(
    gated: Gated, suite: SuiteOf, expecting: Expecting
) -> None:
    result = gated.run(suite(expecting(NOT_NULL, column="status")))
    assert result.success
    assert published(result)
    assert evaluations(result) == {"status_not_null": True}
    assert gated.remembered() == {"status_not_null": "passed"}


def test_a_failed_critical_check_ends_the_run_before_publication(
    gated: Gated, suite: SuiteOf, expecting: Expecting
) -> None:
    result = gated.run(
        suite(expecting(NOT_NULL, column="email"), expecting(NOT_NULL, column="status"))
    )
    assert not result.success
    assert not published(result)
    assert evaluations(result) == {"email_not_null": False, "status_not_null": True}
    assert gated.remembered() == {"email_not_null": "failed", "status_not_null": "passed"}
    said = "marts/orders: email_not_null: expected every row to have email; 1 of 4 rows"
    assert failure(result) == (said, 1)


def test_a_failed_warning_is_shown_and_does_not_block(
    gated: Gated, suite: SuiteOf, expecting: Expecting
) -> None:
    result = gated.run(suite(expecting(NOT_NULL, severity="warning", column="email")))
    assert result.success
    assert published(result)
    assert evaluations(result) == {"email_not_null": False}


def test_a_critical_check_that_cannot_run_blocks_and_is_no_failure_of_the_data(
    gated: Gated, suite: SuiteOf, expecting: Expecting
) -> None:
    result = gated.run(
        suite(
            expecting(REGEX, column="status", regex="(("),
            expecting(NOT_NULL, column="email"),
            expecting(NOT_NULL, column="status"),
        )
    )
    assert not published(result)
    assert evaluations(result) == {"email_not_null": False, "status_not_null": True}
    assert gated.remembered()["status_match_regex"] == "errored"
    said, exit_code = failure(result)
    assert exit_code == 2
    assert "status_match_regex could not run: Invalid Input Error: missing )" in said
    assert "email_not_null: expected" in said


def test_a_warning_that_cannot_run_is_told_and_does_not_block(
    gated: Gated, suite: SuiteOf, expecting: Expecting
) -> None:
    broken = expecting(REGEX, severity="warning", column="status", regex="((")
    result = gated.run(suite(broken, expecting(NOT_NULL, column="status")))
    assert result.success
    assert published(result)
    assert evaluations(result) == {"status_not_null": True}
    assert gated.remembered()["status_match_regex"] == "errored"


def test_one_check_runs_alone(gated: Gated, suite: SuiteOf, expecting: Expecting) -> None:
    both = suite(expecting(NOT_NULL, column="status"), expecting(NOT_NULL, column="total"))
    result = gated.run(both, only="status_not_null")
    assert result.success
    assert evaluations(result) == {"status_not_null": True}
    assert gated.remembered() == {"status_not_null": "passed"}


@pytest.mark.parametrize(
    ("tags", "days"),
    [
        ({"dagster/partition": "2026-01-03"}, "2026-01-03"),
        (
            {
                "dagster/asset_partition_range_start": "2026-01-02",
                "dagster/asset_partition_range_end": "2026-01-03",
            },
            "2026-01-02..2026-01-03",
        ),
        ({}, None),
    ],
)
def test_a_check_says_which_partition_it_looked_at(
    gated: Gated, suite: SuiteOf, expecting: Expecting, tags: dict[str, str], days: str | None
) -> None:
    result = gated.run(suite(expecting(NOT_NULL, column="status")), tags=tags)
    (evaluation,) = result.get_asset_check_evaluations()
    shown = evaluation.metadata.get("partition")
    assert (shown.value if shown else None) == days
    ((_, _, remembered),) = gated.ledger.latest_results("marts/orders")
    assert remembered == days


def test_a_table_that_is_gone_is_no_stack_trace(
    gated: Gated, suite: SuiteOf, expecting: Expecting
) -> None:
    with gated.warehouse.connect() as connection:
        connection.execute("drop table marts.orders")
    said, exit_code = failure(gated.run(suite(expecting(NOT_NULL, column="status"))))
    assert exit_code == 2
    assert said.startswith("marts.orders is not there to be checked")


def test_a_warehouse_that_somebody_keeps_is_no_stack_trace(
    gated: Gated, suite: SuiteOf, expecting: Expecting
) -> None:
    keep = (
        "import sys; from pathlib import Path; from assetops.warehouse import WarehouseLock\n"
        "with WarehouseLock(Path(sys.argv[1]), wait=0).held('a notebook'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", keep, str(gated.warehouse.lock.path)]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE) as keeper:
        assert keeper.stdin and keeper.stdout
        keeper.stdout.readline()
        said, exit_code = failure(gated.run(suite(expecting(NOT_NULL, column="status"))))
        keeper.stdin.close()
    assert exit_code == 2
    assert "is held by a notebook" in said


def test_rules_about_age_use_the_runs_time(
    gated: Gated, suite: SuiteOf, expecting: Expecting
) -> None:
    fresh = expecting(
        "expect_column_max_to_be_between",
        column="updated_at",
        min_value={"$PARAMETER": "as_of_minus_1_day"},
    )
    assert gated.run(suite(fresh)).success
    assert not gated.run(suite(fresh), facts={"as_of": datetime(2026, 1, 6)}).success
    said, exit_code = failure(gated.run(suite(fresh), facts={"as_of": None}))
    assert exit_code == 2
    assert "as_of_minus_1_day" in said


def test_ingested_sources_have_no_gate_after_the_fact(
    project: Project, warehouse: Warehouse, ledger: Ledger, expecting: Expecting
) -> None:
    source = Suite(
        address="retail/orders",
        path=Path("/none"),
        expectations=(expecting(NOT_NULL, column="email"),),
    )
    assert gate_checks(project, warehouse, ledger, {"retail/orders": source}, dict) == []


def test_a_batch_is_judged_on_its_candidate_and_rows_are_known_by_number(
    project: Project, warehouse: Warehouse, ledger: Ledger, expecting: Expecting
) -> None:
    with warehouse.connect() as connection:
        connection.execute(
            "create schema candidate; create table candidate.orders as "
            "select *, row_number() over () as _row from marts.orders"
        )
    batch = Batch(
        source="retail/orders",
        file=Path("orders/2026-01-03.csv"),
        fingerprint="f",
        partition=date(2026, 1, 3),
        as_of=datetime(2026, 1, 4),
    )
    source = Suite(
        address="retail/orders",
        path=Path("/none"),
        expectations=(
            expecting(BETWEEN, column="updated_at", max_value={"$PARAMETER": "as_of"}),
            expecting(NOT_NULL, column="email"),
        ),
    )
    gate = batch_gate(warehouse, ledger, {"retail/orders": source})
    dataset = project.dataset("retail/orders")
    candidate = Relation(schema_name="candidate", name="orders")
    late, mail = gate(dataset, candidate, batch)
    assert late.sample == ({"_row": 4, "order_id": 3, "updated_at": "2026-01-04 13:00:00"},)
    assert mail.sample == ({"_row": 3, "order_id": 3, "email": None},)
    assert batch_gate(warehouse, ledger, {})(dataset, candidate, batch) == []
