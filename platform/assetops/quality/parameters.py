"""What a suite may ask for as {"$PARAMETER": …}, and where each value comes from."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

# Known in every step, as far as the run knows its time.
PARAMETERS = ("as_of", "as_of_minus_1_day", "partition", "partition_start", "partition_end")
# Known from the ledger: the asset's row count, and what the same check observed, the last time.
PREVIOUS = ("previous_row_count", "previous_value")


def parameters_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what suites may ask for, with what follows from it.

    Args:
        facts: `as_of`, and in a run of days `partition` (the first) and `last_partition`. Without
            them the partition is the day that ends at `as_of`.
    """
    found = {name: value for name, value in facts.items() if name != "last_partition"}
    as_of = found.get("as_of")
    if isinstance(as_of, datetime):
        found["as_of_minus_1_day"] = as_of - timedelta(days=1)
    first, last = facts.get("partition"), facts.get("last_partition")
    if first is None and isinstance(as_of, datetime):
        first = (as_of - timedelta(microseconds=1)).date()
    if isinstance(first, date):
        found["partition"] = first
        found["partition_start"] = datetime.combine(first, time())
        found["partition_end"] = datetime.combine(last or first, time()) + timedelta(days=1)
    return found


def days_of(tags: Mapping[str, str]) -> dict[str, date]:
    """Return the first and the last day that a Dagster run is about, by its tags."""
    one = tags.get("dagster/partition")
    first = tags.get("dagster/asset_partition_range_start", one)
    last = tags.get("dagster/asset_partition_range_end", one)
    try:
        return {
            name: date.fromisoformat(day)
            for name, day in (("partition", first), ("last_partition", last))
            if day
        }
    except ValueError:
        # Partitions that are no days have no time.
        return {}
