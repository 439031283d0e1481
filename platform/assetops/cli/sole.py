"""One daemon for an instance: two would launch everything twice.

On one machine a file's lock says who it is; on Postgres an advisory lock does, for all machines.
Both end with the process that holds them.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from assetops.cli.postgres_storage import PostgresEvents
from assetops.errors import AssetOpsError, WarehouseBusy
from assetops.warehouse import WarehouseLock

# Any number will do that nobody else takes; it is the lower half of Postgres' key.
_KEY = 0x0A55E705
_LOOK_SECONDS = 5
_PAUSE_SECONDS = 0.2
# A host that is switched off is missed after a minute, not after the two hours of the default.
_MISS_A_HOST = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
_HOLDER = """
select application_name from pg_catalog.pg_stat_activity join pg_catalog.pg_locks using (pid)
where locktype = 'advisory' and granted and classid = 0 and objid = :key
and database = (select oid from pg_catalog.pg_database where datname = current_database())
and database = (select oid from pg_catalog.pg_database where datname = current_database())
"""


@contextmanager
def sole_daemon(
    instance: dg.DagsterInstance,
    lost: Callable[[str], None],
    *,
    home: Path | None = None,
    wait: float = 0,
) -> Iterator[None]:
    """Be the only daemon of an instance, and of a warehouse.

    Args:
        instance: The instance.
        lost: Told who is it now, if Postgres went away and somebody else came first.
        home: The folder of the warehouse, which another root's instance may work on, too.
        wait: For how many seconds; who only looks whether there is one has the place for a moment.

    Raises:
        AssetOpsError: Another process is it; the message says which.
    """
    folders = {"instance": Path(instance.root_directory), **({"warehouse": home} if home else {})}
    with ExitStack() as stack:
        for what, folder in folders.items():
            lock = WarehouseLock(folder / "daemon.lock", wait=wait)
            me = f"the daemon of {socket.gethostname()}"
            try:
                stack.enter_context(lock.held(me, say=lambda _: None))
            except WarehouseBusy:
                raise _another(lock.holder(), what) from None
        stack.enter_context(_sole_on_the_server(instance, lost, wait))
        yield


@contextmanager
def _sole_on_the_server(
    instance: dg.DagsterInstance, lost: Callable[[str], None], wait: float
) -> Iterator[None]:
    storage = instance.event_log_storage
    if not isinstance(storage, PostgresEvents):
        yield
        return
    place, deadline = _Place(storage.postgres_url), time.monotonic() + wait
    while not place.take():
        if time.monotonic() >= deadline:
            raise _another(place.holder())
        time.sleep(_PAUSE_SECONDS)
    threading.Thread(target=place.keep, args=(lost,), daemon=True).start()
    try:
        yield
    finally:
        place.leave()


def _another(who: str, what: str = "instance") -> AssetOpsError:
    return AssetOpsError(
        f"Another daemon works on this {what}: {who}. Two would launch everything twice: stop "
        "that one first."
    )


class _Place:
    """The advisory lock, and the connection that holds it."""

    def __init__(self, url: str) -> None:
        self._left = threading.Event()
        self._engine = sa.create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            poolclass=sa.pool.NullPool,
            connect_args={
                "connect_timeout": 10,
                "application_name": f"the daemon of {socket.gethostname()}"[:60],
                "options": _MISS_A_HOST,
            },
        )
        self._connection: sa.Connection | None = None

    def take(self) -> bool:
        """Take the lock, and say whether it was free."""
        connection = self._engine.connect()
        if connection.scalar(sa.text("select pg_try_advisory_lock(:key)"), {"key": _KEY}):
            self._connection = connection
            return True
        connection.close()
        return False

    def holder(self) -> str:
        """Say who holds it."""
        with self._engine.connect() as connection:
            found = connection.scalar(sa.text(_HOLDER), {"key": _KEY})
        return str(found or "another process")

    def keep(self, lost: Callable[[str], None]) -> None:
        """Take it again when the server has been away, unless somebody else has."""
        while not self._left.wait(_LOOK_SECONDS):
            try:
                if self._connection is not None:
                    self._connection.scalar(sa.text("select 1"))
                elif not self.take():
                    lost(self.holder())
                    return
            except sa.exc.DBAPIError:
                self._let_go()

    def leave(self) -> None:
        """Give it back."""
        self._left.set()
        self._let_go()

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
