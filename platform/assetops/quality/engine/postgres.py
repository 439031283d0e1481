"""Postgres for our gates: GX's own engine for it, tuned as that for DuckDB is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from assetops.model import Relation, quote
from assetops.quality.engine.execution import FusedExecutionEngine
from assetops.warehouse.postgres import COLUMNS


class PostgresExecutionEngine(FusedExecutionEngine):
    """GX's SQL engine on one connection to Postgres, and so on one snapshot for each batch."""

    one_by_one: ClassVar[Mapping[str, Any]] = {"stream_results": True}

    def __init__(self, connection: sa.Connection) -> None:
        super().__init__(engine=connection.engine, create_temp_table=False)
        self._connection: Any = connection
        dialect: Any = self.engine.dialect
        dialect.identifier_preparer = _preparer(dialect)
        self._point: Any = None
        self._fresh = True

    def load(self, relation: Relation, batch_id: str) -> None:
        """Make a table the batch of this name, as it is now."""
        if not self._fresh:
            self._connection.rollback()
            self._point = None
        self._fresh = False
        super().load(relation, batch_id)

    @contextmanager
    def get_connection(self) -> Iterator[Any]:
        """Yield the one connection; a statement that fails leaves the transaction as it was."""
        if self._point is None:
            self._point = self._connection.begin_nested()
        try:
            yield self._connection
        except Exception:
            self._point.rollback()
            self._point = None
            raise

    def get_inspector(self) -> Any:
        """Return the inspector; GX forgets it with every batch."""
        if self._inspector is None:
            self._inspector: Any = _Inspector(self.engine.dialect, self.execute_query)
        return self._inspector

    def identifier(self, name: str) -> str:
        """Return a name as it stands in SQL, quoted where it must be."""
        return str(_PLAIN.identifier_preparer.quote(name))

    def quantiles(self, column: str, quantiles: Sequence[float]) -> Any:
        """Return the expression of some quantiles of a column, as a list."""
        listed = ", ".join(repr(float(quantile)) for quantile in quantiles)
        wanted: Any = sa.literal_column(f"array[{listed}]")
        return sa.func.percentile_disc(wanted).within_group(sa.column(column))

    def readable(self, statement: Any) -> str:
        """Return a statement as a person can run it: psycopg2's own doubles percent signs."""
        compiled = statement.compile(dialect=_PLAIN, compile_kwargs={"literal_binds": True})
        return str(compiled)

    def order_of(self, rows: str, key: Sequence[str]) -> str:
        """Return by what all rows of a subquery are ordered: the key, and then the row as text.

        As text, because there are types, such as JSON, whose values have no order.
        """
        return ", ".join([*map(quote, key), f"cast({rows} as text)"])


_PLAIN = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]


def _preparer(dialect: Any) -> Any:
    """Return what writes names, also those that are quoted already, as psycopg2 reads them."""

    class Preparer(dialect.preparer):  # type: ignore[misc]
        def quote(self, ident: str) -> str:
            as_it_is = getattr(ident, "quote", None) is False
            return ident.replace("%", "%%") if as_it_is else str(super().quote(ident))

    return Preparer(dialect)


class _Inspector:
    """A table's columns by one query of the catalogue, those of a temporary view too."""

    def __init__(self, dialect: Any, execute: Callable[[Any], Any]) -> None:
        self.dialect = dialect
        self._execute = execute
        self._known: dict[str, list[dict[str, Any]]] = {}

    def get_columns(
        self, table_name: str, schema: str | None = None, **_: Any
    ) -> list[dict[str, Any]]:
        """Return name and type of every column; a table that is not there is an error."""
        table = ".".join(_quoted(name) for name in (schema, table_name) if name)
        if table not in self._known:
            statement = sa.text(COLUMNS.format(table=":name")).bindparams(name=table)
            found = self._execute(statement).fetchall()
            if not found:
                raise LookupError(f"there is no table {table}")
            self._known[table] = [{"name": row.attname, "type": _type(row.kind)} for row in found]
        return self._known[table]

    def get_pk_constraint(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Return no primary key: keys are named by contracts here."""
        return {"constrained_columns": []}


def _quoted(name: str) -> str:
    """Quote an identifier that is not quoted yet."""
    return name if name.startswith('"') and name.endswith('"') else quote(name)


class _Named(sa.types.UserDefinedType[Any]):
    """A type that SQLAlchemy does not know, of which its name is enough."""

    def __init__(self, name: str) -> None:
        self._name = name

    def get_col_spec(self, **_: Any) -> str:
        return self._name.upper()


def _type(written: str) -> Any:
    """Return a type as SQLAlchemy knows it, by the name that Postgres gives it."""
    base, bracket, rest = written.partition("(")
    arguments, _, after = rest.partition(")")
    if written.endswith("[]"):
        return postgresql.ARRAY(_type(written.removesuffix("[]")))
    kind = _PLAIN.ischema_names.get(base.strip() + after)
    if kind is None or kind is postgresql.ENUM:
        return _Named(written)
    sized = bracket and issubclass(kind, sa.types.Numeric | sa.types.String)
    return kind(*(int(number) for number in arguments.split(","))) if sized else kind()
