"""A small disk for a test to fill: a file system in memory, which only root may mount."""

import os
import subprocess
from pathlib import Path

_MEGABYTES = 96


class Disk:
    """A file system, mounted on a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self._filler = folder, folder / "filler"
        words = ["mount", "-t", "tmpfs", "-o", f"size={_MEGABYTES}m", "tmpfs", str(folder)]
        mounted = subprocess.run(words, capture_output=True, text=True, check=False)
        if mounted.returncode:
            raise OSError(f"no small disk can be mounted: {mounted.stderr.strip()}")

    def fill(self, leave: int = 0) -> None:
        """Take all the room but so many bytes."""
        space = os.statvfs(self.folder)
        with self._filler.open("wb") as file:
            while (room := space.f_bavail * space.f_frsize - leave) > 0:
                try:
                    os.posix_fallocate(file.fileno(), file.tell(), room)
                    file.seek(0, os.SEEK_END)
                except OSError:
                    # Somebody was faster; the rest is looked for again.
                    pass
                space = os.statvfs(self.folder)

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        """Be no more, with all that is there."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
        self.folder.rmdir()
