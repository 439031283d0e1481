"""What a deep check looks at: what consumers read, or what waits to be published."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from assetops.model import Dataset, Relation
from assetops.publish.publication import Standing
from assetops.publish.releases import Releases
from assetops.warehouse.release_file import SCHEMA
from assetops.warehouse.snapshot import SampleSize, Snapshot, Snapshots

Hold = Callable[[Dataset, SampleSize, int], AbstractContextManager[Snapshot]]


def released(releases: Releases, dataset: Dataset) -> tuple[Path, Relation, str] | None:
    """Return the file, table and fingerprint of what consumers read of a dataset, if they do."""
    release = releases.current() if dataset.contract.publish else None
    table = release.tables.get(dataset.published_name) if release else None
    if release is None or table is None:
        return None
    relation = Relation(schema_name=SCHEMA, name=dataset.published_name)
    return releases.file(release.id), relation, table.fingerprint


def held_still(releases: Releases, snapshots: Snapshots, standing: Standing) -> Hold:
    """Return what holds a dataset's table still: see docs/decisions/0020.

    Args:
        releases: What consumers read needs no copy, and no lock.
        snapshots: Where copies of other tables are kept while they are looked at.
        standing: Once a check has failed, what matters is what waits to be published.
    """

    def hold(dataset: Dataset, size: SampleSize, seed: int) -> AbstractContextManager[Snapshot]:
        found = released(releases, dataset)
        if found is None or standing(dataset):
            return snapshots.of_warehouse(dataset.relation, size, seed=seed)
        return snapshots.of_release(*found, size, seed=seed)

    return hold
