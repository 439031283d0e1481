"""Files that were loaded, read again: what raw was made from, as far as it is still there."""

from collections.abc import Callable

from assetops.errors import CheckCouldNotRun, IngestError
from assetops.ingest.bad_rows import count_rows
from assetops.ingest.candidate import read_text, type_what_fits
from assetops.ingest.landing import landed_files
from assetops.ingest.load import candidate_of
from assetops.model import Dataset, Relation
from assetops.warehouse import Connection, journal
from assetops.zone import Zone
from assetops.zone.folder import file_fingerprint


def reader_of(
    dataset: Dataset, landing: Zone
) -> Callable[[Connection, journal.Load], tuple[Relation, int]]:
    """Return what reads the file of a load into its candidate table again, and counts its rows.

    It raises `IngestError` where that file is gone, has changed, or does not keep the contract as
    it is now, and `CheckCouldNotRun` where the machine keeps it from reading.
    """
    files, _ = landed_files(dataset, landing)

    def read(connection: Connection, load: journal.Load) -> tuple[Relation, int]:
        file = files.get(load.partition)
        if file is None:
            raise IngestError(f"{load.file} is not in landing any more.")
        candidate = candidate_of(dataset)
        try:
            with file.fetched() as copy:
                if file_fingerprint(copy) != load.fingerprint:
                    raise IngestError(f"{file.name} has changed since it was loaded: build it.")
                text = read_text(connection, copy, dataset)
        except OSError as error:
            raise CheckCouldNotRun(f"{file.name} cannot be read: {error.strerror}.") from None
        # Also the rows that are held back for their types or keys.
        type_what_fits(connection, text, dataset, candidate)
        return candidate, count_rows(connection, candidate.quoted)

    return read
