"""The tags of a run that brings in all that is new, as `assetops build` has them."""

from collections.abc import Collection
from datetime import date

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from assetops.model import ONLY_PENDING


def pending_tags(
    partitions: dg.DailyPartitionsDefinition | None, days: Collection[date]
) -> dict[str, str]:
    """Return the tags of a run that brings in all that is new.

    Args:
        partitions: The days that partitions stand for; None if nothing comes by day.
        days: Days on which something has landed.
    """
    tags = {ONLY_PENDING: "true"}
    if partitions is None:
        return tags
    # The day is for Dagster alone, which knows the days since the code location was loaded.
    first, last = partitions.get_first_partition_key(), partitions.get_last_partition_key()
    named = str(max(days, default=date.max))
    known = min(max(named, str(first)), str(last))
    return {
        **tags,
        ASSET_PARTITION_RANGE_START_TAG: known,
        ASSET_PARTITION_RANGE_END_TAG: known,
    }
