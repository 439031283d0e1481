"""Why a far landing zone cannot be read, in words, and without what it was opened with."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import Any

from assetops.errors import AssetOpsError, LandingError, did_you_mean

_FULL = (ENOSPC, EDQUOT, EFBIG)
_KNOWN = "by its own settings in the environment, or by fsspec's in ~/.config/fsspec"
# What is to be installed for a protocol, where its name does not say.
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "sftp": "paramiko", "http": "aiohttp"}
_PACKAGES |= {"s3a": "s3fs", "ssh": "paramiko", "https": "aiohttp"}
_PACKAGES |= dict.fromkeys(("abfs", "abfss", "az"), "adlfs")


@contextmanager
def explained(url: str, doing: str) -> Iterator[None]:
    """Raise what goes wrong at a URL as a `LandingError` that says what, and the mend."""
    try:
        yield
    except AssetOpsError:
        raise
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise LandingError(_refused(url, doing, error)) from None
        raise LandingError(_failed(url, doing, error)) from None
    except Exception as error:
        raise LandingError(_unknown(url, error) or _failed(url, doing, error)) from None


@contextmanager
def written(what: str, folder: Path) -> Iterator[None]:
    """Raise what keeps a copy from being written here as a `LandingError` of this machine."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise LandingError(
            f"{what} cannot be fetched to {folder}: {error.strerror}. Make room there, and build "
            "again."
        ) from None


def _refused(url: str, doing: str, error: OSError) -> str:
    said = f"{url} cannot be {doing}: {_without_secrets(error)}."
    if isinstance(error, FileNotFoundError):
        return f"{said} It was there a moment ago: look again."
    return f"{said} Whoever runs the platform has to be known there: {_KNOWN}."


def _failed(url: str, doing: str, error: Exception) -> str:
    return (
        f"{url} cannot be {doing}: {type(error).__name__}: {_without_secrets(error)}. Is it the "
        f"right place (ASSETOPS_LANDING), can it be reached from here, and is whoever runs the "
        f"platform known there, {_KNOWN}?"
    )


def _unknown(url: str, error: Exception) -> str | None:
    """Say what is missing if nothing is installed that reads such a URL."""
    protocol = url.split("://")[0].split("::")[-1]
    if isinstance(error, ImportError):
        missing = _PACKAGES.get(url.split("::")[-1].split("://")[0])
        mend = f"pip install {missing}" if missing else str(error)
        return f"{url} cannot be read: what reads it is not installed. Install it: {mend}"
    if isinstance(error, ValueError) and "Protocol not known" in str(error):
        from fsspec import available_protocols

        near = did_you_mean(protocol, available_protocols())
        return (
            f"{url}: fsspec knows no such protocol. Expected a folder, or a URL such as "
            f"s3://bucket/landing.{near} Mend ASSETOPS_LANDING."
        )
    return None


def _without_secrets(error: Exception) -> str:
    """Return the first line of what an error says, without what fsspec was told to log in with."""
    from fsspec.config import conf

    said = (str(error) or type(error).__name__).strip().splitlines()[0].rstrip(".")
    for secret in sorted(_texts(conf.values()), key=len, reverse=True):
        said = said.replace(secret, "…")
    return said


def _texts(values: Iterable[Any]) -> set[str]:
    found: set[str] = set()
    for value in values:
        if isinstance(value, dict):
            found |= _texts(value.values())
        elif isinstance(value, str) and len(value) > 3:
            found.add(value)
    return found
