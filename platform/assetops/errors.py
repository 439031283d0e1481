"""Every error a user can meet, so that each says what is wrong, where, and the mend.

AssetOpsError              could not be done: exit code 2
├── ConfigError            settings, project or files are not what we need
│   ├── ContractError      a `meta.assetops` block
│   └── SuiteError         an expectation suite
├── CheckCouldNotRun       neither passed nor failed
├── LandingError           where files land cannot be reached or read
├── WarehouseBusy          somebody else holds the warehouse
├── TransformError         dbt could not do its work
├── PublishError           a release could not be made or switched
└── BadData                the data is bad: exit code 1
├── IngestError        a landing file breaks its contract
└── GateFailed         a critical check failed
"""

from collections.abc import Iterable
from difflib import get_close_matches


class AssetOpsError(Exception):
    """Something could not be done; the message names the object, the expectation and the mend."""

    exit_code = 2


class ConfigError(AssetOpsError):
    """Settings, project or files are not what the platform needs."""


class ContractError(ConfigError):
    """A `meta.assetops` block is malformed."""


class SuiteError(ConfigError):
    """An expectation suite is malformed or checks something unknown."""


class CheckCouldNotRun(AssetOpsError):
    """A check could not be evaluated, which says nothing about the data."""


class LandingError(AssetOpsError):
    """Where files land cannot be reached or read, which says nothing about the data."""


class WarehouseBusy(AssetOpsError):
    """Another process holds the warehouse and did not let go in time."""


class TransformError(AssetOpsError):
    """dbt could not do its work."""


class PublishError(AssetOpsError):
    """A release could not be made, found or switched to."""


class BadData(AssetOpsError):
    """The data is bad, and what it would have changed is as it was."""

    exit_code = 1


class IngestError(BadData):
    """A landing file breaks its contract."""


class GateFailed(BadData):
    """A critical check failed."""


def sentence(said: str) -> str:
    """Return what pydantic says of a value as a sentence, in the words of whoever refused it."""
    said = said.removeprefix("Value error, ")
    return said if said.endswith((".", "?")) else f"{said}."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean X?` for the nearest known word, or nothing."""
    nearest = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean {nearest[0]}?" if nearest else ""
