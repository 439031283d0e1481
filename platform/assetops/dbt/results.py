"""What dbt says of one invocation, whichever way it was called."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

# Events that tell of a node's end: dbt Core's, and dbt Fusion's.
RESULTS = {"LogModelResult", "LogTestResult", "LogSnapshotResult", "LogSeedResult", "NodeFinished"}


@dataclass(frozen=True)
class NodeResult:
    """What became of one dbt node."""

    unique_id: str
    status: str
    message: str
    failures: int | None
    file: str
    compiled: str | None
    compiled_path: str | None


class Transport(Protocol):
    """A way to call dbt."""

    results: dict[str, NodeResult]

    def events(self) -> Generator[dict[str, Any], None, None]:
        """Yield the events that matter while dbt works, then fill `results`.

        Whoever stops iterating stops dbt. Raises `TransformError` if dbt could not do its work.
        """


# What dbt prints of itself.
PRINTED = ("info", "warn", "error")


def is_heard(name: str, level: str) -> bool:
    """Say whether anybody is told of an event, or a log shows it."""
    return level in PRINTED or matters(name, level)


def matters(name: str, level: str) -> bool:
    """Say whether an event tells of a result or of trouble: nine of ten are for a debug log."""
    return name in RESULTS or level in ("warn", "error")
