"""The private warehouse: a DuckDB file, opened briefly, always under the lock."""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from assetops.errors import AssetOpsError, ConfigError, WarehouseBusy
from assetops.model import Relation, literal, quote
from assetops.settings import SUITE_MEMORY
from assetops.warehouse.lock import POLL_SECONDS, WarehouseLock, tell
from assetops.warehouse.sparing import Memory

Connection = duckdb.DuckDBPyConnection
SqlError = duckdb.Error


class Warehouse:
    """The private warehouse of one environment."""

    def __init__(
        self,
        path: Path,
        lock: WarehouseLock,
        *,
        memory_limit: str,
        suite_memory: int = SUITE_MEMORY,
        foreign: Path | None = None,
        session: Sequence[str] = (),
        shared: bool = True,
    ) -> None:
        self.path = path
        self.lock = lock
        self.memory_limit = memory_limit
        self.memory = Memory(memory_limit, suite_memory)
        # Where a dbt project is started whose own profile names the file: what that sets stays as
        # it is, and paths in views begin there.
        self.foreign = foreign
        # What that profile tells each connection.
        self.session = session
        # Whether dbt in this process may open the file while we have it: options of a profile of
        # somebody's own would have to be those of all its connections.
        self.shared = shared
        self._kept: Connection | None = None
        self._guests: set[Callable[[], None]] = set()

    def host(self, leave: Callable[[], None]) -> bool:
        """Say whether others of this process may keep the file open, until `leave` is called."""
        if welcome := self._kept is not None and self.shared:
            self._guests.add(leave)
        return welcome

    @contextmanager
    def hold(self, holder: str, *, say: Callable[[str], object] = tell) -> Iterator["Warehouse"]:
        """Hold the warehouse for a whole run, so that nobody else comes between its steps.

        Raises `WarehouseBusy` as `connect` does.
        """
        with self.lock.held(holder, say=say):
            if self._kept:
                yield self
                return
            # The file stays open: a process that does not know the lock would take it between two
            # steps, and DuckDB writes a checkpoint whenever its last connection closes.
            self._kept = self.open(say=say)
            try:
                yield self
            finally:
                self._release()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let go of the file, but not of its lock, while a process of ours works on it."""
        kept = self._kept is not None
        self._release()
        try:
            yield
        finally:
            if kept:
                self._kept = self.open()

    def _release(self) -> None:
        while self._guests:
            self._guests.pop()()
        if self._kept:
            self._kept.close()
            self._kept = None

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open the warehouse for reading and writing, and close it again.

        Raises `WarehouseBusy` when a process that does not know the lock keeps the file.
        """
        with self.lock.held("a command"):
            connection = self.open()
            try:
                yield connection
            finally:
                connection.close()

    def open(self, *, say: Callable[[str], object] = tell) -> Connection:
        """Return a connection that the caller closes; the caller holds the lock.

        Waits for a process that does not know the lock, and says so once.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + self.lock.wait
        told = False
        while True:
            try:
                connection = duckdb.connect(self.path)
            except duckdb.IOException as error:
                if not is_lock_conflict(error):
                    raise AssetOpsError(f"{self.path} cannot be opened: {error}") from None
                if time.monotonic() >= deadline:
                    raise _busy(self.path, error) from None
                if not told:
                    say(f"Waiting for the warehouse: it is open in {who_holds(error)}.")
                    told = True
                time.sleep(POLL_SECONDS)
            else:
                # Not as options of the connection: dbt's own, in the same process, has none, and
                # DuckDB wants all to have the same. What dbt sets here it sets for us as well.
                self._give_memory(connection)
                connection.execute("set preserve_insertion_order = true")
                if self.foreign:
                    connection.execute("set file_search_path = ?", [str(self.foreign)])
                for statement in self.session:
                    # Whoever reads what is missed then is told; others need not know.
                    with suppress(duckdb.Error):
                        connection.execute(statement)
                return connection

    def _give_memory(self, connection: Connection) -> None:
        # Every time: a suite that was run before leaves the little memory that it had.
        try:
            connection.execute("set memory_limit = ?", [self.memory_limit])
        except duckdb.ParserException as error:
            raise ConfigError(
                f"memory_limit is {self.memory_limit!r}: {str(error).splitlines()[0]}. "
                "Set it as in 2GB or 1.5GiB."
            ) from None

    def exists(self, relation: Relation) -> bool:
        """Say whether the relation is there."""
        if not self.path.exists():
            return False
        with self.connect() as connection:
            return bool(columns_of(connection, relation))

    def columns(self, relation: Relation) -> list[tuple[str, str]]:
        """Return the relation's columns and their types, in order; empty if it is not there."""
        with self.connect() as connection:
            return columns_of(connection, relation)

    def fingerprint(self, relation: Relation) -> str:
        """Return what identifies the relation's content, whatever the order of its rows.

        Raises `AssetOpsError` if it cannot be read.
        """
        with self.connect() as connection:
            try:
                return fingerprint_of(connection, relation.quoted)
            except duckdb.Error as error:
                raise AssetOpsError(
                    f"{relation} cannot be read: {str(error).splitlines()[0]}. A view may need "
                    "what only dbt's own connection has: materialise it as a table, or say of it "
                    "`publish: false`."
                ) from None

    def read_frame(self, sql: str) -> Any:
        """Return a query's result as a pandas data frame."""
        with self.connect() as connection:
            return connection.execute(sql).df()

    def write_frame(self, relation: Relation, frame: Any) -> str:
        """Replace a table by a pandas data frame, in one transaction; return its fingerprint."""
        with self.connect() as connection:
            connection.register("incoming", frame)
            with transaction(connection):
                connection.execute(f"create schema if not exists {quote(relation.schema_name)}")
                connection.execute(
                    f"create or replace table {relation.quoted} as select * from incoming"
                )
            return fingerprint_of(connection, relation.quoted)


