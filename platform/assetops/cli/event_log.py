"""Dagster's storage in SQLite, with the event log's files kept open; dagster.yaml names it.

Dagster makes an engine and a connection for each event and each look at one: every statement is
compiled anew, and SQLite writes a checkpoint whenever a file's last connection closes. That was
half the time of a build in which little is new, and seconds of launching a run from the UI. And it
makes five transactions of an event, and many of events that come at once.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from threading import get_ident
from typing import Any, Self

import dagster as dg
import sqlalchemy as sa
from dagster._core.event_api import EventLogRecord
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)
from dagster._serdes import ConfigurableClassData, deserialize_value

from assetops.cli.event_rows import EventRows
from assetops.resident import alive
from assetops.settings import tell_dagster_of_batches

# The index and the runs that are looked at; each is a file.
_OPEN_FILES = 8
# As many events of one moment are stored at once: what a run plans, an asset's partitions.
_BATCH = 500
# As many events are kept as they were read: a table's may have 10,000 characters of SQL.
_REMEMBERED = 256


class SqliteStorage(DagsterSqliteStorage):
    """Dagster's own storage for one machine, but for how its files are opened and written."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self.base_dir, self._inst_data = base_dir, inst_data
        self._run_storage = _opened(SqliteRunStorage, _runs_directory(base_dir), "runs")
        self._event_log_storage = _KeptOpen(_event_logs_directory(base_dir))
        folder = _schedule_directory(base_dir)
        self._schedule_storage = _opened(SqliteScheduleStorage, folder, "schedules")
        tell_dagster_of_batches(_BATCH)
        # Not Dagster's own, which makes its three storages.
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Return the storage that dagster.yaml describes."""
        return cls.from_local(inst_data=inst_data, **config_value)


class _KeptOpen(EventRows):
    """The same files, with one engine and its connection for each of those used last."""

    def __init__(self, base_dir: str) -> None:
        # By shard, the one used last at the end, and the file that was opened.
        self._engines: dict[str, tuple[sa.Engine, int]] = {}
        self._there: set[str] = set()
        # The thread that is storing, and its transactions, by shard.
        self._storing: int | None = None
        self._begun: dict[str, sa.Connection] = {}
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        if self._storing == get_ident():
            if shard not in self._begun:
                self._begun[shard] = self._engine(shard).connect()
                self._begun[shard].begin()
            yield self._begun[shard]
            return
        # Dagster's lock: its watcher looks at events from a thread of its own.
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Make what this thread does meanwhile one transaction of each file, the run's first."""
        with self._db_lock:
            self._storing = get_ident()
            try:
                yield
                for connection in self._begun.values():
                    connection.commit()
            finally:
                self._storing = None
                while self._begun:
                    self._begun.popitem()[1].close()

    def _engine(self, shard: str) -> sa.Engine:
        path = self.path_for_shard(shard)
        engine, file = self._engines.pop(shard, (None, 0))
        if engine is not None and file != _inode(path):
            # Somebody has deleted the file, or put another in its place.
            engine.dispose()
            engine = None
        if engine is None:
            address = self.conn_string_for_shard(shard)
            engine = sa.create_engine(address, connect_args={"timeout": 30})
            sa.event.listen(engine, "connect", _without_waiting_for_the_disk)
            self._make_tables(shard, engine)
            file = _inode(path)
        self._engines[shard] = (engine, file)
        while len(self._engines) > _OPEN_FILES:
            oldest, _ = self._engines.pop(next(iter(self._engines)))
            oldest.dispose()
        return engine

    def _make_tables(self, shard: str, engine: sa.Engine) -> None:
        """Give a new run's file the tables that the index has.

        Dagster has Alembic read all of its migrations twice, to find out which is the last.
        """
        if shard == INDEX_SHARD_NAME:
            with closing(engine.raw_connection()) as index:
                known = _revision(index.driver_connection)
            if known is None:
                self._initdb(engine, for_index_shard=True)
            return
        with (
            closing(self._engine(INDEX_SHARD_NAME).raw_connection()) as index,
            closing(engine.raw_connection()) as new,
        ):
            _make_alike(index.driver_connection, new.driver_connection)

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, and touch the log's file: the UI watches that, not the journal beside it.

        SQLite writes into the file itself when the last connection closes, or when much has come.
        """
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of one moment, of each run all or none."""
        for run_id, of_run in groupby(events, lambda event: event.run_id):
            with self._at_once():
                for event in of_run:
                    if self.has_instance and event.dagster_event:
                        root = self._instance.root_directory
                        alive.follow(root, run_id, event.dagster_event.event_type)
                    super().store_event(event)
            os.utime(self.path_for_shard(run_id))

    def delete_events(self, run_id: str) -> None:
        """Delete the events of a run, and the file that is theirs."""
        super().delete_events(run_id)
        with self._db_lock:
            if run_id in self._engines:
                self._engines.pop(run_id)[0].dispose()
            for ending in ("", "-wal", "-shm"):
                Path(self.path_for_shard(run_id) + ending).unlink(missing_ok=True)

    def has_table(self, table_name: str) -> bool:
        """Say whether there is such a table; Dagster asks each time, and tables stay."""
        return self._is_there(table_name, lambda: super(_KeptOpen, self).has_table(table_name))

    def has_secondary_index(self, name: str) -> bool:
        """Say whether old events were gone through for an index; that is not undone."""
        return self._is_there(name, lambda: super(_KeptOpen, self).has_secondary_index(name))

    def has_asset_key_col(self, column_name: str) -> bool:
        """Say whether the index has such a column."""
        ask = super().has_asset_key_col
        return self._is_there(f"column {column_name}", lambda: ask(column_name))

    def _has_asset_key_col_on_connection(self, conn: sa.Connection, column_name: str) -> bool:
        ask = super()._has_asset_key_col_on_connection
        return self._is_there(f"column {column_name}", lambda: ask(conn, column_name))

    def _is_there(self, what: str, ask: Callable[[], bool]) -> bool:
        if what not in self._there and ask():
            self._there.add(what)
        return what in self._there

    def _get_latest_materialization_records(
        self, raw_asset_rows: Iterable[Any]
    ) -> Mapping[dg.AssetKey, EventLogRecord | None]:
        """Read what is beside the assets; Dagster then looks for others', though there be none."""
        found, others = dict[dg.AssetKey, EventLogRecord | None](), []
        for row in raw_asset_rows:
            told = row["last_materialization"] if row["asset_details"] is None else None
            record = _read(told) if told else None
            if isinstance(record, EventLogRecord) and record.asset_key:
                found[record.asset_key] = record
            else:
                others.append(row)
        return {**found, **super()._get_latest_materialization_records(others)} if others else found

    def dispose(self) -> None:
        """Let go of the files."""
        super().dispose()
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1][0].dispose()


