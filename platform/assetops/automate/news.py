"""What has landed, is whole, and is neither in raw nor known to be bad."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from assetops.errors import AssetOpsError
from assetops.ledger import Ledger
from assetops.ledger.landed import Memory, Seen
from assetops.model import Dataset
from assetops.zone import LandedFile, Look

# Nobody has the file open: this long is between the closes of a writer that opens it again.
SETTLED_SECONDS = 0.3
# Nobody can tell whether the file is open: then it has to look the same for this long.
QUIET_SECONDS = 10.0
# A code server gives a tick 60 seconds; a first look at years of files takes several ticks.
_READING_SECONDS = 20.0
# A far file that is larger is not read to know what is in it: a tick might not have the time.
LARGE_BYTES = 100_000_000
_MATERIALISED = dg.DagsterEventType.ASSET_MATERIALIZATION

# By path, how a file looked when it was first seen as it is, and when that was.
Looks = dict[str, list[float]]


@dataclass(frozen=True)
class Arrived:
    """A landed file whose content is to come into raw."""

    source: str
    key: tuple[str, ...]
    partition: date | None
    fingerprint: str
    # The event that told of what stands in raw in its place; 0 if nothing does.
    in_place_of: int

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"{self.source} {self.partition}" if self.partition else self.source


@dataclass
class News:
    """What a look at the landing files of some sources has found."""

    arrived: list[Arrived] = field(default_factory=list)
    writing: list[LandedFile] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    looks: Looks = field(default_factory=dict)


@dataclass(frozen=True)
class Landing:
    """How landing is looked at; a tick of a sensor opens no warehouse, which a run may hold."""

    files: Callable[[Dataset], tuple[Mapping[date | None, LandedFile], list[str]]]
    open_for_writing: Callable[[LandedFile], bool | None]
    ledger: Ledger
    memory: Memory
    now: Callable[[], float] = time.time

    def look(self, datasets: list[Dataset], instance: dg.DagsterInstance, before: Looks) -> News:
        """Return what is new; `before` is what the look before this one has left undecided."""
        news = News()
        until = time.monotonic() + _READING_SECONDS
        for dataset in datasets:
            try:
                self._look_at(dataset, instance, before, news, until)
            except OSError as error:
                raise AssetOpsError(
                    f"{error.filename or dataset.address} cannot be read: {error.strerror}. "
                    f"Files for {dataset.address} land there."
                ) from None
        return news

    def _look_at(
        self,
        dataset: Dataset,
        instance: dg.DagsterInstance,
        before: Looks,
        news: News,
        until: float,
    ) -> None:
        files, faults = self.files(dataset)
        news.faults += faults
        known = self.memory.of(dataset.address)
        open_questions: dict[date | None, Seen] = {}
        for day, file in files.items():
            seen = known.get(str(day or ""))
            found = file.look()
            if seen and (seen.size, seen.changed_ns) == (found.size, found.changed):
                if not seen.decided:
                    open_questions[day] = seen
            elif not self._is_whole(file, found, before, news.looks):
                news.writing.append(file)
            elif time.monotonic() < until:
                content = _content(file, found)
                if file.is_still(found):
                    open_questions[day] = Seen(
                        str(day or ""), found.size, found.changed, content, decided=False
                    )
                else:
                    news.writing.append(file)
        if open_questions:
            self._decide(dataset, instance, open_questions, news)

    def _decide(
        self,
        dataset: Dataset,
        instance: dg.DagsterInstance,
        questions: dict[date | None, Seen],
        news: News,
    ) -> None:
        """Tell what is in raw, or known to be bad, from what has arrived."""
        standing = _standing(instance, dg.AssetKey(dataset.key), questions)
        bad = {row["fingerprint"] for row in self.ledger.rejections(dataset.address, limit=1000)}
        kept = []
        for day, seen in questions.items():
            event, version = standing.get(day, (0, None))
            # A version is the beginning of a fingerprint, and how many rows were held back.
            loaded = version is not None and seen.fingerprint.startswith(version.split("-")[0])
            decided = loaded or seen.fingerprint in bad
            kept.append(Seen(**{**vars(seen), "decided": decided}))
            if not decided:
                arrived = Arrived(dataset.address, dataset.key, day, seen.fingerprint, event)
                news.arrived.append(arrived)
        self.memory.keep(dataset.address, kept)

    def _is_whole(self, file: LandedFile, found: Look, before: Looks, looks: Looks) -> bool:
        """Say whether nobody writes a file any more."""
        is_open = self.open_for_writing(file)
        now = self.now()
        look: list[float] = [found.size, found.changed]
        *earlier, since = before.get(str(file), [now])
        if earlier != look or since > now:
            since = now
        # Of a clock that was put back nothing is known but that time has passed since.
        if is_open is False and (found.since is None or now - found.since >= SETTLED_SECONDS):
            return True
        if is_open is not True and now - since >= QUIET_SECONDS:
            return True
        looks[str(file)] = [*look, since]
        return False


def _content(file: LandedFile, found: Look) -> str:
    """Return a file's fingerprint; of a large far one what its place says, till a run has read it.

    The run remembers what it has read. If that was in raw already, nothing comes of it.
    """
    if file.far and found.size > LARGE_BYTES:
        return f"{found.changed:016x}"
    return file.fingerprint()


def _standing(
    instance: dg.DagsterInstance, key: dg.AssetKey, days: Mapping[date | None, Any]
) -> dict[date | None, tuple[int, str | None]]:
    """Return, by partition, the event that told of what is in raw, and its data version."""
    if None in days:
        newest = instance.fetch_materializations(key, limit=1).records
        told = newest[0].asset_materialization if newest else None
        return (
            {None: (newest[0].storage_id, (told.tags or {}).get(DATA_VERSION_TAG))} if told else {}
        )
    log = instance.event_log_storage
    events = log.get_latest_storage_id_by_partition(key, _MATERIALISED)
    tags = log.get_latest_tags_by_partition(key, _MATERIALISED, [DATA_VERSION_TAG])
    return {
        day: (events[str(day)], tags.get(str(day), {}).get(DATA_VERSION_TAG))
        for day in days
        if str(day) in events
    }
