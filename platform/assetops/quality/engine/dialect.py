"""DuckDB as SQLAlchemy and Great Expectations see a database: its dialect, types and columns."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import duckdb_engine
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from assetops.model import quote

# A type's other names, as DuckDB itself accepts them.
_ALIASES: Mapping[str, str] = {
    "BOOL": "BOOLEAN",
    "BYTEA": "BLOB",
    "DATETIME": "TIMESTAMP",
    "FLOAT4": "FLOAT",
    "FLOAT8": "DOUBLE",
    "INT": "INTEGER",
    "LONG": "BIGINT",
    "NUMERIC": "DECIMAL",
    "REAL": "FLOAT",
    "SHORT": "SMALLINT",
    "STRING": "VARCHAR",
    "TEXT": "VARCHAR",
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
    "TIMETZ": "TIME WITH TIME ZONE",
}
_TYPES = frozenset(
    {
        *("BIGINT", "BIT", "BLOB", "BOOLEAN", "DATE", "DECIMAL", "DOUBLE", "ENUM", "FLOAT"),
        *("HUGEINT", "INTEGER", "INTERVAL", "JSON", "LIST", "MAP", "SMALLINT", "STRUCT", "TIME"),
        *("TIME WITH TIME ZONE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_MS"),
        *("TIMESTAMP_NS", "TIMESTAMP_S", "TINYINT", "UBIGINT", "UHUGEINT", "UINTEGER", "UNION"),
        *("USMALLINT", "UTINYINT", "UUID", "VARCHAR"),
    }
)


# Keywords that DuckDB does not call reserved, and yet does not take as a column's bare name.
_ALSO_RESERVED = frozenset(
    "anti asof at authorization binary by collation concurrently cross freeze full glob ilike "
    "inner is isnull join left like natural notnull outer overlaps positional right semi similar "
    "tablesample unpack verbose".split()
)


class _Preparer(duckdb_engine.DuckDBIdentifierPreparer):
    """Quotes every name that DuckDB would take for a keyword."""

    def __init__(self, dialect: Any, **options: Any) -> None:
        super().__init__(dialect, **options)
        self.reserved_words |= _ALSO_RESERVED


class DuckDBDialect(duckdb_engine.Dialect):
    """DuckDB without SQLAlchemy's transactions: one failed statement must not end the others."""

    driver = "assetops"
    supports_statement_cache = False
    # In DuckDB, as in the standard, a backslash in a text is a backslash.
    _backslash_escapes = False
    preparer = _Preparer

    def _get_default_schema_name(self, connection: Any) -> str:
        return "main"

    def get_schema_names(self, connection: Any, **_: Any) -> list[str]:
        """Return the schemas of the opened file, by their plain names."""
        query = "select schema_name from duckdb_schemas() where database_name = current_database()"
        return [row[0] for row in connection.execute(sa.text(query))]

    def do_begin(self, connection: Any) -> None:
        """Leave every statement on its own."""

    def do_commit(self, connection: Any) -> None:
        """Nothing is open that could be committed."""

    def do_rollback(self, connection: Any) -> None:
        """Nothing is open that could be rolled back."""


DRIVER = "duckdb+assetops"
sa.dialects.registry.register("duckdb.assetops", __name__, "DuckDBDialect")


class _LikePostgres(postgresql.dialect):  # type: ignore[misc, valid-type]
    """How GX is told that `~` matches a regular expression, and that LIKE is there."""

    name = "duckdb"


class DialectModule:
    """What GX takes for a dialect's module: its dialect, and a class for every type's name."""

    __name__ = "duckdb"
    dialect = _LikePostgres

    def __getattr__(self, name: str) -> type[sa.types.TypeEngine[Any]]:
        found = _type_class(name)
        if found is None:
            raise AttributeError(name)
        return found


def _type_class(name: str) -> type[sa.types.TypeEngine[Any]] | None:
    """Return the class of a DuckDB type: that of DECIMAL(12,2) is a kind of DECIMAL."""
    written = re.sub(r"\s*([(),])\s*", r"\1", name.upper().strip())
    if written.endswith("]"):
        return _class(written, "LIST")
    word, bracket, arguments = written.partition("(")
    base = _ALIASES.get(word, word)
    return _class(base + bracket + arguments, base) if base in _TYPES else None


@cache
def _class(name: str, base: str) -> type[sa.types.TypeEngine[Any]]:
    return type(name, (sa.types.NullType if name == base else _class(base, base),), {})


class Inspector:
    """A table's columns by one DESCRIBE, instead of a dozen catalogue queries."""

    def __init__(self, dialect: Any, execute: Callable[[Any], Any]) -> None:
        self.dialect = dialect
        self._execute = execute
        self._described: dict[str, list[dict[str, Any]]] = {}

    def get_columns(
        self, table_name: str, schema: str | None = None, **_: Any
    ) -> list[dict[str, Any]]:
        """Return name and type of every column; a table that is not there is an error."""
        table = ".".join(_quoted(name) for name in (schema, table_name) if name)
        if table not in self._described:
            statement = sa.text("describe " + table.replace(":", r"\:"))
            self._described[table] = [
                {"name": row[0], "type": (_type_class(row[1]) or sa.types.NullType)()}
                for row in self._execute(statement).fetchall()
            ]
        return self._described[table]

    def get_pk_constraint(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Return no primary key: keys are named by contracts here."""
        return {"constrained_columns": []}


def _quoted(name: str) -> str:
    """Quote an identifier that is not quoted yet."""
    return name if name.startswith('"') and name.endswith('"') else quote(name)
