"""DuckDB for Great Expectations, which has no engine of its own for it.

Stock GX fails on DuckDB: it reads a cursor after its connection was given back, and it finds
neither DuckDB's types nor a regular expression operator. Imported only beside Great Expectations.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import duckdb_engine
import sqlalchemy as sa

from assetops.quality.engine.dialect import DRIVER, DialectModule, Inspector
from assetops.quality.engine.execution import FusedExecutionEngine
from assetops.quality.engine.fusion import Aggregate

_LARGE = 1_000_000
_UNIQUE = "column_values.unique.unexpected_count"
_TABLE = """
select max(estimated_size),
       current_setting('default_collation') <> '' or bool_or(sql ilike '% collate %')
from duckdb_tables() where schema_name = :s and table_name = :t
"""


class DuckDBExecutionEngine(FusedExecutionEngine):
    """GX's SQL engine on one open DuckDB connection."""

    keeps_order = True
    # With parameters DuckDB plans worse: on five million rows it took three times the memory.
    writes_values = True

    def __init__(self, **options: Any) -> None:
        if connection_string := options.get("connection_string"):
            options["connection_string"] = re.sub(r"^duckdb:", f"{DRIVER}:", connection_string)
        super().__init__(**options)
        self.dialect_module: Any = DialectModule()

    @contextmanager
    def get_connection(self) -> Iterator[Any]:
        """Yield the one connection, which stays open so that its rows can still be read."""
        if self._connection is None:
            self._connection = self.engine.connect()
        yield self._connection

    def get_inspector(self) -> Any:
        """Return the inspector; GX forgets it with every batch."""
        if self._inspector is None:
            self._inspector: Any = Inspector(self.engine.dialect, self.execute_query)
        return self._inspector

    def quantiles(self, column: str, quantiles: Sequence[float]) -> Any:
        """Return the expression of some quantiles of a column, as a list."""
        listed = ", ".join(repr(float(quantile)) for quantile in quantiles)
        return sa.func.quantile_disc(sa.column(column), sa.literal_column(f"[{listed}]"))

    def count_if(self, condition: Any) -> Any:
        """Return an aggregate that counts the rows that meet a condition.

        DuckDB makes a selection of the rows for every aggregate that has a filter.
        """
        return sa.func.count_if(condition)

    def statements(self, aggregates: list[Aggregate]) -> list[list[Aggregate]]:
        """Return all together; of what holds a large table's values, one for each statement.

        Together they would need the memory of all at once, or put the same rows aside many times.
        """
        holding = [aggregate for aggregate in aggregates if aggregate.holds_values]
        texts = [aggregate for aggregate in holding if self._is_unique_text(aggregate)]
        if not texts and len(holding) < 2:
            return [aggregates]
        rows, collated = self._rows_and_collation()
        if rows < _LARGE:
            return [aggregates]
        alone = [[aggregate] for aggregate in holding[1:]]
        asked = [[a for a in aggregates if [a] not in alone], *alone]
        if collated:
            return asked
        return [[_by_digest(a) if a in texts else a for a in together] for together in asked]

    def _is_unique_text(self, aggregate: Aggregate) -> bool:
        if self._relation is None or aggregate.metric.metric_name != _UNIQUE:
            return False
        asked = aggregate.metric.metric_domain_kwargs["column"]
        columns = self.get_inspector().get_columns(self._relation.name, self._relation.schema_name)
        return any(c["name"] == asked and type(c["type"]).__name__ == "VARCHAR" for c in columns)

    def _rows_and_collation(self) -> tuple[int, bool]:
        """Return about how many rows the table has, and whether texts may be alike in it.

        Those of a view are not known: it would be computed for every statement.
        """
        if self._relation is None:
            return 0, True
        names = {"s": self._relation.schema_name, "t": self._relation.name}
        with self.get_connection() as connection:
            rows, collated = connection.execute(sa.text(_TABLE), names).one()
        return rows or 0, bool(collated)

    def readable(self, statement: Any) -> str:
        """Return a statement as a person can run it."""
        compiled = statement.compile(
            dialect=self.engine.dialect, compile_kwargs={"literal_binds": True}
        )
        return str(compiled)

    def order_of(self, rows: str, key: Sequence[str]) -> str:
        """Return by what all rows of a subquery are ordered: by all columns, from the first on."""
        return "all"


def _by_digest(unique: Aggregate) -> Aggregate:
    """Return what compares texts by a digest, which is as short as a number.

    Other digests are of other texts. If some are the same the rows are counted by the texts.
    """
    column: sa.ColumnClause[Any] = sa.column(unique.metric.metric_domain_kwargs["column"])
    digests = sa.func.count(sa.distinct(sa.func.md5_number(column)))
    return replace(unique, expression=sa.func.count(column) - digests)


def open_duckdb(connection: Any) -> DuckDBExecutionEngine:
    """Return an engine on an open DuckDB connection."""
    engine = sa.create_engine(
        f"{DRIVER}://",
        creator=lambda: duckdb_engine.ConnectionWrapper(connection),
        poolclass=sa.pool.StaticPool,
    )
    return DuckDBExecutionEngine(engine=engine, create_temp_table=False)
