"""Dagster's storage in Postgres, which waits for its server; deploy/dagster.yaml names it.

Dagster opens a connection for each statement of a run or the daemon, up to 63 in the UI, and gives
a server that restarts six seconds. Here a process has one small pool, and a run waits.
"""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Self

import dagster as dg
import sqlalchemy as sa
from dagster._core.events import DagsterEvent
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.config import pg_config
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as EVENTS
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from dagster_postgres.utils import pg_url_from_config

from assetops.ledger.server import database_url, patient_engine
from assetops.resident import alive

_KEPT_OPEN = 2


class PostgresStorage(DagsterPostgresStorage):
    """Dagster's own storage in Postgres, but for how its connections are made.

    Args:
        postgres_url: The server and its database.
        connections: How many a process may have open.
        patience_seconds: How long a statement waits for a server that is gone.
        inst_data: What dagster.yaml says.
    """

    def __init__(
        self,
        postgres_url: str,
        *,
        connections: int = 10,
        patience_seconds: int = 120,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        self.postgres_url, self._inst_data = postgres_url, inst_data
        postgres_url = database_url(postgres_url).render_as_string(hide_password=False)
        self.should_autocreate_tables = True
        how = (connections, patience_seconds)
        self._run_storage = _Runs(postgres_url, *how)
        self._event_log_storage = PostgresEvents(postgres_url, *how)
        self._schedule_storage = _Schedules(postgres_url, *how)
        # Not Dagster's own, which makes its three storages.
        super(DagsterPostgresStorage, self).__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the schema of its configuration: that of Dagster's, and of the connections."""
        own = {
            "connections": dg.Field(dg.IntSource, is_required=False, default_value=10),
            "patience_seconds": dg.Field(dg.IntSource, is_required=False, default_value=120),
        }
        # It is a dictionary, whatever its type says.
        stock: Any = pg_config()
        return {name: stock[name] for name in ("postgres_url", "postgres_db")} | own

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Return the storage that dagster.yaml describes."""
        return cls(
            pg_url_from_config(config_value),
            connections=config_value["connections"],
            patience_seconds=config_value["patience_seconds"],
            inst_data=inst_data,
        )


class _Patient:
    """What Dagster's three storages have in common, with connections from the process's pool."""

    _engine: sa.Engine

    def __init__(self, postgres_url: str, connections: int, patience: int) -> None:
        self._how = (postgres_url, connections, patience, os.getpid())
        # Whether there is a server is found out at once, and not three times over.
        _pool(*self._how).connect().close()
        super().__init__(postgres_url)  # type: ignore[call-arg]
        self._engine = _pool(*self._how)

    def connect(self) -> sa.Connection:
        """Return a connection, which is given back when it is left."""
        return self._engine.connect()

    _connect = connect

    def optimize_for_webserver(
        self, statement_timeout: int, pool_recycle: int, max_overflow: int
    ) -> None:
        """Keep to the pool, and let no statement of the UI take longer than it may."""
        self._engine = _pool(*self._how, statement_timeout)

    def _survive(self, work: Callable[[], None], mend: Callable[[], None]) -> None:
        """Do some work once more, after a mend, when the server went away in the middle."""
        try:
            work()
        except sa.exc.DBAPIError as error:
            if not error.connection_invalidated:
                raise
            mend()
            work()


class _Runs(_Patient, PostgresRunStorage):
    def handle_run_event(
        self, run_id: str, event: DagsterEvent, update_timestamp: datetime | None = None
    ) -> None:
        """Take over a run's status from an event, which can be done twice."""
        handle = super().handle_run_event
        self._survive(lambda: handle(run_id, event, update_timestamp), lambda: None)


class PostgresEvents(_Patient, PostgresEventLogStorage):
    """The event log."""

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, once: what of it was stored when the server went away is removed."""
        if self.has_instance and event.dagster_event:
            root = self._instance.root_directory
            alive.follow(root, event.run_id, event.dagster_event.event_type)
        store = super().store_event
        self._survive(lambda: store(event), lambda: self._remove(event))

    def _remove(self, event: EventLogEntry) -> None:
        with self.connect() as connection:
            newest = sa.select(sa.func.max(EVENTS.c.id)).where(EVENTS.c.run_id == event.run_id)
            written = self.prepare_insert_event(event).compile().params["event"]
            connection.execute(
                EVENTS.delete().where(
                    EVENTS.c.id == newest.scalar_subquery(), EVENTS.c.event == written
                )
            )


class _Schedules(_Patient, PostgresScheduleStorage):  # type: ignore[misc]
    pass


@cache
def _pool(url: str, connections: int, patience: int, pid: int, timeout: int = 0) -> sa.Engine:
    """Return the engine of a process, which all its instances share; a fork has another.

    Args:
        url: Of the server.
        connections: How many there may be.
        patience: For how many seconds a server that has gone is waited for.
        pid: Of the process.
        timeout: Of each statement, in ms; 0 for none.
    """
    kept = min(_KEPT_OPEN, connections)
    engine = patient_engine(
        sa.make_url(url),
        patience=patience,
        isolation_level="AUTOCOMMIT",
        pool_size=kept,
        max_overflow=connections - kept,
        connect_args={"application_name": f"assetops {pid}"},
    )

    def limit(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"set statement_timeout = {int(timeout)}")
        connection.commit()

    if timeout:
        sa.event.listen(engine, "connect", limit)
    return engine
