"""A file is read as the content that its fingerprint is of, though somebody may write it anew.

Between the two is time: a run takes the fingerprints of all files first, and may then wait.
"""

from pathlib import Path

from assetops.errors import AssetOpsError, IngestError
from assetops.ingest.candidate import read_text
from assetops.model import Batch, Dataset, Relation
from assetops.warehouse import Connection
from assetops.zone.folder import file_fingerprint

_READS = 5


def read_unchanged(
    connection: Connection, batch: Batch, dataset: Dataset
) -> tuple[Batch, Relation | IngestError]:
    """Read a batch's file, and return what it says with the batch of exactly that content.

    Returns:
        The batch, another one if the file has changed, and its rows as text or what is wrong.

    Raises:
        AssetOpsError: The file changes faster than it can be read; nothing is known of it.
    """
    for _ in range(_READS):
        text: Relation | IngestError
        try:
            text = read_text(connection, batch.file, dataset)
        except IngestError as fault:
            text = fault
        if not _has_changed(batch):
            return batch, text
        batch = _anew(batch)
    raise AssetOpsError(
        f"{batch.file.name} changed each of the {_READS} times that it was read. It comes in when "
        "nobody writes it any more: let its writer write it aside, and rename it."
    )


def _has_changed(batch: Batch) -> bool:
    if batch.changed_ns is None:
        return file_fingerprint(batch.file) != batch.fingerprint
    return _changed_ns(batch.file) != batch.changed_ns


def _anew(batch: Batch) -> Batch:
    """Return the batch that the file is now; its time before its content."""
    changed = _changed_ns(batch.file)
    fingerprint = file_fingerprint(batch.file)
    return batch.model_copy(update={"changed_ns": changed, "fingerprint": fingerprint})


def _changed_ns(file: Path) -> int:
    return file.stat().st_ctime_ns
