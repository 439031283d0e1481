"""What a suite may ask for as {"$PARAMETER": …}, and where each value comes from."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from assetops.errors import did_you_mean

# Known in every step, as far as the run knows its time.
PARAMETERS = ("as_of", "as_of_minus_1_day", "partition", "partition_start", "partition_end")
# 1 if `partition` is that weekday, else 0: in "900 * monday + 400 * sunday" each has its figure.
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
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
        found |= {name: int(n == first.weekday()) for n, name in enumerate(WEEKDAYS)}
        found["partition_start"] = datetime.combine(first, time())
        found["partition_end"] = datetime.combine(last or first, time()) + timedelta(days=1)
    return found


def days_of(tags: Mapping[str, str]) -> dict[str, date]:
    """Return the first and the last day that a Dagster run is about, by its tags."""
    try:
        return {
            name: date.fromisoformat(day)
            for name, day in zip(("partition", "last_partition"), _ends(tags), strict=True)
            if day
        }
    except ValueError:
        # Partitions that are no days have no time.
        return {}


def days_said(tags: Mapping[str, str]) -> str | None:
    """Return the partitions that a Dagster run is about, as a person says them."""
    first, last = _ends(tags)
    return first if first == last else f"{first}..{last}"


def _ends(tags: Mapping[str, str]) -> tuple[str | None, str | None]:
    one = tags.get("dagster/partition")
    return (
        tags.get("dagster/asset_partition_range_start", one),
        tags.get("dagster/asset_partition_range_end", one),
    )


def parameter_mistakes(expression: str, known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the words of a `$PARAMETER` that nobody knows, with the word to look for."""
    called = set(re.findall(r"([A-Za-z_]\w*)\s*[(=]", expression))
    for word in re.findall(r"[A-Za-z_]\w*", expression):
        if word not in called and word not in known:
            near = did_you_mean(word, known) or f" There are {', '.join(known)}."
            if word in PREVIOUS:
                near = " It comes from the platform's ledger, which is not here: hand it over as "
                near += f"parameters={{'{word}': …}}, a value or a function that returns it."
            yield f"{word} is no parameter.{near}", expression
