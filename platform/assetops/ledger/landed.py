"""The content of landing files as it was last seen, so that a look reads only what has changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from assetops.ledger import Ledger
from assetops.ledger.server import surviving
from assetops.ledger.tables import LANDED_FILES

# SQLite takes some thousand values in a statement.
_AT_ONCE = 500


@dataclass(frozen=True)
class Seen:
    """What a landing file was when it was looked at."""

    partition: str
    size: int
    changed_ns: int
    fingerprint: str
    decided: bool


class Memory:
    """What has been seen of each source's files, kept in the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @surviving
    def of(self, source: str) -> dict[str, Seen]:
        """Return what was seen of a source's files, by partition."""
        query = sa.select(LANDED_FILES).where(LANDED_FILES.c.source == source)
        with self._ledger.connect() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return {row["partition"]: Seen(**row) for row in rows if row.pop("source")}

    def first_day(self, sources: Iterable[str]) -> date | None:
        """Return the first day of which a file of these sources was seen."""
        columns = LANDED_FILES.c
        query = sa.select(sa.func.min(columns.partition)).where(
            columns.source.in_(list(sources)), columns.partition != ""
        )
        with self._ledger.connect() as connection:
            first = connection.execute(query).scalar()
        return date.fromisoformat(first) if first else None

    def keep(self, source: str, seen: Iterable[Seen]) -> None:
        """Remember files as they are now, in place of what was remembered of their partitions."""
        self._write(source, [{"source": source, **vars(file)} for file in seen])

    @surviving
    def _write(self, source: str, rows: list[dict[str, Any]]) -> None:
        columns = LANDED_FILES.c
        with self._ledger.connect() as connection:
            for first in range(0, len(rows), _AT_ONCE):
                some = rows[first : first + _AT_ONCE]
                among = columns.partition.in_([row["partition"] for row in some])
                connection.execute(LANDED_FILES.delete().where(columns.source == source, among))
                connection.execute(LANDED_FILES.insert(), some)
            connection.commit()
