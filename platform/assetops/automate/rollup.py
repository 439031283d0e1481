"""Waits for the parts of a longer time: a day for its hours, a month for its days."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.partitions.definition import TimeWindowPartitionsDefinition

from assetops.automate.facts import Facts

_MADE = dg.DagsterEventType.ASSET_MATERIALIZATION
_PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED


@dataclass(frozen=True)
class Due:
    """A partition whose parts are there, and not all of which its newest run knew of."""

    partition: str
    # The newest of its parts, and the run before: another pair is another request.
    newest: int
    planned: int


class Rollup(dg.AutomationCondition[dg.AssetKey]):
    """A partition is asked for when its parents' parts of it are there, and again for late ones.

    Args:
        at_least: How many parts of each parent are enough; None for all that its time has.
    """

    def __init__(self, at_least: int | None = None) -> None:
        self.at_least = at_least

    @property
    def requires_cursor(self) -> bool:
        """It remembers nothing: what is there is read at each tick."""
        return False

    @property
    def name(self) -> str:
        """What the UI shows."""
        enough = "all" if self.at_least is None else f"at least {self.at_least}"
        return f"{enough} parts of its parents are there, and some are new"

    @property
    def description(self) -> str:
        """What the UI shows."""
        return self.name

    def evaluate(self, context: dg.AutomationContext[Any]) -> dg.AutomationResult[Any]:
        """Say which partitions are to be made now."""
        view, partitions = context.asset_graph_view, context.partitions_def
        assert partitions is not None  # only what has partitions has this condition
        facts = Facts(view.instance, {context.key, *view.asset_graph.get(context.key).parent_keys})
        due = {part.partition for part in due_parts(view.asset_graph, context.key, facts)}
        return dg.AutomationResult(
            context, view.get_subset_from_partition_keys(context.key, partitions, due)
        )


def due_parts(assets: Any, key: dg.AssetKey, facts: Facts) -> list[Due]:
    """Return the partitions of a rollup that are to be made now.

    What a run was to read is what there was when it was created: what is newer than the newest run
    of a partition is news for it, whatever became of that run. So nothing is lost, and no failure
    is repeated before there are news.
    """
    node = assets.get(key)
    own, condition = node.partitions_def, node.automation_condition
    if key in facts.unfinished or not isinstance(own, TimeWindowPartitionsDefinition):
        return []
    parents = [p for p in sorted(node.parent_keys) if _is_finer(assets.get(p).partitions_def)]
    for parent in parents:
        checks = (check for check in assets.get(parent).check_keys if assets.get(check).blocking)
        if any(map(facts.objection, checks)):
            return []
    log = facts.instance.event_log_storage
    planned = log.get_latest_storage_id_by_partition(key, _PLANNED)
    above = [assets.get(parent).partitions_def for parent in parents]
    parts = [_parts(own, finer, log, parent) for finer, parent in zip(above, parents, strict=True)]
    found = []
    for partition in sorted(set().union(*parts) & set(own.get_partition_keys())):
        newest = max(max(some.get(partition, {"": 0}).values()) for some in parts)
        before = planned.get(partition, 0)
        window = own.time_window_for_partition_key(partition)
        enough = all(
            len(some.get(partition, ())) >= _enough(finer, window, condition.at_least)
            for finer, some in zip(above, parts, strict=True)
        )
        if newest > before and enough:
            found.append(Due(partition, newest, before))
    return found


def _enough(finer: TimeWindowPartitionsDefinition, window: Any, at_least: int | None) -> int:
    # A day on which clocks change has 23 hours, or 25.
    whole = len(finer.get_partition_keys_in_time_window(window))
    return min(whole, at_least or whole)


def _is_finer(partitions: Any) -> bool:
    return isinstance(partitions, TimeWindowPartitionsDefinition)


def _parts(
    own: TimeWindowPartitionsDefinition,
    finer: TimeWindowPartitionsDefinition,
    log: Any,
    parent: dg.AssetKey,
) -> Mapping[str, Mapping[str, int]]:
    """Return, by partition of the rollup, the parts of it that are there, each with its event."""
    found: dict[str, dict[str, int]] = {}
    for part, storage_id in log.get_latest_storage_id_by_partition(parent, _MADE).items():
        start = finer.time_window_for_partition_key(part).start
        whole = own.get_partition_key_for_timestamp(start.timestamp())
        found.setdefault(whole, {})[part] = storage_id
    return found
