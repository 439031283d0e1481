"""Dagster's storage in SQLite, with the event log's files kept open; dagster.yaml names it.

Dagster makes an engine and a connection for each event and each look at one: every statement is
compiled anew, and SQLite writes a checkpoint whenever a file's last connection closes. That was
half the time of a build in which little is new, and seconds of launching a run from the UI.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

from assetops.resident import alive

# The index and the runs that are looked at; each is a file.
_OPEN_FILES = 8


class SqliteStorage(DagsterSqliteStorage):
    """Dagster's own storage for one machine, but for how the event log's files are opened."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = _KeptOpen(self._event_log_storage._base_dir)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> Self:
        """Return the storage that dagster.yaml describes."""
        return cls.from_local(inst_data=inst_data, **config_value)


class _KeptOpen(SqliteEventLogStorage):
    """The same files, with one engine and its connection for each of those used last."""

    def __init__(self, base_dir: str) -> None:
        # By shard, the one used last at the end, and the file that was opened.
        self._engines: dict[str, tuple[sa.Engine, int]] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        # Dagster's lock: its watcher looks at events from a thread of its own.
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

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
            self._initdb(engine)
            file = _inode(path)
        self._engines[shard] = (engine, file)
        while len(self._engines) > _OPEN_FILES:
            oldest, _ = self._engines.pop(next(iter(self._engines)))
            oldest.dispose()
        return engine

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, and touch the log's file: the UI watches that, not the journal beside it.

        SQLite writes into the file itself when the last connection closes, or when much has come.
        """
        if self.has_instance and event.dagster_event:
            root = self._instance.root_directory
            alive.follow(root, event.run_id, event.dagster_event.event_type)
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

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
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        """Let go of the files."""
        super().dispose()
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1][0].dispose()


def _inode(path: str) -> int:
    return Path(path).stat().st_ino if os.path.exists(path) else 0


def _without_waiting_for_the_disk(connection: Any, _: object) -> None:
    """Let a power cut lose a log's last events; a process that is killed loses none."""
    connection.execute("pragma synchronous = normal")
