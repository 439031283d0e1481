"""Rows of a file that are not to be in raw: taken out of whatever the file is read into."""

from datetime import date
from typing import Protocol

from assetops.model import Dataset, Relation
from assetops.warehouse.duckdb import Connection
from assetops.warehouse.quarantine import exists, table_of


class Content(Protocol):
    """What was in a file: a batch that comes, or a load of the journal."""

    @property
    def partition(self) -> date | None:
        """The day on which it landed."""

    @property
    def fingerprint(self) -> str:
        """What identifies it."""


def take_out_discarded(
    connection: Connection, dataset: Dataset, candidate: Relation, content: Content
) -> int:
    """Delete from a candidate the rows that somebody has discarded; return how many there were."""
    return _take_out(connection, dataset, candidate, content, "_state = 'discarded'")


def take_out_kept(
    connection: Connection, dataset: Dataset, candidate: Relation, content: Content
) -> int:
    """Delete from a candidate the rows that are surely not in raw; return how many there were.

    Those of a batch that was blocked as a whole may be in raw from when it was not.
    """
    kept = "_state in ('held', 'discarded') and not _blocked"
    return _take_out(connection, dataset, candidate, content, kept)


def _take_out(
    connection: Connection, dataset: Dataset, candidate: Relation, content: Content, which: str
) -> int:
    if not exists(connection, dataset):
        return 0
    row = connection.execute(
        f"delete from {candidate.quoted} where _row in (select _row "
        f"from {table_of(dataset).quoted} where {which} "
        "and _partition is not distinct from ? and _fingerprint = ?)",
        [content.partition, content.fingerprint],
    ).fetchone()
    return int(row[0]) if row else 0
