"""The one path that consumers open, which leads to a copy of the current release.

The path is a link that is replaced in one step. DuckDB follows it before it opens a file, so
whatever a consumer leaves beside the file it opened (a write-ahead log) stays with that copy and
cannot meet the next one. docs/decisions/0010-a-release-is-a-copied-file.md weighs the choices.
"""

import os
import shutil
import time
import uuid
from pathlib import Path

from assetops.publish import durable
from assetops.warehouse.release_file import FILE_NAME

# A consumer may have followed the link and not yet opened the file when the link is replaced.
GRACE_SECONDS = 60


class Published:
    """The folder that consumers read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self._copies = folder / ".copies"

    def shows(self, release_id: str, file: Path) -> bool:
        """Say whether consumers see exactly this release, which nobody has written to since."""
        copy = self._shown()
        if copy is None or copy.parent.name.split(".")[0] != release_id:
            return False
        ours, theirs = copy.stat(), file.stat()
        untouched = (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)
        return untouched and not _log_of(copy).exists()

    def prepare(self, release_id: str, file: Path) -> Path:
        """Copy a release's file to where the path can lead to it; consumers see nothing yet."""
        self.sweep()
        name = f"{release_id}.{uuid.uuid4().hex[:8]}"
        aside, place = self._copies / f".new-{name}", self._copies / name
        aside.mkdir(parents=True)
        try:
            durable.copy(file, aside / FILE_NAME)
            durable.sync(aside)
        except OSError:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        os.rename(aside, place)
        durable.sync(self._copies)
        return place / FILE_NAME

    def reveal(self, copy: Path) -> None:
        """Let the path lead to a prepared copy, from one instant to the next."""
        aside = self.folder / f".{FILE_NAME}.new"
        aside.unlink(missing_ok=True)
        aside.symlink_to(copy.relative_to(self.folder))
        # Consumers whose DuckDB does not follow links leave their log here.
        _log_of(self.path).unlink(missing_ok=True)
        os.replace(aside, self.path)
        durable.sync(self.folder)

    def sweep(self) -> bool:
        """Remove what a kill or a consumer left, and old copies; say whether there was a mess."""
        left = [*self._copies.glob(".new-*"), self.folder / f".{FILE_NAME}.new", _log_of(self.path)]
        left = [path for path in left if os.path.lexists(path)]
        for path in left:
            _remove(path)
        for copy in self._retired():
            _remove(copy)
        return bool(left)

    def _shown(self) -> Path | None:
        """Return the copy that the path leads to, if it is one."""
        if not self.path.is_symlink():
            return None
        copy = self.folder / os.readlink(self.path)
        return copy if copy.parent.parent == self._copies and copy.is_file() else None

    def _retired(self) -> list[Path]:
        """Return the copies that no consumer can be about to open."""
        if not self.path.is_symlink():
            return []
        # All other copies were retired by the last switch, or before it.
        if time.time() - self.path.lstat().st_mtime < GRACE_SECONDS:
            return []
        shown = self._shown()
        return [copy for copy in self._copies.glob("*") if shown is None or copy != shown.parent]


def _log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.wal")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()
