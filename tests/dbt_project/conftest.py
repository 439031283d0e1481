"""A small warehouse whose raw tables are loaded as ingestion loads them, and dbt to build on it."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from tests import processes

PROJECT = Path(__file__).parents[2] / "dbt_project"
Row = Mapping[str, Any]


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def settings(warehouse: Path) -> dict[str, str]:
    """Return what the project reads from the environment."""
    return {"ASSETOPS_WAREHOUSE": str(warehouse), "ASSETOPS_ENV": "ci"}


def places(folder: Path) -> list[str]:
    """Return the arguments that tell dbt where to read and to write."""
    written = str(folder / "target")
    return [
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
        *("--target-path", written, "--log-path", written),
        *("--quiet", "--log-level-file", "none"),
    ]


def run_dbt(manifest: Manifest, warehouse: Path, *arguments: str) -> Any:
    """Run dbt in this process on a warehouse; its target folder is the warehouse's."""
    with _environment(**settings(warehouse)):
        return dbtRunner(manifest=manifest).invoke(
            [*arguments, *places(warehouse.parent), "--no-write-json"]
        )


class Warehouse:
    """A private warehouse with raw tables, as the platform would hand it to dbt."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        # One name for all: the manifest holds it as the name of the database.
        self.path = folder / "retail.duckdb"
        self.manifest = manifest
        self._load_id = 0
        self._columns = {
            source.name: {name: column.data_type for name, column in source.columns.items()}
            for source in manifest.sources.values()
            if source.source_name == "retail"
        }
        folder.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("create schema raw")
            for table, columns in self._columns.items():
                typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
                connection.execute(
                    f"create table raw.{table} ({typed}, _partition date, "
                    "_landed_at timestamp, _load_id bigint)"
                )

    def copied(self, folder: Path) -> Warehouse:
        """Return a copy in another folder, as if it had been built there."""
        other = copy.copy(self)
        other.path = folder / self.path.name
        # Or what dbt has just made would be in a log beside the file.
        self.execute("checkpoint")
        shutil.copy2(self.path, other.path)
        return other

    def land(self, table: str, day: date | None, rows: Sequence[Row]) -> None:
        """Load a batch as ingestion does: it replaces its partition under a new load id."""
        self._load_id += 1
        columns = self._columns[table]
        landed_at = datetime.combine(day or date(2026, 1, 1), datetime.min.time())
        marks = ", ".join("?" * (len(columns) + 3))
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(
                f"delete from raw.{table} where _partition is not distinct from ?", [day]
            )
            if rows:
                marks = ", ".join([f"({marks})"] * len(rows))
                known = (day, landed_at + timedelta(days=1), self._load_id)
                values = [v for row in rows for v in (*(row.get(c) for c in columns), *known)]
                connection.execute(f"insert into raw.{table} values {marks}", values)

    def dbt(self, *arguments: str, good: bool = True) -> dict[str, str]:
        """Run dbt; return the status of each node by its name."""
        outcome = run_dbt(self.manifest, self.path, *arguments)
        results = getattr(outcome.result, "results", [])
        assert outcome.success is good, [str(r.message) for r in results] or outcome.exception
        return {result.node.name: str(result.status) for result in results}

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run SQL on the warehouse; return its rows."""
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def rows(self, relation: str) -> list[tuple[Any, ...]]:
        """Return all rows of a relation, sorted."""
        return self.execute(f"select * from {relation} order by all")

    def compiled(self, model: str) -> str:
        """Return the SQL that dbt would build a model with from nothing."""
        outcome = run_dbt(self.manifest, self.path, "compile", "--select", model, "--full-refresh")
        return str(outcome.result.results[0].node.compiled_code)


@pytest.fixture(scope="session")
def manifest(common_folder: Path, template: Path) -> Manifest:
    """The project, parsed once for all processes of the tests."""

    def parse(folder: Path) -> None:
        folder.mkdir()
        environment = {**os.environ, **settings(folder / "retail.duckdb")}
        words = ("-m", "dbt.cli.main", "parse", *places(folder))
        done = processes.run(template, *words, folder=folder, environment=environment)
        assert done.returncode == 0, done.stdout

    folder = processes.made_once(common_folder / "dbt_project", parse)
    return Manifest.from_msgpack((folder / "target" / "partial_parse.msgpack").read_bytes())


@pytest.fixture(scope="session")
def warehouse_at(manifest: Manifest) -> Callable[[Path], Warehouse]:
    """Make a warehouse with empty raw tables in a folder."""
    return lambda folder: Warehouse(folder, manifest)


@pytest.fixture
def new_warehouse(
    tmp_path: Path, warehouse_at: Callable[[Path], Warehouse]
) -> Callable[[str], Warehouse]:
    """Make a warehouse with empty raw tables, by its name."""
    return lambda name: warehouse_at(tmp_path / name)


@pytest.fixture
def warehouse(new_warehouse: Callable[[str], Warehouse]) -> Warehouse:
    """One warehouse with empty raw tables."""
    return new_warehouse("one")
