"""A small table with a fault of every kind, and a project around it, for the tests of quality."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from assetops.ledger import Ledger
from assetops.model import (
    Column,
    Contract,
    Dataset,
    DbtTest,
    Ingest,
    Kind,
    Relation,
    Severity,
    Verdict,
)
from assetops.project import Project
from assetops.quality.engine import Validator
from assetops.quality.suites import Expectation, Suite
from assetops.quality.suites.words import check_name
from assetops.settings import Settings
from assetops.warehouse import Warehouse, WarehouseLock

ORDERS = """
create schema if not exists marts;
create or replace table marts.orders as select * from (values
  (1, 'ana@example.com', 10.50, 'paid', timestamp '2026-01-01 10:00:00'),
  (2, 'bob@example.com', -3.00, 'paid', timestamp '2026-01-02 11:00:00'),
  (3, null, 20.00, 'lost', timestamp '2026-01-03 12:00:00'),
  (3, 'no address', null, 'paid', timestamp '2026-01-04 13:00:00')
) as t(order_id, email, total, status, updated_at)
"""


def expect(kind: str, name: str | None = None, severity: str = "critical", **kwargs: Any) -> Any:
    return Expectation(
        name=name or check_name(kind, kwargs),
        type=kind,
        kwargs=kwargs,
        severity=Severity(severity),
        description="So it was agreed.",
    )


def suite_of(*expectations: Expectation, root: Path = Path("/none")) -> Suite:
    path = root / "gx" / "expectations" / "marts" / "orders.json"
    return Suite(address="marts/orders", path=path, expectations=expectations)


@pytest.fixture
def expecting() -> Callable[..., Expectation]:
    return expect


@pytest.fixture
def suite() -> Callable[..., Suite]:
    return suite_of


@pytest.fixture
def orders() -> Relation:
    return Relation(schema_name="marts", name="orders")


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute(ORDERS)
    yield connection
    connection.close()


@pytest.fixture
def judged(
    database: duckdb.DuckDBPyConnection, orders: Relation
) -> Iterator[Callable[..., dict[str, Verdict]]]:
    """Run expectations on a table of the database, and return the verdicts by name."""
    with Validator(database.cursor) as validator:

        def run(
            *expectations: Expectation,
            relation: Relation = orders,
            parameters: dict[str, Any] | None = None,
            pii: tuple[str, ...] = (),
            root: Path = Path("/none"),
        ) -> dict[str, Verdict]:
            verdicts = validator.validate(
                relation,
                suite_of(*expectations, root=root),
                parameters=parameters or {},
                key=["order_id"],
                pii=pii,
            )
            return {verdict.check: verdict for verdict in verdicts}

        yield run


def _columns(*names: str, pii: tuple[str, ...] = ()) -> tuple[Column, ...]:
    return tuple(Column(name=n, pii="email" if n in pii else None) for n in names)


MART = Dataset(
    key=("marts", "orders"),
    kind=Kind.MODEL,
    unique_id="model.shop.orders",
    relation=Relation(schema_name="marts", name="orders"),
    description="Orders.",
    file="models/marts/orders.yml",
    contract=Contract(publish=True),
    columns=_columns("order_id", "email", "total", "status", "updated_at", pii=("email",)),
    tests=(DbtTest(name="unique_orders_order_id", severity=Severity.CRITICAL, column="order_id"),),
)
SOURCE = Dataset(
    key=("retail", "orders"),
    kind=Kind.SOURCE,
    unique_id="source.shop.retail.orders",
    relation=Relation(schema_name="raw", name="orders"),
    description="Orders as they land.",
    file="models/staging/retail/_retail__sources.yml",
    contract=Contract.model_validate(
        {"ingest": Ingest(path="orders/{date}.csv", format="csv", key=("order_id",))}
    ),
    columns=_columns("order_id", "email", "total", "status", "updated_at", pii=("email",)),
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A platform with a source and a mart, both called orders, and no suite yet."""
    return Project(
        settings=Settings(root=tmp_path),
        manifest_path=tmp_path / "manifest.json",
        datasets={dataset.unique_id: dataset for dataset in (MART, SOURCE)},
    )


@pytest.fixture
def warehouse(project: Project) -> Warehouse:
    settings = project.settings
    warehouse = Warehouse(
        settings.warehouse, WarehouseLock(settings.lock, wait=0.3), memory_limit="1GB"
    )
    with warehouse.connect() as connection:
        connection.execute(ORDERS)
    return warehouse


@pytest.fixture
def ledger(project: Project) -> Ledger:
    return Ledger(project.settings.ledger)


@pytest.fixture(scope="session")
def postgres_engine(postgres_url: str) -> Iterator[sa.Engine]:
    """What changes the database: statements take effect one by one."""
    engine = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture
def postgres(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment variable that holds the URL, as a suite names it."""
    monkeypatch.setenv("SHOP_DB", postgres_url)
    return "SHOP_DB"
