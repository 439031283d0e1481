"""Tables that live in a Postgres of somebody else's: read in one snapshot, and never written.

The URL, with its password, is known to the environment alone: all else has the variable's name.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from assetops.errors import CheckCouldNotRun
from assetops.model import Relation
from assetops.settings import connection_url

PostgresConnection = sa.Connection
PostgresError = sa.exc.SQLAlchemyError

_DRIVER = "postgresql+psycopg2"
_DRIVERS = ("postgres", "postgresql", _DRIVER)
_WRITTEN = "postgresql://user:password@host:5432/database"
_PATIENCE_SECONDS = 10
# A domain is what it is made of; an enumeration is no type's name, but what it holds is text.
COLUMNS = """
select a.attname, case t.typtype when 'e' then 'enum'
  when 'd' then format_type(t.typbasetype, t.typtypmod)
  else format_type(a.atttypid, a.atttypmod) end as kind
from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
where a.attrelid = to_regclass({table}) and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""


def open_postgres(variable: str) -> PostgresConnection:
    """Return a connection to a server whose URL is in an environment variable.

    All that it reads is of one moment, that of its first statement; nothing it does is kept.

    Raises:
        CheckCouldNotRun: The variable has no URL, or the server does not let us in.
    """
    url = _url(variable)
    wait = {} if "connect_timeout" in url.query else {"connect_timeout": _PATIENCE_SECONDS}
    engine = sa.create_engine(
        url, poolclass=sa.pool.NullPool, isolation_level="REPEATABLE READ", connect_args=wait
    )
    sa.event.listen(engine, "connect", _in_utc)
    try:
        return engine.connect()
    except PostgresError as error:
        raise CheckCouldNotRun(
            f"the Postgres server of {variable} does not let us in: {said(error)}. "
            f"Mend the URL in {variable}, or start the server."
        ) from None


def said(error: Exception) -> str:
    """Return what Postgres says is wrong, without the statement and without data."""
    original = getattr(error, "orig", None) or error
    lines = [line.strip() for line in str(original).splitlines() if line.strip()]
    # What comes after the first line, beside hints, quotes the statement or a value.
    kept = lines[:1] + [line for line in lines[1:] if line.startswith("HINT:")]
    return " ".join(kept).rstrip(".") or type(original).__name__


def rows(connection: PostgresConnection, sql: str) -> Sequence[Any]:
    """Return what a query finds; a percent sign in it is one."""
    found: Sequence[Any] = _asked(connection, sql).fetchall()
    return found


def _asked(connection: PostgresConnection, sql: str) -> Any:
    return connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


def postgres_columns(connection: PostgresConnection, relation: Relation) -> list[tuple[str, str]]:
    """Return the relation's columns and their types, in order; empty if it is not there."""
    found = connection.execute(sa.text(COLUMNS.format(table=":t")), {"t": relation.quoted})
    return [(row.attname, row.kind) for row in found]


def postgres_fingerprint(connection: PostgresConnection, source: str) -> str:
    """Return what identifies the content of a quoted table or `(query)`, in whatever order."""
    names = list(_asked(connection, f"select * from {source} t limit 0").keys())
    sql = f"select count(*), sum(hashtextextended(cast(t as text), 0)) from {source} t"
    ((count, hashes),) = rows(connection, sql)
    digest = hashlib.sha256(repr((names, count, hashes)).encode()).hexdigest()[:16]
    return f"{count}-{digest}"


def make_temporary(connection: PostgresConnection, view: str, query: str) -> None:
    """Make a view that is gone with the connection."""
    _asked(connection, f"create temp view {view} as {query}")


def read_only(connection: PostgresConnection) -> None:
    """Let the transaction change nothing from here on."""
    _asked(connection, "set transaction read only")


def _in_utc(connection: Any, _: object) -> None:
    """Let days start in UTC: a server may have another time zone for each who connects."""
    with connection.cursor() as cursor:
        cursor.execute("set time zone 'UTC'")
    connection.commit()


def _url(variable: str) -> sa.URL:
    """Return the URL; no message repeats any of it, since a part may be one of the password."""
    written = connection_url(variable)
    try:
        url = sa.make_url(written)
    except (sa.exc.ArgumentError, ValueError):
        raise CheckCouldNotRun(f"{variable} holds no URL such as {_WRITTEN}.") from None
    if url.drivername not in _DRIVERS:
        raise CheckCouldNotRun(f"{variable} holds another URL than one such as {_WRITTEN}.")
    if written.count("@") > 1:
        raise CheckCouldNotRun(
            f"{variable} has an @ too many: write one that is in a password as %40."
        )
    return url.set(drivername=_DRIVER)
