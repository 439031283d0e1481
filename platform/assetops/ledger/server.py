"""Connections to a database that what is remembered is kept in: on a server, they wait for it."""

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa

from assetops.settings import template_socket

# How long whoever was connected before waits for a server that has gone, as does all that
# `assetops up` has started; and how long a command waits, which somebody sits before.
PATIENCE_SECONDS = 120
START_SECONDS = 5
_PAUSE_SECONDS = 0.5
P = ParamSpec("P")
T = TypeVar("T")


def surviving(work: Callable[P, T]) -> Callable[P, T]:
    """Let work be done once more, from its beginning, when the server went away in the middle.

    What was not committed is gone with the server. Whether a commit was heard is not known where
    the server went away in that very moment: then a row may be there twice, but never not at all.
    """

    @wraps(work)
    def survives(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except sa.exc.DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return work(*args, **kwargs)

    return survives


def database_url(url: str) -> sa.URL:
    """Return a database's address; a Postgres without a driver is met by the one that is there."""
    address = sa.make_url(url)
    if address.drivername in ("postgres", "postgresql"):
        return address.set(drivername="postgresql+psycopg2")
    return address


def patient_engine(url: sa.URL, *, patience: float = PATIENCE_SECONDS, **how: Any) -> sa.Engine:
    """Return an engine whose connections are looked at before use, and wait for their server.

    Args:
        url: Of the server.
        patience: For how many seconds; a command that has had no connection yet says so soon.
        how: What else SQLAlchemy is to know.
    """
    engine = sa.create_engine(
        url,
        # A server that has restarted since is noticed before a statement is lost to it.
        pool_pre_ping=True,
        pool_timeout=patience + 30,
        connect_args={"connect_timeout": 10, **how.pop("connect_args", {})},
        **how,
    )
    met = template_socket() is not None

    def connect(dialect: Any, _: object, words: Any, options: Any) -> Any:
        nonlocal met
        connection = _connected(dialect, words, options, patience if met else START_SECONDS)
        met = True
        return connection

    sa.event.listen(engine, "do_connect", connect)
    return engine


def _connected(dialect: Any, words: Any, options: Any, patience: float) -> Any:
    """Return a connection as soon as the server gives one; after so many seconds, its refusal."""
    deadline = time.monotonic() + patience
    said = False
    while True:
        try:
            return dialect.connect(*words, **options)
        except dialect.loaded_dbapi.OperationalError:
            if time.monotonic() > deadline:
                raise
            if not said:
                logging.getLogger(__name__).warning("Waiting for the Postgres server.")
                said = True
            time.sleep(_PAUSE_SECONDS)
