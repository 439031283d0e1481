"""What has landed: the files of a source, each as a batch with its partition and fingerprint."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg

from assetops.errors import ContractError, IngestError
from assetops.model import Batch, Dataset, Ingest

DATE = "{date}"


def landed_files(dataset: Dataset, landing: Path) -> tuple[dict[date | None, Path], list[str]]:
    """Return the source's landing files by partition, oldest first, and what is wrong with others.

    A file whose name begins with a dot is still being written, and left out.
    """
    ingest = dataset.contract.ingest
    assert ingest is not None  # callers pass ingested sources
    path = _inside(landing / dataset.key[0], ingest.path, dataset)
    if ingest.partition is None:
        return ({None: path} if path.is_file() else {}), []
    found: dict[date | None, Path] = {}
    faults: list[str] = []
    for file in _siblings(path):
        try:
            found[day_of(file, ingest)] = file
        except IngestError as fault:
            faults.append(str(fault))
    return found, faults


def landed_days(sources: Iterable[Dataset], landing: Path) -> list[date]:
    """Return the days on which anything landed, oldest first."""
    return sorted({day for source in sources for day in landed_files(source, landing)[0] if day})


def nothing_landed(sources: Sequence[Dataset], landing: Path) -> str:
    """Say that nothing has landed, and where files are expected."""
    expected = [
        str(landing / source.key[0] / source.contract.ingest.path)
        for source in sources
        if source.contract.ingest
    ]
    more = f" and {len(expected) - 2} other places" if len(expected) > 2 else ""
    said = (
        f"Nothing has landed in {landing}. Files are expected at {', '.join(expected[:2])}{more}."
    )
    if any(source.key[0] == "retail" for source in sources):
        said += f" The example shop writes its own: retail simulate --out {landing / 'retail'}"
    return said


def landing_days(sources: Iterable[Dataset], landing: Path) -> dg.DailyPartitionsDefinition:
    """Return the days of the daily sources as partitions, from the first that landed to today."""
    first = next(iter(landed_days(sources, landing)), datetime.now(UTC).date())
    # A partition is the day a batch landed: today's may be here before the day is over.
    return dg.DailyPartitionsDefinition(start_date=str(first), end_offset=1)


def batch_of(dataset: Dataset, file: Path, partition: date | None) -> Batch:
    """Return a landing file as a batch; its as-of time is the end of its day."""
    if partition is None:
        changed = datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
        as_of = changed.replace(tzinfo=None)
    else:
        as_of = datetime.combine(partition + timedelta(days=1), time())
    return Batch(
        source=dataset.address,
        file=file,
        fingerprint=file_fingerprint(file),
        partition=partition,
        as_of=as_of,
    )


def file_fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def day_of(file: Path, ingest: Ingest) -> date:
    """Return the landing day that a file's name says."""
    before, after = Path(ingest.path).name.split(DATE)
    text = file.name[len(before) : len(file.name) - len(after)]
    expected = f"expected {ingest.path} with a date such as 2026-01-31"
    try:
        # fromisoformat alone would also take 20260131 and 2026-W05-6.
        day = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None
    except ValueError:
        day = None
    if day is None:
        raise IngestError(
            f"{file.name}: {text!r} is no day: {expected}. Rename or remove the file."
        )
    if day > datetime.now(UTC).date():
        raise IngestError(f"{file.name}: {day} has not come yet. Rename or remove the file.")
    return day


def _inside(folder: Path, path: str, dataset: Dataset) -> Path:
    """Return the path below the source's folder; a contract must not reach out of it."""
    ingest = dataset.contract.ingest
    assert ingest is not None
    where = f"{dataset.file}: {dataset.key[-1]}: meta.assetops.ingest.path"
    if not (folder / path).resolve().is_relative_to(folder.resolve()):
        raise ContractError(f"{where} is {path!r}, which leaves landing/{dataset.key[0]}/.")
    if (ingest.partition is not None) != (Path(path).name.count(DATE) == 1):
        raise ContractError(
            f"{where} is {path!r}: a file per day has one {DATE} in its name and "
            "`partition: daily`; a whole snapshot has neither."
        )
    return folder / path


def _siblings(pattern: Path) -> Iterator[Path]:
    before, after = pattern.name.split(DATE)
    if pattern.parent.is_dir():
        for file in sorted(pattern.parent.iterdir()):
            # A name with a leading dot is a file that is still being written.
            hidden = file.name.startswith(".")
            if file.name.startswith(before) and file.name.endswith(after) and not hidden:
                yield file
