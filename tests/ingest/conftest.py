"""A source with a suite, and what lands for it, for the tests of ingestion."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assetops.ingest.load import Loader, Outcome
from assetops.ledger import Ledger
from assetops.model import (
    Batch,
    Column,
    Contract,
    Dataset,
    Ingest,
    Kind,
    Relation,
    Severity,
)
from assetops.quality.checks import batch_gate
from assetops.quality.suites import Expectation, Suite
from assetops.settings import Settings
from assetops.warehouse import Warehouse, WarehouseLock
from assetops.zone.folder import file_fingerprint

DAY = date(2026, 1, 5)
COLUMNS = {"order_id": "BIGINT", "email": "VARCHAR", "total": "DECIMAL(10,2)", "status": "VARCHAR"}
POSITIVE = ("expect_column_values_to_be_between", {"column": "total", "min_value": 0})
KNOWN = ("expect_column_values_to_be_in_set", {"column": "status", "value_set": ["paid", "open"]})


def expectation(name: str, kind: str, kwargs: dict[str, Any]) -> Expectation:
    return Expectation(name=name, type=kind, kwargs=kwargs, severity=Severity.CRITICAL)


class Source:
    """Orders that land day by day, and the loader that brings them into raw."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(root=root)
        lock = WarehouseLock(self.settings.lock, wait=5)
        self.warehouse = Warehouse(self.settings.warehouse, lock, memory_limit="1GB")
        self.suites: dict[str, Suite] = {}
        self.expect(total_positive=POSITIVE, status_known=KNOWN)
        self.on_bad_rows("quarantine")
        ledger = Ledger(self.settings.ledger)
        gate = batch_gate(self.warehouse, ledger, self.suites)
        self.loader = Loader(self.warehouse, ledger, root / "quarantine", gate)

    @property
    def landing(self) -> Path:
        return self.settings.root / "landing"

    def on_bad_rows(self, choice: str, **more: Any) -> None:
        self.dataset = Dataset(
            key=("retail", "orders"),
            kind=Kind.SOURCE,
            unique_id="source.shop.retail.orders",
            relation=Relation(schema_name="raw", name="orders"),
            description="Orders as they land.",
            file="models/staging/retail/_retail__sources.yml",
            contract=Contract(
                ingest=Ingest.model_validate(
                    {
                        "path": "orders/{date}.csv",
                        "format": "csv",
                        "partition": "daily",
                        "key": ("order_id",),
                        "on_bad_rows": choice,
                        **more,
                    }
                )
            ),
            columns=tuple(
                Column(name=name, data_type=kind, pii="email" if name == "email" else None)
                for name, kind in COLUMNS.items()
            ),
        )

    def expect(self, **expectations: tuple[str, dict[str, Any]]) -> None:
        self.suites["retail/orders"] = Suite(
            address="retail/orders",
            path=self.settings.root / "gx/expectations/retail/orders.json",
            expectations=tuple(expectation(name, *said) for name, said in expectations.items()),
        )

    def land(self, rows: Sequence[str], day: date = DAY) -> Batch:
        file = self.landing / f"retail/orders/{day}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
        return Batch(
            source="retail/orders",
            file=file,
            fingerprint=file_fingerprint(file),
            partition=day,
            as_of=datetime.combine(day + timedelta(days=1), datetime.min.time()),
        )

    def load(self, rows: Sequence[str], *, day: date = DAY, run_id: str = "run-1") -> Outcome:
        return self.loader.load(self.dataset, self.land(rows, day), run_id=run_id)

    def ask(self, sql: str) -> list[Any]:
        with self.warehouse.connect() as connection:
            found = connection.execute(sql).fetchall()
        return [row[0] if len(row) == 1 else row for row in found]

    @property
    def raw(self) -> list[int]:
        return self.ask("select order_id from raw.orders order by all")

    def kept(self, state: str = "held") -> list[int]:
        return self.ask(
            f"select order_id from quarantine.retail__orders where _state = '{state}' order by all"
        )


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


Rows = Callable[..., list[str]]


@pytest.fixture
def rows() -> Rows:
    """Return six orders; a keyword such as `r3="-1,lost"` gives one another total and status."""

    def six(**changed: str) -> list[str]:
        values = {f"r{n}": f"{n}.50,paid" for n in range(1, 7)} | changed
        return [f"{name[1:]},mail{name[1:]}@example.com,{value}" for name, value in values.items()]

    return six
