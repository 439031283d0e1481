"""Little memory for suites: DuckDB keeps all it reads and counts until it comes to its limit."""

import re
from dataclasses import dataclass
from typing import Any

import duckdb

from assetops.model import literal
from assetops.settings import SUITE_MEMORY

_UNITS = {"bytes": 0, "KiB": 1, "MiB": 2, "GiB": 3, "TiB": 4, "PiB": 5}
# Memory that is too little, or nowhere to put aside what does not fit into it.
_NO_ROOM = (duckdb.OutOfMemoryException, duckdb.IOException)
_IN_USE = """
select current_setting('memory_limit'), current_setting('threads'),
       (select sum(memory_usage_bytes) from duckdb_memory() where tag = 'IN_MEMORY_TABLE'),
       (select bool_or(path is not null and not readonly) from duckdb_databases())
"""


@dataclass(frozen=True)
class Memory:
    """What DuckDB may use of memory: at all, and while a suite is run."""

    # As DuckDB takes it, and as whoever opens the warehouse next sets it; None where nobody will.
    limit: str | None
    # In MB, for each of DuckDB's threads; a thread that has less puts aside the same rows again
    # and again.
    suite: int = SUITE_MEMORY
    # Whether the suite looks at a table in memory, which stays there.
    in_memory: bool = False


class SparingConnection:
    """A connection to DuckDB that has little memory until it is closed.

    A statement for which that is too little is asked again with all of it.
    """

    def __init__(self, connection: Any, memory: Memory) -> None:
        self._connection = connection
        self._limit = memory.limit
        self._is_low = False
        self._little = self._little_of(memory)

    def _little_of(self, memory: Memory) -> str | None:
        """Return the limit for statements, or nothing if there is no more than that anyway."""
        if memory.limit and not memory.limit.endswith("%") and not memory.in_memory:
            # Nothing has to be asked: suites that take a moment would take a third longer.
            each = f"current_setting('threads') * {memory.suite * 10**6}"
            return f"concat(least({each}, parse_formatted_bytes({literal(memory.limit)})), 'B')"
        limit, threads, in_memory, written = self._connection.execute(_IN_USE).fetchone()
        if self._limit is None and written:
            # This process has it open for somebody else, whose limit is not known exactly.
            return None
        little = memory.suite * int(threads) * 10**6 + int(in_memory or 0)
        return f"'{little}B'" if little < _bytes(limit) else None

    def execute(self, *arguments: Any) -> Any:
        """Run a statement, with little memory if that is enough for it."""
        if self._little is not None and not self._is_low:
            self._lower(self._little)
        try:
            self._connection.execute(*arguments)
        except _NO_ROOM:
            if not self._is_low:
                raise
            # It is lowered for the next one: until then the rows of this one are there to be read.
            self._give_back()
            self._connection.execute(*arguments)
        return self

    def close(self) -> None:
        """Close the connection, and give back the memory if nobody else will."""
        if self._is_low and self._limit is None:
            self._give_back()
        self._little = None
        self._connection.close()

    def _lower(self, limit: str) -> None:
        """Lower the limit that all connections of this process to this database share."""
        try:
            self._connection.execute(f"set memory_limit = {limit}")
            self._is_low = True
        except duckdb.OutOfMemoryException:
            self._little = None  # Somebody else is using more, and cannot let go of it.

    def _give_back(self) -> None:
        if self._limit is None:
            self._connection.execute("reset memory_limit")
        else:
            self._connection.execute("set memory_limit = ?", [self._limit])
        self._is_low = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def _bytes(shown: str) -> float:
    """Return how much memory DuckDB means, which shows no more than one decimal of it."""
    number, unit = re.split(r"\s+", shown.strip())
    return float(number) * 1024.0 ** _UNITS[unit]