@contextmanager
def open_read_only(path: Path) -> Iterator[Connection]:
    """Open a DuckDB file that nobody writes, such as a release."""
    connection = duckdb.connect(path, read_only=True)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Commit what is done within, or nothing of it."""
    connection.execute("begin")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        # Also when the run is stopped: the connection may live on.
        connection.execute("rollback")
        raise


def columns_of(connection: Connection, relation: Relation) -> list[tuple[str, str]]:
    """Return the relation's columns and their types, in order; empty if it is not there."""
    return connection.execute(
        "select column_name, data_type from information_schema.columns "
        "where table_catalog = current_catalog() "
        "and lower(table_schema) = lower(?) and lower(table_name) = lower(?) "
        "order by ordinal_position",
        [relation.schema_name, relation.name],
    ).fetchall()


def has_table(connection: Connection, relation: Relation) -> bool:
    """Say whether there is such a table; a third of what `columns_of` costs."""
    found = connection.execute(
        "select 1 from duckdb_tables() where database_name = current_catalog() "
        "and lower(schema_name) = lower(?) and lower(table_name) = lower(?)",
        [relation.schema_name, relation.name],
    )
    return found.fetchone() is not None


def described(connection: Connection, table: str) -> list[tuple[str, str]]:
    """Return the columns and their types of a quoted table that is there.

    An eighth of what `columns_of` costs, but a table that is missing would end a transaction.
    """
    return [(name, kind) for name, kind, *_ in connection.execute(f"describe {table}").fetchall()]


def returns(connection: Connection, query: str, columns: Iterable[str]) -> bool:
    """Say whether a query can be asked here, and its result has all these columns."""
    try:
        result = connection.execute(f"select * from ({query}\n) as asked limit 0")
    except SqlError:
        return False
    return set(columns) <= {column[0] for column in result.description or ()}


def fingerprint_of(connection: Connection, table: str) -> str:
    """Return what identifies the content of a quoted table: rows, values and columns.

    The sum of row hashes ignores row order and, unlike their xor, counts duplicates.
    """
    columns = described(connection, table)
    hashed = ", ".join(quote(name) for name, _ in columns)
    row = connection.execute(f"select count(*), sum(hash({hashed})) from {table}").fetchone()
    assert row is not None  # an aggregate without GROUP BY always has one row
    digest = hashlib.sha256(repr((columns, *row)).encode()).hexdigest()[:16]
    return f"{row[0]}-{digest}"


def row_counts(connection: Connection, relations: Iterable[Relation]) -> dict[str, int]:
    """Return how many rows each relation has that is a table; no row is read for it.

    The catalog's estimate would count rows that were deleted since the last checkpoint.
    """
    tables = connection.execute(
        "select lower(schema_name), lower(table_name) from duckdb_tables() "
        "where database_name = current_catalog()"
    ).fetchall()
    counted = [
        f"select {literal(str(relation))}, count(*) from {relation.quoted}"
        for relation in relations
        if (relation.schema_name.lower(), relation.name.lower()) in tables
    ]
    return dict(connection.execute(" union all ".join(counted)).fetchall()) if counted else {}


def is_lock_conflict(error: duckdb.IOException) -> bool:
    """Say whether a file could not be opened because another process has it open."""
    return "lock" in str(error).lower()


def who_holds(error: duckdb.IOException) -> str:
    """Return which process has the file open, as DuckDB says it."""
    held = re.search(r"held in (.+?) \(PID (\d+)\)", str(error))
    return f"{held[1]} (pid {held[2]})" if held else "another process"


def _busy(path: Path, error: duckdb.IOException) -> WarehouseBusy:
    return WarehouseBusy(
        f"{path} is open in {who_holds(error)}, which does not know the warehouse's lock. "
        "Close it there (consumers read published/warehouse.duckdb instead) and try again."
    )
