"""The conditions that contracts choose from, as Dagster's UI shows them and evaluates them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

import dagster as dg
from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView
from dagster._core.asset_graph_view.entity_subset import EntitySubset
from dagster._core.definitions.declarative_automation.serialized_objects import OperatorType

from assetops.automate.decide import Deciding, Decision, Decisions, State
from assetops.automate.facts import Facts
from assetops.automate.graph import Policy, graph_of

# What has to be true, one after the other, and how far an asset has come that fails at it.
_STEPS = (
    ("it is behind its parents, or is to be made after them", State.CURRENT),
    ("no run is making it", State.IN_PROGRESS),
    ("all its parents have been made", State.UNMADE),
    ("no parent is about to have news", State.WAITING),
    ("all blocking checks of its parents have passed", State.BLOCKED),
    ("its time has come", State.NOT_DUE),
    ("it has not been tried since the news", State.TRIED),
)
_decided: WeakKeyDictionary[AssetGraphView, Decisions] = WeakKeyDictionary()


def decisions_of(view: AssetGraphView, deciding: Deciding | None = None) -> Decisions:
    """Return what is decided for each automated asset, worked out once for a tick."""
    if view not in _decided:
        graph = graph_of(view.asset_graph)
        _decided[view] = (
            deciding or Deciding(graph, Facts(view.instance, graph.keys), view.effective_dt)
        ).all()
    return _decided[view]


class _Ours(dg.AutomationCondition[dg.AssetKey]):
    """A condition that remembers nothing: what is there is read at each tick."""

    @property
    def requires_cursor(self) -> bool:
        return False

    def _true_subset(self, context: dg.AutomationContext[Any]) -> EntitySubset[Any]:
        """Return the asset, or the newest of its partitions: a run brings in all that is new."""
        view, partitions = context.asset_graph_view, context.partitions_def
        if partitions is None:
            return view.get_full_subset(key=context.key)
        newest = partitions.get_last_partition_key()
        keys = {newest} if newest else set()
        return view.get_subset_from_partition_keys(context.key, partitions, keys)


class Step(_Ours):
    """One of the things that have to be true before an asset is asked for."""

    def __init__(self, said: str, state: State) -> None:
        self.said, self.state = said, state

    @property
    def name(self) -> str:
        """What the UI shows."""
        return self.said

    @property
    def description(self) -> str:
        """What the UI shows."""
        return self.said

    def evaluate(self, context: dg.AutomationContext[Any]) -> dg.AutomationResult[Any]:
        """Say whether the asset has come past this step."""
        decision = decisions_of(context.asset_graph_view)[context.key]
        past = decision.state > self.state and not context.candidate_subset.is_empty
        return dg.AutomationResult(
            context, context.candidate_subset if past else context.get_empty_subset()
        )


class Automated(_Ours):
    """An asset is asked for as soon as it is behind its parents, or at its times if it is then."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self._steps = [
            Step(said, state)
            for said, state in _STEPS
            if self.policy.cron or state is not State.NOT_DUE
        ]

    @property
    def name(self) -> str:
        """The policy, as contracts write it."""
        cron = self.policy.cron
        if cron is None:
            return "on_update"
        zone = f', "{cron.timezone}"' if cron.timezone != "UTC" else ""
        return f'on_cron("{cron.line}"{zone})'

    @property
    def description(self) -> str:
        """What the UI shows."""
        return "All of"

    @property
    def operator_type(self) -> OperatorType:
        """What the UI draws its steps with."""
        return "and"

    @property
    def children(self) -> Sequence[dg.AutomationCondition[Any]]:
        """What has to be true, one after the other."""
        return self._steps

    def evaluate(self, context: dg.AutomationContext[Any]) -> dg.AutomationResult[Any]:
        """Say whether the asset is to be made now, and why."""
        decision = decisions_of(context.asset_graph_view)[context.key]
        subset, steps = self._true_subset(context), []
        for index, step in enumerate(self.children):
            inner = context.for_child_condition(step, [index], subset)
            steps.append(step.evaluate(inner))
            subset = steps[-1].true_subset
        requested = decision.state is State.REQUESTED
        return dg.AutomationResult(
            context,
            subset if requested else context.get_empty_subset(),
            child_results=steps,
            metadata={"why": dg.MetadataValue.text(decision.why)},
        )


def decided_now(
    assets: Any, instance: dg.DagsterInstance, *, now: datetime | None = None
) -> dict[dg.AssetKey, Decision]:
    """Return what a tick would decide now for each automated asset of a graph."""
    graph = graph_of(assets)
    return Deciding(graph, Facts(instance, graph.keys), now or datetime.now(UTC)).all()
