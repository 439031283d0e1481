"""What has landed: the files of a source, each as a batch with its partition and fingerprint."""

import logging
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg

from assetops.errors import ContractError, IngestError, LandingError
from assetops.ledger.landed import Memory
from assetops.model import Batch, Dataset, Ingest
from assetops.zone import LandedFile, Zone
from assetops.zone.folder import file_fingerprint

DATE = "{date}"


@dataclass(frozen=True)
class Landed:
    """A landed file as what it brings: a source, or a day of it."""

    dataset: Dataset
    file: LandedFile
    partition: date | None
    # None while nobody has read it.
    fingerprint: str | None = None
    # When a file that is not far had last changed before it was read.
    changed_ns: int | None = None
    # The content that is in raw in its place; None if nothing is, or it is to be loaded anyway.
    stands: str | None = None

    @contextmanager
    def at_hand(self) -> Iterator[Batch]:
        """Give the batch that it is, with its file on this machine as long as it is needed."""
        with self.file.fetched() as file:
            # Of what was fetched: what stands there may be another by now.
            known = None if self.file.far else self.fingerprint
            yield Batch(
                source=self.dataset.address,
                file=file,
                # Before the content is looked at: what changes in between is then noticed.
                changed_ns=self.changed_ns if known else file.stat().st_ctime_ns,
                fingerprint=known or file_fingerprint(file),
                partition=self.partition,
                as_of=self._as_of(),
            )

    def _as_of(self) -> datetime:
        """Return until when its data reaches: the end of its day, or the file's last change."""
        if self.partition is not None:
            return datetime.combine(self.partition + timedelta(days=1), time())
        return self.file.look().modified or datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def landed_files(dataset: Dataset, zone: Zone) -> tuple[dict[date | None, LandedFile], list[str]]:
    """Return the source's landing files by partition, oldest first, and what is wrong with others.

    A file whose name begins with a dot is still being written, and left out.
    """
    ingest = dataset.contract.ingest
    assert ingest is not None  # callers pass ingested sources
    path = _inside(dataset.key[0], ingest.path, dataset)
    if ingest.partition is None:
        whole = zone.find(path)
        return ({None: whole} if whole else {}), []
    found: dict[date | None, LandedFile] = {}
    faults: list[str] = []
    for file in _siblings(zone, path):
        try:
            found[day_of(file.name, ingest)] = file
        except IngestError as fault:
            faults.append(str(fault))
    return found, faults


def landed_days(sources: Iterable[Dataset], zone: Zone) -> list[date]:
    """Return the days on which anything landed, oldest first."""
    return sorted({day for source in sources for day in landed_files(source, zone)[0] if day})


def nothing_landed(sources: Sequence[Dataset], zone: Zone) -> str:
    """Say that nothing has landed, and where files are expected."""
    expected = [
        zone.where(f"{source.key[0]}/{source.contract.ingest.path}")
        for source in sources
        if source.contract.ingest
    ]
    more = f" and {len(expected) - 2} other places" if len(expected) > 2 else ""
    said = f"Nothing has landed in {zone}. Files are expected at {', '.join(expected[:2])}{more}."
    if zone.folder and any(source.key[0] == "retail" for source in sources):
        said += f" The example shop writes its own: retail simulate --out {zone.folder / 'retail'}"
    return said


def landing_days(
    sources: Sequence[Dataset], zone: Zone, memory: Memory
) -> dg.DailyPartitionsDefinition:
    """Return the days of the daily sources as partitions, from the first that landed to today.

    Where the landing zone cannot be reached, they begin with the first day that is remembered: what
    needs no landing file goes on.
    """
    try:
        first = next(iter(landed_days(sources, zone)), None)
    except LandingError as error:
        logging.getLogger(__name__).info("%s", error)
        first = memory.first_day(source.address for source in sources)
    # A partition is the day a batch landed: today's may be here before the day is over.
    start = first or datetime.now(UTC).date()
    return dg.DailyPartitionsDefinition(start_date=str(start), end_offset=1)


def day_of(name: str, ingest: Ingest) -> date:
    """Return the landing day that a file's name says."""
    before, after = Path(ingest.path).name.split(DATE)
    text = name[len(before) : len(name) - len(after)]
    expected = f"expected {ingest.path} with a date such as 2026-01-31"
    try:
        # fromisoformat alone would also take 20260131 and 2026-W05-6.
        day = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None
    except ValueError:
        day = None
    if day is None:
        raise IngestError(f"{name}: {text!r} is no day: {expected}. Rename or remove the file.")
    if day > datetime.now(UTC).date():
        raise IngestError(f"{name}: {day} has not come yet. Rename or remove the file.")
    return day


def _inside(folder: str, path: str, dataset: Dataset) -> str:
    """Return the path below the source's folder; a contract must not reach out of it."""
    ingest = dataset.contract.ingest
    assert ingest is not None
    where = f"{dataset.file}: {dataset.key[-1]}: meta.assetops.ingest.path"
    below = posixpath.normpath(posixpath.join(folder, path))
    if not below.startswith(f"{folder}/"):
        raise ContractError(f"{where} is {path!r}, which leaves landing/{dataset.key[0]}/.")
    if (ingest.partition is not None) != (Path(path).name.count(DATE) == 1):
        raise ContractError(
            f"{where} is {path!r}: a file per day has one {DATE} in its name and "
            "`partition: daily`; a whole snapshot has neither."
        )
    return below


def _siblings(zone: Zone, pattern: str) -> Iterator[LandedFile]:
    folder, name = posixpath.split(pattern)
    before, after = name.split(DATE)
    for file in zone.files_in(folder):
        # A name with a leading dot is a file that is still being written.
        hidden = file.name.startswith(".")
        if file.name.startswith(before) and file.name.endswith(after) and not hidden:
            yield file
