"""DuckDB for Great Expectations, which has no engine of its own for it.

Stock GX fails on DuckDB: it reads a cursor after its connection was given back, and it finds
neither DuckDB's types nor a regular expression operator. Imported only beside Great Expectations.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import duckdb_engine
import sqlalchemy as sa
from great_expectations.exceptions import MetricResolutionError
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
from great_expectations.expectations.registry import get_metric_provider
from great_expectations.validator.metric_configuration import MetricConfiguration
from sqlalchemy.dialects import postgresql

from assetops.model import Relation, quote

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


_DRIVER = "duckdb+assetops"
sa.dialects.registry.register("duckdb.assetops", __name__, "DuckDBDialect")


class _LikePostgres(postgresql.dialect):  # type: ignore[misc, valid-type]
    """How GX is told that `~` matches a regular expression, and that LIKE is there."""

    name = "duckdb"


class _DialectModule:
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


class _Inspector:
    """A table's columns by one DESCRIBE, instead of a dozen catalogue queries."""

    def __init__(self, engine: "DuckDBExecutionEngine") -> None:
        self.dialect = engine.engine.dialect
        self._engine = engine
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
                for row in self._engine.execute_query(statement).fetchall()
            ]
        return self._described[table]

    def get_pk_constraint(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Return no primary key: keys are named by contracts here."""
        return {"constrained_columns": []}


def _quoted(name: str) -> str:
    """Quote an identifier that is not quoted yet."""
    return name if name.startswith('"') and name.endswith('"') else quote(name)


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """GX's SQL engine on one open DuckDB connection, with fewer statements.

    Samples are taken only where something was unexpected, and aggregates wait until all that
    can share their query are ready.
    """

    def __init__(self, **options: Any) -> None:
        if connection_string := options.get("connection_string"):
            options["connection_string"] = re.sub(r"^duckdb:", f"{_DRIVER}:", connection_string)
        super().__init__(**options)
        self.dialect_module: Any = _DialectModule()
        # Why a metric could not be computed; GX would try three times, and blame the last error.
        self.failures: dict[Any, str] = {}

    @contextmanager
    def get_connection(self) -> Iterator[Any]:
        """Yield the one connection, which stays open so that its rows can still be read."""
        if self._connection is None:
            self._connection = self.engine.connect()
        yield self._connection

    def get_inspector(self) -> Any:
        """Return the inspector; GX forgets it with every batch."""
        if self._inspector is None:
            self._inspector: Any = _Inspector(self)
        return self._inspector

    def get_batch_data_and_markers(self, batch_spec: Any) -> Any:
        """Return a batch as stock GX asks for it: what failed on the last one may now succeed."""
        self.failures.clear()
        return super().get_batch_data_and_markers(batch_spec)

    def load(self, relation: Relation, batch_id: str) -> None:
        """Make a table the batch of this name, and forget everything known of the last one."""
        self._metric_cache = {}
        self.failures.clear()
        self._inspector = None
        # Quoted beforehand where they must be, because GX puts them into {batch} as they are.
        schema, table = (
            sa.quoted_name(self.engine.dialect.identifier_preparer.quote(name), quote=False)
            for name in (relation.schema_name, relation.name)
        )
        batch = SqlAlchemyBatchData(
            execution_engine=self, schema_name=schema, table_name=table, create_temp_table=False
        )
        self.load_batch_data(batch_id, batch)

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[MetricConfiguration],
        metrics: dict[Any, Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> dict[Any, Any]:
        """Compute the metrics of the next wave; GX asks again for those that are left."""
        known = metrics or {}
        ready = sorted(metrics_to_resolve, key=lambda metric: metric.id)
        untried = [metric for metric in ready if metric.id not in self.failures]
        if ready and not untried:
            raise MetricResolutionError(self.failures[ready[0].id], ready)
        wave = self._next_wave(untried)
        needless: dict[Any, Any] = {
            metric.id: []
            for metric in wave
            if (count := _count_behind(metric)) and known.get(count) == 0
        }
        left = [metric for metric in wave if metric.id not in needless]
        return {**needless, **self._resolve(left, known, runtime_configuration)}

    def _resolve(
        self,
        wave: list[MetricConfiguration],
        known: dict[Any, Any],
        runtime_configuration: dict[str, Any] | None,
    ) -> dict[Any, Any]:
        """Compute a wave; a metric that fails is remembered, and takes nothing else with it."""
        if not wave:
            return {}
        try:
            return dict(super().resolve_metrics(wave, known, runtime_configuration))
        except MetricResolutionError as error:
            if len(wave) == 1:
                self.failures[wave[0].id] = str(error)
                return {}
            failed = {metric.id for metric in error.failed_metrics}
        found: dict[Any, Any] = {}
        for metric in wave:
            if metric.id in failed:
                found |= self._resolve([metric], known, runtime_configuration)
        rest = [metric for metric in wave if metric.id not in failed]
        return found | self._resolve(rest, known, runtime_configuration)

    def _next_wave(self, ready: list[MetricConfiguration]) -> list[MetricConfiguration]:
        free = [m for m in ready if m.metric_name.endswith(_WITHOUT_QUERY)]
        if free:
            return free
        counted = [m for m in ready if _count_behind(m) is None]
        bundled = [m for m in counted if get_metric_provider(m.metric_name, self)[1] is None]
        return bundled or counted or ready

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.engine.dispose()


_WITHOUT_QUERY = (".condition", ".aggregate_fn", ".map", "table.columns", "table.column_types")
_SAMPLES = (".unexpected_values", ".unexpected_rows", ".unexpected_index_list")


def _count_behind(metric: MetricConfiguration) -> tuple[Any, ...] | None:
    """Return the id of the metric that counts what this one takes a sample of, if it is one."""
    if metric.metric_name == "unexpected_rows_query.table":
        return ("unexpected_rows_query.row_count", *metric.id[1:])
    for suffix in _SAMPLES:
        if metric.metric_name.endswith(suffix):
            values = {k: v for k, v in metric.metric_value_kwargs.items() if k != "result_format"}
            name = metric.metric_name.removesuffix(suffix) + ".unexpected_count"
            return MetricConfiguration(name, metric.metric_domain_kwargs, values).id
    return None


def open_engine(open_connection: Callable[[], Any]) -> DuckDBExecutionEngine:
    """Return an engine on the connection that the caller's function opens."""
    engine = sa.create_engine(
        f"{_DRIVER}://",
        creator=lambda: duckdb_engine.ConnectionWrapper(open_connection()),
        poolclass=sa.pool.StaticPool,
    )
    return DuckDBExecutionEngine(engine=engine, create_temp_table=False)
