"""A small shop with two published marts, and what its consumers see."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from assetops.ledger import Ledger
from assetops.model import (
    Column,
    Contract,
    Dataset,
    Kind,
    Relation,
    Severity,
    Status,
    Usage,
    Verdict,
)
from assetops.project import Project
from assetops.publish.publication import Publication, publish, verify
from assetops.publish.releases import Releases
from assetops.settings import Settings
from assetops.warehouse import Warehouse, WarehouseLock

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parents[1] / "platform")}
REQUIRED = {"marts/customers": {"unique_customers"}, "marts/orders": {"unique_orders"}}
AS_OF = datetime(2026, 11, 20)


def mart(name: str) -> Dataset:
    return Dataset(
        key=("marts", name),
        kind=Kind.MODEL,
        unique_id=f"model.shop.{name}",
        relation=Relation(schema_name="marts", name=name),
        description=f"Every one of the shop's {name}.",
        file=f"models/marts/{name}.yml",
        contract=Contract(
            owners=("team:retail-data", "ana@example.com"),
            publish=True,
            fresh_within="26h",
            usage=(Usage(question="How many?", sql=f"select count(*) from marts.{name}"),),
        ),
        columns=(Column(name="id", description="The key.", data_type="BIGINT"),),
    )


class Shop:
    """A platform without dbt: its marts are written, checked and published by hand."""

    def __init__(
        self, root: Path, *, names: Sequence[str] = ("customers", "orders"), kept: int = 10
    ):
        self.settings = Settings(root=root, releases_kept=kept, warehouse_wait=20)
        self.warehouse = Warehouse(
            self.settings.warehouse, WarehouseLock(self.settings.lock, wait=20), memory_limit="1GB"
        )
        self.ledger = Ledger(self.settings.ledger)
        self.releases = Releases(self.settings)
        self.manifest = root / "manifest.json"
        self.manifest.write_text('{"nodes": {}}')
        datasets = {dataset.unique_id: dataset for dataset in map(mart, names)}
        self.project = Project(self.settings, self.manifest, datasets)

    @property
    def published(self) -> Path:
        return self.settings.home / "published" / "warehouse.duckdb"

    def build(self, day: int, *names: str, rows: int = 100) -> None:
        """Write the marts as they are on a day: every row of every table says which."""
        with self.warehouse.connect() as connection:
            for schema in ("raw", "staging", "marts"):
                connection.execute(f"create schema if not exists {schema}")
            connection.execute("create or replace table raw.secrets as select 1 as password")
            for name in names or ("customers", "orders"):
                connection.execute(
                    f"create or replace table marts.{name} as "
                    f"select range as id, {day} as day, 'row ' || range as text from range({rows})"
                )

    def check(self, *names: str, status: Status = Status.PASSED, run_id: str = "run-1") -> None:
        for name in names or ("customers", "orders"):
            verdict = Verdict(
                check=f"unique_{name}",
                severity=Severity.CRITICAL,
                status=status,
                expected="unique values",
                failing_rows=3 if status is Status.FAILED else None,
                rows=100,
                error="out of memory" if status is Status.ERRORED else None,
            )
            dataset = self.project.dataset(f"marts/{name}")
            state = self.warehouse.fingerprint(dataset.relation)
            self.ledger.record_results(dataset.address, [verdict], state=state, run_id=run_id)

    def publish(self, *names: str, run_id: str = "abcdef") -> Publication:
        marts = [self.project.dataset(f"marts/{name}") for name in names or ("customers", "orders")]
        verified = verify(
            marts,
            self.warehouse,
            self.ledger,
            REQUIRED,
            data_as_of=lambda dataset: AS_OF,
            run_id=run_id,
        )
        return publish(
            verified, self.project, self.warehouse, self.releases, self.ledger, run_id=run_id
        )

    def live_a_day(self, day: int, *names: str) -> Publication:
        """Build, check and publish."""
        self.build(day, *names)
        self.check(*names)
        return self.publish(*names)

    def leftovers(self) -> list[str]:
        """Name what only an unfinished publication leaves."""
        kept = {release.id for release in self.releases.list()}
        releases = {path.name for path in self.releases.folder.iterdir()}
        published = {path.name for path in self.published.parent.iterdir()}
        return sorted(
            (releases - kept - {"current.json"}) | (published - {".copies", self.published.name})
        )


def seen(path: Path) -> Mapping[str, set[int]]:
    """Return the days that a consumer finds in each table of a published file."""
    with duckdb.connect(path, read_only=True) as connection:
        assert connection.execute("select current_catalog()").fetchall() == [("warehouse",)]
        tables = connection.execute("select table_name from duckdb_tables()").fetchall()
        days = {
            table: connection.execute(f"select distinct day from marts.{table}").fetchall()
            for (table,) in tables
        }
    return {table: {day for (day,) in found} for table, found in days.items()}


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start Python on a text that may import this module."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=HERE,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
