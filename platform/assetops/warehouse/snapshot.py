"""A table held still: a deep check may look at it for hours, while builds go on."""

import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import duckdb

from assetops.errors import CheckCouldNotRun, WarehouseBusy
from assetops.model import Relation, literal, quote
from assetops.warehouse.duckdb import Connection, Warehouse, columns_of, fingerprint_of
from assetops.warehouse.lock import WarehouseLock

# Given the rows of a table, how many to look at; None for all.
SampleSize = Callable[[int], int | None]
_NAME = "assetops_snapshot"
_SOURCE = "assetops_source"


@dataclass(frozen=True)
class Snapshot:
    """A table as it was at one moment, in a file that nobody writes."""

    file: Path
    relation: Relation
    state: str
    rows: int
    looked_at: int
    memory_limit: str

    def open(self) -> Connection:
        """Return a connection that the caller closes; it needs no lock."""
        connection = duckdb.connect(self.file, read_only=True)
        connection.execute("set memory_limit = ?", [self.memory_limit])
        return connection

    def open_beside(self) -> Connection:
        """Return the same as where tables can be made in memory, in a catalog of their own."""
        connection = duckdb.connect()
        connection.execute("set memory_limit = ?", [self.memory_limit])
        # What does not fit into memory goes where the snapshot is, and goes with it.
        connection.execute("set temp_directory = ?", [str(self.file.with_name("spilled"))])
        connection.execute(f"attach {literal(str(self.file))} as {_NAME} (read_only)")
        connection.execute(f"use {_NAME}")
        return connection

    @property
    def sampled_of(self) -> int | None:
        """The rows of the whole table, where only a sample is looked at."""
        return self.rows if self.looked_at < self.rows else None


class Snapshots:
    """Where the tables of one environment are held still, each as long as somebody looks."""

    def __init__(self, folder: Path, warehouse: Warehouse) -> None:
        self._folder = folder
        self._warehouse = warehouse
        self._ours: set[Path] = set()

    @contextmanager
    def of_warehouse(
        self, relation: Relation, size: SampleSize, *, seed: int, beside: Sequence[Relation] = ()
    ) -> Iterator[Snapshot]:
        """Copy a table of the private warehouse, which is held only while it is copied.

        What is `beside` is copied whole at the same moment, if it is there.

        Raises `CheckCouldNotRun` if the table is not there, `WarehouseBusy` if somebody keeps it.
        """
        with self._place() as file:
            with self._warehouse.connect() as connection:
                if not columns_of(connection, relation):
                    raise CheckCouldNotRun(f"{relation} is not there: build it first.")
                state = fingerprint_of(connection, relation.quoted)
                rows, copied = _copy(connection, relation.quoted, file, relation, size, seed)
                for other in beside:
                    if columns_of(connection, other):
                        _copy(connection, other.quoted, file, other, lambda _: None, seed)
            yield Snapshot(file, relation, state, rows, copied, self._warehouse.memory_limit)

    @contextmanager
    def of_release(
        self, released: Path, relation: Relation, state: str, size: SampleSize, *, seed: int
    ) -> Iterator[Snapshot]:
        """Look at a table of a release's file: as it is, or at a sample copied from it."""
        limit = self._warehouse.memory_limit
        with duckdb.connect() as connection:
            connection.execute("set memory_limit = ?", [limit])
            connection.execute(f"attach {literal(str(released))} as {_SOURCE} (read_only)")
            source = f"{_SOURCE}.{relation.quoted}"
            rows = _count(connection, source)
            with self._place() if size(rows) is not None else nullcontext(released) as file:
                if file != released:
                    _copy(connection, source, file, relation, size, seed)
                connection.execute(f"detach {_SOURCE}")
                yield Snapshot(file, relation, state, rows, size(rows) or rows, limit)

    @contextmanager
    def _place(self) -> Iterator[Path]:
        """Yield where to write a file that goes when the caller is done."""
        self._sweep()
        place = self._folder / uuid.uuid4().hex[:12]
        # Held before the file is there, and as long as it is used: whoever finds it free knows
        # that its user was killed.
        lock = WarehouseLock(_lock_of(place), wait=0)
        with lock.held("a check"):
            self._ours.add(place)
            place.mkdir()
            try:
                yield place / "snapshot.duckdb"
            finally:
                _remove(place)
                self._ours.discard(place)

    def _sweep(self) -> None:
        """Remove the snapshots of checks that were killed."""
        for place in set(self._folder.glob("*/")) - self._ours:
            try:
                with WarehouseLock(_lock_of(place), wait=0).held("a sweep"):
                    _remove(place)
            except WarehouseBusy:
                continue


def _lock_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.lock")


def _remove(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    _lock_of(place).unlink(missing_ok=True)


def _copy(
    connection: Connection,
    source: str,
    file: Path,
    relation: Relation,
    size: SampleSize,
    seed: int,
) -> tuple[int, int]:
    """Copy a table or a sample of it; return its rows and those that were copied.

    The sample is the rows with the least hashes, so it depends on content and seed alone: the
    order of rows and the number of threads have no say in it.
    """
    rows = _count(connection, source)
    chosen = size(rows)
    least = ""
    if chosen is not None:
        described = connection.execute(f"describe {source}").fetchall()
        columns = ", ".join(quote(name) for name, *_ in described)
        least = f" order by hash({columns}, {seed:d}) limit {chosen:d}"
    target = f"{_NAME}.{relation.quoted}"
    connection.execute(f"attach {literal(str(file))} as {_NAME}")
    try:
        connection.execute(f"create schema if not exists {_NAME}.{quote(relation.schema_name)}")
        connection.execute(f"create table {target} as select * from {source}{least}")
        connection.execute(f"checkpoint {_NAME}")
    finally:
        connection.execute(f"detach {_NAME}")
    return rows, rows if chosen is None else chosen


def _count(connection: Connection, table: str) -> int:
    rows: list[tuple[int]] = connection.execute(f"select count(*) from {table}").fetchall()
    return rows[0][0]
