"""Writes that are whole or absent after a kill or a power cut."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assetops.errors import PublishError


def write_text(path: Path, text: str) -> None:
    """Replace a file's text in one step; a reader sees the old text or the new."""
    aside = path.with_name(f".{path.name}.new")
    aside.write_text(text)
    sync(aside)
    os.replace(aside, path)
    sync(path.parent)


def copy(source: Path, target: Path) -> None:
    """Copy a file with its times and mode, and see it safely on the disk."""
    shutil.copyfile(source, target)
    shutil.copystat(source, target)
    sync(target)


def sync(path: Path) -> None:
    """Wait until the disk has a file's content, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a `PublishError` that names the file."""
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename or folder
        raise PublishError(
            f"{place}: {error.strerror}. What is published is as it was; mend that and try again."
        ) from None
