"""What a release holds: this run's verified tables, and the current release's for the rest."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from assetops.errors import PublishError
from assetops.model import Dataset, PublishedTable, Release, Word
from assetops.warehouse.duckdb import Warehouse
from assetops.warehouse.release_file import write_release

UNCHANGED = "What is published is as it was."


class Verified(Word):
    """A table's content that has passed its gates."""

    fingerprint: str
    verified_in: str
    data_as_of: datetime | None = None


def carried_tables(
    current: Release | None, datasets: Mapping[str, Dataset], verified: Mapping[str, Verified]
) -> dict[str, PublishedTable]:
    """Return the tables that a release takes from the current one: still published, not new."""
    tables = current.tables if current else {}
    return {name: t for name, t in tables.items() if name in datasets and name not in verified}


def fingerprints(
    current: Release | None, datasets: Mapping[str, Dataset], verified: Mapping[str, Verified]
) -> dict[str, str]:
    """Return what a release made now would hold."""
    carried = carried_tables(current, datasets, verified)
    return {
        **{name: table.fingerprint for name, table in carried.items()},
        **{name: table.fingerprint for name, table in verified.items()},
    }


def write_contents(
    target: Path,
    warehouse: Warehouse,
    datasets: Mapping[str, Dataset],
    verified: Mapping[str, Verified],
    *,
    previous: tuple[Release, Path] | None,
) -> dict[str, PublishedTable]:
    """Write a release's file and say what it holds.

    Raises `PublishError` if the copy of a table is not what was verified.
    """
    release, file = previous or (None, None)
    carried = carried_tables(release, datasets, verified)
    written = write_release(
        warehouse,
        target,
        fresh={name: datasets[name].relation for name in verified},
        carried=carried,
        previous=file,
        datasets=datasets,
    )
    tables: dict[str, PublishedTable] = {}
    for name, (fingerprint, rows) in sorted(written.items()):
        known = verified.get(name) or carried[name]
        if known.fingerprint != fingerprint:
            raise PublishError(
                f"{datasets[name].address} is not what was verified: {known.fingerprint} was, and "
                f"{fingerprint} would be published. {UNCHANGED} A whole `assetops build` checks "
                "and publishes everything anew."
            )
        tables[name] = PublishedTable(
            fingerprint=fingerprint,
            rows=rows,
            data_as_of=known.data_as_of,
            verified_in=known.verified_in,
        )
    return tables
