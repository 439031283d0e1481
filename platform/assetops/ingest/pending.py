"""What has landed and is not in raw, without reading again what is far and was read before."""

from collections.abc import Mapping
from datetime import date

from assetops.ingest.landing import Landed
from assetops.ledger.landed import Memory, Seen
from assetops.model import Batch, Dataset
from assetops.warehouse import Warehouse, journal
from assetops.zone import LandedFile


def pending(
    dataset: Dataset,
    files: Mapping[date | None, LandedFile],
    warehouse: Warehouse,
    memory: Memory,
) -> list[Landed]:
    """Return those of a source's landed files that are whole, and whose content is not in raw.

    Of a far file that nobody has read as it is now, that is not known: it is among them.
    """
    with warehouse.connect() as connection:
        standing = journal.standing_loads(connection, dataset.address)
    known = memory.of(dataset.address) if any(file.far for file in files.values()) else {}
    # A file that is still being written comes in when it is whole.
    whole = {day: file for day, file in files.items() if not file.open_for_writing()}
    found = (
        Landed(
            dataset,
            file,
            day,
            # First: what changes while it is read is then noticed.
            changed_ns=None if file.far else file.look().changed,
            fingerprint=_content(file, known.get(str(day or ""))),
            stands=standing[day].fingerprint if day in standing else None,
        )
        for day, file in whole.items()
    )
    return [
        landed
        for landed in found
        if landed.fingerprint is None or landed.fingerprint != landed.stands
    ]


def _content(file: LandedFile, seen: Seen | None) -> str | None:
    """Return a file's fingerprint, as far as it can be known without a journey."""
    if not file.far:
        return file.fingerprint()
    look = file.look()
    return seen.fingerprint if seen and (seen.size, seen.changed_ns) == look[:2] else None


def remember(memory: Memory, landed: Landed, batch: Batch) -> None:
    """Remember what a far file holds, so that nobody has to fetch it again to know."""
    if landed.file.far:
        day, look = str(landed.partition or ""), landed.file.look()
        content = Seen(day, look.size, look.changed, batch.fingerprint, decided=False)
        memory.keep(landed.dataset.address, [content])
