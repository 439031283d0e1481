"""DuckDB for Great Expectations, which has no engine of its own for it.

Stock GX fails on DuckDB: it reads a cursor after its connection was given back, and it finds
neither DuckDB's types nor a regular expression operator. Imported only beside Great Expectations.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb_engine
import sqlalchemy as sa

from assetops.quality.engine.dialect import DRIVER, DialectModule, Inspector
from assetops.quality.engine.execution import FusedExecutionEngine
from assetops.quality.engine.fusion import Aggregate

_LARGE = 1_000_000


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
        if len(holding) < 2 or not self._is_large():
            return [aggregates]
        alone = holding[1:]
        shared = [aggregate for aggregate in aggregates if aggregate not in alone]
        return [shared, *([aggregate] for aggregate in alone)]

    def _is_large(self) -> bool:
        """Say whether rows are counted in millions; those of a view are not known."""
        if self._relation is None:
            return False
        tables = sa.text(
            "select max(estimated_size) from duckdb_tables() "
            "where schema_name = :s and table_name = :t"
        )
        names = {"s": self._relation.schema_name, "t": self._relation.name}
        with self.get_connection() as connection:
            rows = connection.execute(tables, names).scalar()
        return rows is not None and rows >= _LARGE

    def readable(self, statement: Any) -> str:
        """Return a statement as a person can run it."""
        compiled = statement.compile(
            dialect=self.engine.dialect, compile_kwargs={"literal_binds": True}
        )
        return str(compiled)

    def order_of(self, rows: str, key: Sequence[str]) -> str:
        """Return by what all rows of a subquery are ordered: by all columns, from the first on."""
        return "all"


def open_duckdb(connection: Any) -> DuckDBExecutionEngine:
    """Return an engine on an open DuckDB connection."""
    engine = sa.create_engine(
        f"{DRIVER}://",
        creator=lambda: duckdb_engine.ConnectionWrapper(connection),
        poolclass=sa.pool.StaticPool,
    )
    return DuckDBExecutionEngine(engine=engine, create_temp_table=False)
