"""Where files land: a folder, or what fsspec reaches; looked at and fetched here alone."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import ClassVar, NamedTuple

from assetops.model.places import is_url
from assetops.settings import Settings


class Look(NamedTuple):
    """What a file was when it was looked at."""

    size: int
    # Another one whenever the content may be: a time, or a number for what the place says of it.
    changed: int
    # In UTC, without a zone; None if the place does not say.
    modified: datetime | None
    # Since when it is as it is, in seconds; None where only whole files are to be seen.
    since: float | None = None


class LandedFile(ABC):
    """A file that has landed, whole or not."""

    # Whether reading it is a journey, so that what is known of it should be remembered.
    far: ClassVar[bool]
    name: str

    @abstractmethod
    def __str__(self) -> str:
        """Say where it is."""

    @abstractmethod
    def look(self) -> Look:
        """Return what it is, or was when it was listed."""

    @abstractmethod
    def is_still(self, look: Look) -> bool:
        """Say whether it is what it was when it was looked at."""

    @abstractmethod
    def open_for_writing(self) -> bool | None:
        """Say whether somebody is writing it; None where nobody can tell."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Return the SHA-256 of its content."""

    @abstractmethod
    def fetched(self) -> AbstractContextManager[Path]:
        """Give it as a local file of the same name, for as long as it is needed."""


class Zone(ABC):
    """A landing zone: a folder for each source."""

    @abstractmethod
    def files_in(self, folder: str) -> Sequence[LandedFile]:
        """Return the files in a folder below it, by name; none if there is no such folder."""

    @abstractmethod
    def find(self, path: str) -> LandedFile | None:
        """Return the file at a path below it, if it is there."""

    @abstractmethod
    def where(self, path: str) -> str:
        """Say where a path below it is."""

    @property
    def folder(self) -> Path | None:
        """The folder of this machine that it is, which the kernel can watch; None elsewhere."""
        return None

    def __str__(self) -> str:
        return self.where("")


def landing_zone(settings: Settings) -> Zone:
    """Return the landing zone that settings name."""
    if settings.landing and is_url(settings.landing):
        from assetops.zone.far import Far

        return Far(settings.landing, settings.home / "fetched")
    from assetops.zone.folder import Folder

    return Folder(settings.landing_dir)
