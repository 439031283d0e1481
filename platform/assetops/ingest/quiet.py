"""Keeps Dagster from warning, in every run, that a source without a new batch checked nothing.

The warning is right where a check was forgotten. A source's gate forgets none: without a new batch
there is nothing to check, and a critical check that cannot run fails its step.
"""

import logging
import re
from collections.abc import Iterable

_LOGGER = logging.getLogger("dagster._core.execution.plan.active")
_MESSAGE = re.compile(r"^Blocking asset check '(.+):[^:]+' emitted no result ")


class _NothingNew(logging.Filter):
    """Drops the warning for the sources that it knows, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        found = _MESSAGE.match(record.getMessage())
        return found is None or found[1] not in self.sources


_filter = _NothingNew()


def expect_no_news_from(sources: Iterable[str]) -> None:
    """Take it as usual, in this process, that these sources have nothing new to check.

    Args:
        sources: The addresses of ingested datasets, such as `retail/orders`.
    """
    _filter.sources.update(sources)
    _LOGGER.addFilter(_filter)
