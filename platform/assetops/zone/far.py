"""A landing zone that fsspec reaches: an object store, a server, another file system."""

import hashlib
import posixpath
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetops.errors import LandingError
from assetops.zone import LandedFile, Look, Zone
from assetops.zone.faults import explained, written

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# Stores in which an object is there when it is whole, and not before.
_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "oci", "r2"}
# What places call what identifies a content, and the time of its last change: the first is told.
_CONTENT = ("ETag", "etag", "md5Hash", "Content-MD5", "content_md5", "checksum", "generation")
_TIMES = (
    *("LastModified", "last_modified", "mtime", "modified", "updated", "modify"),
    *("modificationTime", "last_write_time", "created"),
)
_LEFT_BEHIND_SECONDS = 86_400.0


@dataclass(frozen=True)
class FarFile(LandedFile):
    """A file as its place has listed it."""

    far = True
    zone: "Far"
    # Below the zone, and as fsspec calls it.
    below: str
    path: str
    told: dict[str, Any]

    @property
    def name(self) -> str:  # type: ignore[override]
        """Its name in its folder."""
        return posixpath.basename(self.below)

    def __str__(self) -> str:
        return self.zone.where(self.below)

    def look(self) -> Look:
        """Return what it was when it was listed."""
        return _look(self.told)

    def is_still(self, look: Look) -> bool:
        """Ask its place whether it is what it was."""
        with self.zone.reached("read", self.below) as (system, _):
            system.invalidate_cache()
            try:
                return _look(system.info(self.path)).changed == look.changed
            except FileNotFoundError:
                return False

    def open_for_writing(self) -> bool | None:
        """Say that it is whole where only whole files are to be seen."""
        return False if self.zone.protocol in _STORES else None

    def fingerprint(self) -> str:
        """Return the SHA-256 of its content, which is read there and not kept."""
        digest = hashlib.sha256()
        with self.zone.reached("read", self.below) as (system, _):
            with system.open(self.path, "rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    @contextmanager
    def fetched(self) -> Iterator[Path]:
        """Give a copy of it, which is removed afterwards."""
        scratch = self.zone.scratch
        scratch.mkdir(parents=True, exist_ok=True)
        _clear(scratch)
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            copy = Path(folder) / self.name
            with self.zone.reached("read", self.below) as (system, _), written(str(self), scratch):
                system.get_file(self.path, str(copy))
            if not self.is_still(self.look()):
                raise LandingError(f"{self} was changed while it was read. Build it again.")
            yield copy


@dataclass(frozen=True)
class Far(Zone):
    """A place that fsspec reaches, by a URL without secrets; it finds credentials by itself."""

    url: str
    scratch: Path

    @property
    def protocol(self) -> str:
        """The protocol of the place itself, which stands last where several are chained."""
        return self.url.split("::")[-1].split("://")[0]

    @contextmanager
    def reached(self, doing: str, path: str = "") -> Iterator[tuple["AbstractFileSystem", str]]:
        """Give what reads the place, and what it calls it; says what is wrong if it fails."""
        with explained(self.where(path) if path else self.url, doing):
            from fsspec.core import url_to_fs

            # Asked for anew each time: what it keeps does not survive a fork.
            yield url_to_fs(self.url)

    def files_in(self, folder: str) -> Sequence[LandedFile]:
        """Return the files in a folder below it, by name; none if there is no such folder."""
        with self.reached("listed") as (system, root):
            system.invalidate_cache()
            try:
                entries = system.ls(posixpath.join(root, folder), detail=True)
            except FileNotFoundError:
                self._expect(system, root)
                return []
            files = [e for e in entries if e["type"] == "file"]
            told = [e if _identity(e) else {**e, **system.info(e["name"])} for e in files]
        # A listing may name the folder itself.
        found = [self._file(folder, entry["name"], entry) for entry in told]
        return sorted((file for file in found if file.name), key=lambda file: file.name)

    def _file(self, folder: str, path: str, told: dict[str, Any]) -> FarFile:
        return FarFile(self, posixpath.join(folder, posixpath.basename(path)), path, told)

    def find(self, path: str) -> LandedFile | None:
        """Return the file at a path below it, if it is there."""
        with self.reached("looked at", path) as (system, root):
            system.invalidate_cache()
            try:
                told = system.info(posixpath.join(root, path))
            except FileNotFoundError:
                self._expect(system, root)
                return None
        is_file = told["type"] == "file"
        return self._file(posixpath.dirname(path), told["name"], told) if is_file else None

    def where(self, path: str) -> str:
        """Say where a path below it is."""
        return "/".join(filter(None, (self.url.rstrip("/"), path)))

    def _expect(self, system: "AbstractFileSystem", root: str) -> None:
        """Raise if the place itself is not there; in a store a folder is there with its files."""
        place = root.lstrip("/").split("/")[0] if self.protocol in _STORES else root
        if not system.exists(place):
            raise LandingError(
                f"{self.url} cannot be listed: there is no {place}. Make it, or mend "
                "ASSETOPS_LANDING."
            )


def _look(told: dict[str, Any]) -> Look:
    size, identity = told.get("size") or 0, _identity(told)
    if identity is None:
        raise LandingError(
            f"{told['name']}: this place tells neither when a file was changed nor what is in it, "
            "so that a change would not be seen. Files have to land in another."
        )
    digest = hashlib.sha256(f"{size}|{identity}".encode()).digest()
    return Look(size, int.from_bytes(digest[:7]), _modified(told))


def _identity(told: dict[str, Any]) -> str | None:
    """Return what tells one content of a file from another, as far as its place says."""
    content = next((told[name] for name in _CONTENT if told.get(name)), None)
    changed = next((told[name] for name in _TIMES if told.get(name)), None)
    if content is not None:
        return str(content)
    # A listing may say a time otherwise than a look at the file.
    return None if changed is None else str(_time(changed) or changed)


def _modified(told: dict[str, Any]) -> datetime | None:
    found = filter(None, (_time(told.get(name)) for name in _TIMES))
    return next((moment.replace(tzinfo=None, microsecond=0) for moment in found), None)


def _time(value: Any) -> datetime | None:
    """Return a time in UTC, however it is told."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if isinstance(value, int | float):
        value = datetime.fromtimestamp(value, UTC)
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)


def _clear(scratch: Path) -> None:
    """Remove what a process that was killed has left behind."""
    for folder in scratch.iterdir():
        with suppress(OSError):
            if datetime.now().timestamp() - folder.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                shutil.rmtree(folder)
