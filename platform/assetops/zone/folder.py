"""A landing zone that is a folder of this machine, or mounted there."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assetops.zone import LandedFile, Look, Zone
from assetops.zone.writing import open_for_writing


def file_fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class FolderFile(LandedFile):
    """A file in a folder."""

    far = False
    path: Path

    @property
    def name(self) -> str:  # type: ignore[override]
        """Its name in its folder."""
        return self.path.name

    def __str__(self) -> str:
        return str(self.path)

    def look(self) -> Look:
        """Return what it is now."""
        found = self.path.stat()
        modified = datetime.fromtimestamp(int(found.st_mtime), UTC).replace(tzinfo=None)
        return Look(found.st_size, found.st_ctime_ns, modified, found.st_ctime)

    def is_still(self, look: Look) -> bool:
        """Say whether nobody has touched it since."""
        return self.path.stat().st_ctime_ns == look.changed

    def open_for_writing(self) -> bool | None:
        """Ask the kernel."""
        return open_for_writing(self.path)

    def fingerprint(self) -> str:
        """Return the SHA-256 of its content."""
        return file_fingerprint(self.path)

    @contextmanager
    def fetched(self) -> Iterator[Path]:
        """Give it where it is."""
        yield self.path


@dataclass(frozen=True)
class Folder(Zone):
    """A folder, with a folder for each source."""

    path: Path

    def files_in(self, folder: str) -> Sequence[LandedFile]:
        """Return the files in a folder below it, by name; none if there is no such folder."""
        place = self.path / folder
        return [FolderFile(file) for file in sorted(place.iterdir())] if place.is_dir() else []

    def find(self, path: str) -> LandedFile | None:
        """Return the file at a path below it, if it is there."""
        file = self.path / path
        return FolderFile(file) if file.is_file() else None

    def where(self, path: str) -> str:
        """Say where a path below it is."""
        return str(self.path / path)

    @property
    def folder(self) -> Path | None:
        """The folder itself."""
        return self.path
