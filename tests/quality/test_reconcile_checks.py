"""A reconciliation as an asset check: a table of the warehouse against one in Postgres."""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from assetops.ledger import Ledger
from assetops.project import Project
from assetops.quality.reconcile.checks import Counterparts, reconcile_checks
from assetops.quality.suites import Suite
from assetops.quality.suites.depth import suite_meta, suite_mistakes
from assetops.warehouse import Warehouse
from assetops.warehouse.snapshot import Snapshots

COPY = """
create schema if not exists shop;
create table shop.orders (order_id bigint, email text, total numeric, status varchar(9),
  updated_at timestamp with time zone);
insert into shop.orders values
  (1, 'ana@example.com', 10.5, 'paid', '2026-01-01 10:00:00Z'),
  (2, 'bob@example.com', -3, 'paid', '2026-01-02 11:00:00Z'),
  (3, null, 20, 'lost', '2026-01-03 12:00:00Z'),
  (3, 'no address', null, 'paid', '2026-01-04 13:00:00Z');
"""


def none_lands(*_: object) -> Any:
    raise AssertionError("nothing is reconciled with files here")


@pytest.fixture
def there(postgres_engine: sa.Engine) -> Iterator[sa.Connection]:
    with postgres_engine.connect() as connection:
        connection.exec_driver_sql(COPY)
        yield connection
        connection.exec_driver_sql("drop schema shop cascade")


@pytest.fixture
def reconciled(
    project: Project,
    warehouse: Warehouse,
    ledger: Ledger,
    suite: Callable[..., Suite],
    there: sa.Connection,
    postgres: str,
) -> Callable[..., tuple[str, dict[str, Any]]]:
    """Run the check, and return what its step says if it fails, and what the ledger remembers."""
    snapshots = Snapshots(project.settings.home / "snapshots", warehouse)
    counterparts = Counterparts(
        snapshots.of_warehouse, lambda mart: None, lambda source: none_lands
    )

    def run(**said: Any) -> tuple[str, dict[str, Any]]:
        entry = {"with": "postgres", "connection": postgres, "table": "shop.orders", **said}
        meta = suite_meta({"reconcile": [entry]})
        suites = {"marts/orders": suite().model_copy(update={"meta": meta})}
        checks = reconcile_checks(project, ledger, suites, counterparts)
        job = dg.define_asset_job("look", selection=dg.AssetSelection.checks(*checks))
        definitions = dg.Definitions(asset_checks=checks, jobs=[job])
        with dg.DagsterInstance.ephemeral() as instance:
            done = definitions.resolve_job_def("look").execute_in_process(
                instance=instance, raise_on_error=False
            )
        failures = [e.step_failure_data for e in done.all_events if e.is_step_failure]
        failed = [f.user_failure_data.description for f in failures if f.user_failure_data]
        ((verdict, _, _),) = ledger.latest_results("marts/orders")
        return "".join(filter(None, failed)), verdict.model_dump(mode="json")

    return run


def test_a_copy_in_postgres_reconciles(reconciled: Any) -> None:
    failure, verdict = reconciled()
    assert failure == ""
    assert verdict["check"] == "reconciles_with_postgres_shop_orders"
    assert (verdict["status"], verdict["rows"]) == ("passed", 4)


def test_a_value_that_differs_fails_the_check_and_names_its_key(
    reconciled: Any, there: sa.Connection
) -> None:
    there.exec_driver_sql("update shop.orders set total = 10.51, email = 'x@y.z' where total > 20")
    there.exec_driver_sql("update shop.orders set total = 10.51, email = 'x@y.z' where order_id=1")
    failure, verdict = reconciled()
    assert verdict["status"] == "failed"
    assert verdict["sample"] == [
        {"order_id": "1", "found": "differs", "email": "••• → •••", "total": "10.5 → 10.51"}
    ]
    assert "sum of total 27.50 here and 27.51 there" in failure
    assert "x@y.z" not in str(verdict)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"table": "shop.order"}, "shop.order is not there, in the Postgres of SHOP_DB"),
        ({"connection": "NOT_SET"}, "NOT_SET is not set. Set it in the environment"),
        ({"columns": ["totl"]}, "the table has no column totl. Did you mean total?"),
    ],
)
def test_what_cannot_be_compared_is_errored_and_says_why(
    reconciled: Any, said: dict[str, Any], expected: str
) -> None:
    failure, verdict = reconciled(**said)
    assert verdict["status"] == "errored"
    assert expected in verdict["error"]
    assert expected in failure


def test_a_column_of_another_kind_is_named(reconciled: Any, there: sa.Connection) -> None:
    there.exec_driver_sql("alter table shop.orders alter total type text")
    _, verdict = reconciled()
    assert "total (DECIMAL(4,2) and text) cannot be compared" in verdict["error"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"with": "postgres"}, "name it"),
        ({"with": "release", "table": "a.b"}, "may be called otherwise"),
        ({"with": "postgres", "connection": "SHOP_DB", "table": "orders"}, "schema.table"),
        ({"with": "postgres", "connection": "ASSETOPS_DB"}, "those are settings"),
        ({"with": "postgres", "connection": "postgresql://u:secret@h/d"}, "environment variable"),
        ({"with": "release", "connection": "postgresql://u:secret@h/d"}, "environment variable"),
    ],
)
def test_a_mistake_in_the_suite_is_told_and_never_with_a_password(
    entry: dict[str, Any], expected: str
) -> None:
    said = "".join(said for said, _ in suite_mistakes({"reconcile": [entry]}, lands=False))
    assert expected in said
    assert "secret" not in said
