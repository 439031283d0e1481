"""Dagster's SQLite event log, kept open while a run of this process lasts.

Dagster makes an engine and a connection for each event and each look at one: every statement is
compiled anew, and SQLite writes a checkpoint whenever a file's last connection closes. That was
half the time of a build in which little is new.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage


class _KeptOpen(SqliteEventLogStorage):
    """The same files, with one engine and its connection for each until it is closed."""

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, sa.Engine] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        # Dagster's lock: its watcher looks at events from a thread of its own.
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> sa.Engine:
        if shard not in self._engines:
            address = self.conn_string_for_shard(shard)
            engine = sa.create_engine(address, connect_args={"timeout": 30})
            sa.event.listen(engine, "connect", _without_waiting_for_the_disk)
            self._initdb(engine)
            self._engines[shard] = engine
        return self._engines[shard]

    def has_table(self, table_name: str) -> bool:
        """Say whether there is such a table; Dagster asks each time, and tables stay."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def close(self) -> None:
        """Let go of the files."""
        for engine in self._engines.values():
            engine.dispose()


def _without_waiting_for_the_disk(connection: Any, _: object) -> None:
    """Let a power cut lose a log's last events; a process that is killed loses none."""
    connection.execute("pragma synchronous = normal")


@contextmanager
def kept_open(instance: dg.DagsterInstance) -> Iterator[None]:
    """Keep the event log's files open; a log that is not in SQLite stays as it is."""
    storage = instance.event_log_storage
    if type(storage) is not SqliteEventLogStorage:
        yield
        return
    log = _KeptOpen(storage._base_dir)
    log.register_instance(instance)
    instance._event_storage = log
    try:
        yield
    finally:
        instance._event_storage = storage
        log.close()