@lru_cache(maxsize=_REMEMBERED)
def _read(text: str) -> Any:
    """Return what is serialised, which nobody changes; a run reads its parents more than once."""
    return deserialize_value(text)


def _opened(kind: Any, folder: str, name: str) -> Any:
    """Return a storage of Dagster's, whose file it makes if there is none."""
    file = Path(folder, f"{name}.db")
    if file.exists():
        with closing(sqlite3.connect(file, timeout=30)) as connection:
            if _revision(connection) is not None:
                return kind(create_db_conn_string(folder, name))
    return kind.from_local(folder)


def _revision(connection: Any) -> str | None:
    """Return which migrations a file has had, as Alembic has noted; of a new one None."""
    try:
        (revision,) = connection.execute("select version_num from alembic_version").fetchone()
    except (sqlite3.OperationalError, TypeError):
        return None
    return str(revision)


def _make_alike(index: Any, new: Any) -> None:
    """Make an empty file's tables, and note its migrations, as they are in the index."""
    if _revision(new) is not None:
        return
    # If it is busy, then with whoever makes the same file.
    with suppress(sqlite3.OperationalError):
        new.execute("pragma journal_mode = wal")
    new.execute("begin immediate")
    if _revision(new) is None:
        made = "select sql from sqlite_master where sql > '' and name not like 'sqlite_%'"
        for (statement,) in index.execute(made).fetchall():
            new.execute(statement)
        new.execute("insert into alembic_version values (?)", [_revision(index)])
    new.commit()


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def _without_waiting_for_the_disk(connection: Any, _: object) -> None:
    """Let a power cut lose a log's last events; a process that is killed loses none."""
    connection.execute("pragma synchronous = normal")
