"""The releases of one environment: made aside, switched to in one step, kept, and gone back to."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from assetops.errors import PublishError, did_you_mean
from assetops.model import Dataset, Release, Word
from assetops.publish import durable
from assetops.publish.contents import UNCHANGED, Verified, write_contents
from assetops.publish.published import Published
from assetops.settings import Settings
from assetops.warehouse.duckdb import Warehouse
from assetops.warehouse.lock import WarehouseLock
from assetops.warehouse.measure import all_columns
from assetops.warehouse.release_file import FILE_NAME, count_rows

_STAMP = "%Y%m%dT%H%M%S"


class Intention(Word):
    """What is to be published: written before it is, so that a killed switch can be finished."""

    release: str
    pinned: bool = False
    newest: str
    at: datetime


class Releases:
    """The releases of one environment, and which of them consumers see."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.home / "releases"
        self.published = Published(settings.home / "published")
        self._kept = settings.releases_kept
        self._intention = self.folder / "current.json"
        # Not the warehouse's lock: going back must not wait for a build to end.
        self._lock = WarehouseLock(settings.home / "releases.lock", wait=settings.warehouse_wait)

    @contextmanager
    def held(self, holder: str) -> Iterator[None]:
        """Keep others from making, switching or healing releases; holding it twice is free."""
        with self._lock.held(holder, say=self._say_who):
            yield

    def _say_who(self, _: str) -> None:
        print(f"Waiting for the releases: they are held by {self._lock.holder()}.")

    # ------------------------------------------------------------------------- what there is

    def list(self) -> Sequence[Release]:
        """Return the releases that are kept, oldest first."""
        return [_read_release(file) for file in sorted(self.folder.glob("[!.]*/release.json"))]

    def intention(self) -> Intention | None:
        """Return what is to be published, or nothing before the first release."""
        try:
            return Intention.model_validate_json(self._intention.read_text())
        except FileNotFoundError:
            return None
        except (ValidationError, UnicodeDecodeError):
            raise PublishError(
                f"{self._intention} is malformed. Remove it, then choose what is published with "
                f"`assetops rollback ID`; {_existing(self.list())}"
            ) from None

    def current(self) -> Release | None:
        """Return the release that consumers see."""
        intention = self.intention()
        return self.find(intention.release) if intention else None

    @property
    def pinned(self) -> bool:
        """Whether later builds leave the current release in place."""
        intention = self.intention()
        return intention is not None and intention.pinned

    def find(self, release_id: str) -> Release:
        """Return one release, or raise a `PublishError` that names the nearest."""
        releases = {release.id: release for release in self.list()}
        if release_id not in releases:
            raise PublishError(
                f"No release {release_id} is kept in {self.folder}."
                f"{did_you_mean(release_id, releases)} {_existing(list(releases.values()))}"
            )
        return releases[release_id]

    def file(self, release_id: str) -> Path:
        """Return where a release's tables are kept."""
        return self.folder / release_id / FILE_NAME

    # -------------------------------------------------------------------------- a new release

    def make(
        self,
        warehouse: Warehouse,
        datasets: Mapping[str, Dataset],
        verified: Mapping[str, Verified],
        *,
        manifest: Path,
        run_id: str,
    ) -> Release:
        """Make a release of the verified tables, and of the current release's for the rest.

        `datasets` are all published ones and `verified` is what the gates have seen, both by
        published name; dbt's manifest and the columns of all tables are kept with the release.

        Raises `PublishError`, and leaves nothing, if what was copied is not what was verified.
        """
        with self.held(f"run {run_id}"), durable.explained(self.folder):
            current = self.current()
            at, release_id = self._next_id(run_id)
            building = self.folder / f".building-{release_id}"
            building.mkdir(parents=True)
            try:
                before = (current, self.file(current.id)) if current else None
                file = building / FILE_NAME
                release = Release(
                    id=release_id,
                    created_at=at,
                    run_id=run_id,
                    tables=write_contents(file, warehouse, datasets, verified, previous=before),
                    previous=current.id if current else None,
                )
                durable.copy(manifest, building / "manifest.json")
                with warehouse.connect() as connection:
                    columns = json.dumps(all_columns(connection))
                durable.write_text(building / "columns.json", columns)
                durable.write_text(building / "release.json", release.model_dump_json(indent=2))
                os.rename(building, self.folder / release_id)
                durable.sync(self.folder)
            except BaseException:
                # Also when the run is stopped: nothing half-made stays for the next one to find.
                shutil.rmtree(building, ignore_errors=True)
                raise
        return release

    def _next_id(self, run_id: str) -> tuple[datetime, str]:
        """Return the time and an id that sorts after all others, even if the clock was set back."""
        now = _now()
        intention = self.intention()
        known = [r.id for r in self.list()] + ([intention.newest] if intention else [])
        stamp = now.replace(microsecond=0)
        if known:
            last = datetime.strptime(max(known).split("-")[0], _STAMP)
            stamp = max(stamp, last + timedelta(seconds=1))
        return now, f"{stamp:{_STAMP}}-{run_id[:4]}"

    # ---------------------------------------------------------------------------- the switch

    def switch(self, release_id: str, *, pinned: bool = False) -> Release:
        """Let consumers see this release, whole and from one instant to the next."""
        with self.held(f"the switch to {release_id}"), durable.explained(self.folder):
            release = self.find(release_id)
            before = self.intention()
            newest = max(release_id, before.newest if before else self.list()[-1].id)
            # First what is likely to fail, then the intention, then the instant of the switch.
            copy = self.published.prepare(release_id, self.file(release_id))
            self._intend(Intention(release=release_id, pinned=pinned, newest=newest, at=_now()))
            try:
                self.published.reveal(copy)
            except OSError:
                self._intend(before)
                raise
            self._prune()
        return release

    def rollback(self, release_id: str | None = None) -> Release:
        """Go back to a release, by default the one that the current one followed, and pin it."""
        with self.held("a rollback"):
            release = self.find(release_id or self._before_current())
            rows = {name: table.rows for name, table in release.tables.items()}
            if count_rows(self.file(release.id)) != rows:
                raise PublishError(
                    f"{self.file(release.id)} does not hold what its release.json says. "
                    f"{UNCHANGED} {_existing(self.list())}"
                )
            return self.switch(release.id, pinned=True)

    def _before_current(self) -> str:
        current = self.current()
        if current is None:
            raise PublishError("Nothing is published yet, so there is nothing to go back to.")
        if current.previous is None:
            raise PublishError(
                f"{current.id} followed no other release, so there is nothing to go back to."
            )
        return current.previous

    def unpin(self) -> Release:
        """Lift the pin, so that the next build publishes; what is published stays."""
        with self.held("a lifted pin"), durable.explained(self.folder):
            current, intention = self.current(), self.intention()
            if current is None or intention is None or not intention.pinned:
                published = (
                    f"{current.id} is published, and" if current else "Nothing is published;"
                )
                raise PublishError(f"Nothing is pinned: {published} the next build publishes.")
            self._intend(intention.model_copy(update={"pinned": False, "at": _now()}))
            return current

    def _intend(self, intention: Intention | None) -> None:
        if intention is None:
            self._intention.unlink()
        else:
            durable.write_text(self._intention, intention.model_dump_json(indent=2))

    # ------------------------------------------------------------------------- housekeeping

    def heal(self) -> Sequence[str]:
        """Finish or undo what a kill interrupted, and say what was mended."""
        mended: list[str] = []
        with self.held("healing"), durable.explained(self.folder):
            left = list(self.folder.glob(".*"))
            for path in left:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            if self.published.sweep() or left:
                mended.append("Removed what an interrupted publication or a consumer left behind.")
            intention = self.intention()
            if intention is None:
                return mended
            for release in self.list():
                if release.id > intention.newest:
                    self._remove(release.id)
                    mended.append(f"Removed release {release.id}, which was never published.")
            current = self.find(intention.release)
            if not self.published.shows(current.id, self.file(current.id)):
                copy = self.published.prepare(current.id, self.file(current.id))
                self.published.reveal(copy)
                mended.append(f"Published release {current.id} again: consumers saw another state.")
        return mended

    def _prune(self) -> None:
        current = self.intention()
        for release in self.list()[: -self._kept]:
            if current is None or release.id != current.release:
                # The switch is done: what cannot be removed now is tried again at the next one.
                with suppress(OSError):
                    self._remove(release.id)

    def _remove(self, release_id: str) -> None:
        removing = self.folder / f".removing-{release_id}"
        os.rename(self.folder / release_id, removing)
        shutil.rmtree(removing, ignore_errors=True)


def _read_release(file: Path) -> Release:
    try:
        return Release.model_validate_json(file.read_text())
    except (ValidationError, UnicodeDecodeError):
        raise PublishError(
            f"{file} is malformed. Remove {file.parent}, and try again; a build makes a new one."
        ) from None


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _existing(releases: Sequence[Release]) -> str:
    if not releases:
        return "No release is kept; `assetops build` makes one."
    return f"Kept: {', '.join(release.id for release in releases)}."
