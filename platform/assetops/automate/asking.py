"""The sensor that asks for what is behind: one run for all that is to be made together."""

import hashlib
import json
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster._core.definitions.declarative_automation.automation_condition_evaluator import (
    AutomationConditionEvaluator,
)

from assetops.automate.conditions import decisions_of
from assetops.automate.decide import Deciding, Decision, Decisions, State, asked_for
from assetops.automate.facts import Facts
from assetops.automate.graph import Graph, graph_of
from assetops.automate.rollup import Rollup, due_parts

# A run with this tag knows by what code it was asked for.
CODE_TAG = "assetops/code"
SENSOR = "automation"
# Whoever waits for others waits no longer than this, however busy they are.
PATIENCE_SECONDS = 900
_INTERVAL_SECONDS = 10
_NAMED = 3
# The UI is told of no more in a tick; of the rest in the next ones, if it is so still.
_TOLD_AT_MOST = 300


@dataclass(frozen=True)
class Asking:
    """What the requests need besides the graph."""

    # The tags of a run that brings in all that is new.
    tags: Callable[[], Mapping[str, str]]
    # Checks that are asked apart from builds.
    aside: frozenset[dg.AssetCheckKey] = frozenset()


@dataclass
class Memory:
    """What a tick hands on to the next; all of it may be lost, and nothing else is."""

    # Since when an asset has waited for others.
    waiting: dict[str, float] = field(default_factory=dict)
    # What a person was last told of each asset.
    told: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> "Memory":
        """Return what was written; nothing if it is none of ours."""
        try:
            written: dict[str, Any] = json.loads(text or "{}")
            return cls(dict(written["waiting"]), dict(written["told"]))
        except (ValueError, TypeError, KeyError):
            return cls()

    def written(self) -> str:
        """Return it as text."""
        return json.dumps({"waiting": self.waiting, "told": self.told})


class _Evaluator(AutomationConditionEvaluator):
    """Dagster's, which need not read the assets again that the decisions were made of."""

    def prefetch(self) -> None:
        """Read nothing."""


class AutomationSensor(dg.AutomationConditionSensorDefinition):
    """Evaluates our conditions, and asks for one run of all that is to be made."""

    def __init__(self, asking: Asking) -> None:
        with warnings.catch_warnings():
            # That conditions of our own are in beta is no news for whoever starts the UI.
            warnings.simplefilter("ignore", dg.BetaWarning)
            super().__init__(
                SENSOR,
                target=dg.AssetSelection.all(),
                use_user_code_server=True,
                emit_backfills=False,
                default_status=dg.DefaultSensorStatus.RUNNING,
                minimum_interval_seconds=_INTERVAL_SECONDS,
                description="Asks for what its contract lets it ask for and is behind its parents.",
            )
        self.asking = asking
        self._evaluation_fn = self._tick

    def with_attributes(self, **_: Any) -> "AutomationSensor":
        """Return the same: it runs no jobs that could be replaced."""
        return self

    def _tick(self, context: dg.SensorEvaluationContext) -> list[dg.SensorResult]:
        assert context.repository_def is not None  # a tick has one
        assets = context.repository_def.asset_graph
        graph, memory = graph_of(assets), Memory.read(context.cursor)
        evaluator = _Evaluator(
            entity_keys=set(),
            instance=context.instance,
            asset_graph=assets,
            cursor=AssetDaemonCursor.empty(),
            emit_backfills=False,
            evaluation_id=0,
        )
        now = evaluator.evaluation_time.timestamp()
        late = {key for key, since in memory.waiting.items() if now - since > PATIENCE_SECONDS}
        facts = Facts(context.instance, graph.keys)
        deciding = Deciding(
            graph,
            facts,
            evaluator.evaluation_time,
            code_changed=lambda run: _code_changed(run, graph, facts),
            impatient={place.key for place in graph.places if place.key.to_user_string() in late},
        )
        decisions = decisions_of(evaluator.asset_graph_view, deciding)
        requests = list(_requests(deciding, self.asking, assets))
        rollups = list(_rollups(assets, context.instance, self.asking))
        whole = {key for request in rollups for key in request.asset_selection or ()}
        told = _news(decisions, memory)[:_TOLD_AT_MOST]
        evaluator.entity_keys = {*told, *whole}
        evaluations = [found.serializable_evaluation for found in evaluator.evaluate()[0]]
        return [
            dg.SensorResult(
                run_requests=[*requests, *rollups],
                skip_reason=None if requests or rollups else _reason(decisions),
                cursor=_remembered(decisions, memory, now, told).written(),
                automation_condition_evaluations=evaluations,
            )
        ]


def _news(decisions: Decisions, memory: Memory) -> list[dg.AssetKey]:
    """Return the assets of which there is something to tell, those that only join others last."""
    news = [
        key
        for key, decision in decisions.items()
        if decision.state is State.REQUESTED
        or _told(decision) != memory.told.get(key.to_user_string())
    ]
    return sorted(news, key=lambda key: decisions[key].joins)


def _told(decision: Decision) -> str:
    return hashlib.sha256(f"{decision.state} {decision.why}".encode()).hexdigest()[:8]


def _remembered(
    decisions: Decisions, memory: Memory, now: float, told: Collection[dg.AssetKey]
) -> Memory:
    names = {key.to_user_string(): decision for key, decision in decisions.items()}
    return Memory(
        waiting={
            name: memory.waiting.get(name, now)
            for name, decision in names.items()
            if decision.state is State.WAITING
        },
        told={name: said for name, said in memory.told.items() if name in names}
        | {key.to_user_string(): _told(decisions[key]) for key in told},
    )


def _reason(decisions: Decisions) -> str:
    """Say in one line what stands in the way of whom."""
    held = [
        f"{key.to_user_string()}: {decision.why}"
        for key, decision in decisions.items()
        if decision.state not in (State.CURRENT, State.REQUESTED)
    ]
    more = f" (and {len(held) - _NAMED} more)" if len(held) > _NAMED else ""
    return "; ".join(held[:_NAMED]) + more if held else "Nothing is behind its parents"


def _requests(deciding: Deciding, asking: Asking, assets: Any) -> Iterable[dg.RunRequest]:
    """Yield the runs that make what is asked for: one, save for marts made before."""
    graph, decisions = deciding.graph, deciding.decisions
    wanted = asked_for(graph, decisions)
    if not wanted:
        return
    apart = _to_publish(graph, decisions)
    tags = asking.tags()
    if apart and apart != wanted:
        yield _request(deciding, apart, asking, tags, assets)
        wanted -= apart - _following(graph, decisions)
    yield _request(deciding, wanted, asking, tags, assets)


def _to_publish(graph: Graph, decisions: Decisions) -> set[dg.AssetKey]:
    """Return what publishes marts that an earlier run has made.

    A run that builds marts publishes those alone, so they need a run that builds none.
    """
    return {
        key
        for place in graph.places
        if place.policy.publishes
        and decisions[place.key].state is State.REQUESTED
        and not decisions[place.key].joins
        for key in place.together
    }


def _following(graph: Graph, decisions: Decisions) -> set[dg.AssetKey]:
    """Return what publishes the marts that this run makes."""
    return {
        key
        for place in graph.places
        if place.policy.publishes and decisions[place.key].joins
        for key in place.together
    }


def _request(
    deciding: Deciding,
    wanted: Collection[dg.AssetKey],
    asking: Asking,
    tags: Mapping[str, str],
    assets: Any,
) -> dg.RunRequest:
    graph = deciding.graph
    checks = {check for key in wanted for check in assets.get(key).check_keys} - asking.aside
    # What somebody outside has made is looked at by whoever reads it first.
    parents = {p for place in graph.places if place.key in wanted for p in place.parents}
    outside = parents - graph.made_here
    checks |= {c for key in outside for c in graph.blocking[key] if c not in asking.aside}
    return dg.RunRequest(
        run_key=_run_key(wanted, deciding.decisions, deciding.facts),
        asset_selection=sorted(wanted),
        asset_check_keys=sorted(checks),
        tags={**tags, CODE_TAG: code_of(graph, wanted)},
    )


def _rollups(assets: Any, instance: dg.DagsterInstance, asking: Asking) -> Iterable[dg.RunRequest]:
    """Yield a run for each partition whose parts are there."""
    for key in sorted(assets.materializable_asset_keys):
        if not isinstance(assets.get(key).automation_condition, Rollup):
            continue
        facts = Facts(instance, {key, *assets.get(key).parent_keys})
        for due in due_parts(assets, key, facts):
            said = f"{key.to_user_string()} {due.partition} {due.newest} {due.planned}"
            yield dg.RunRequest(
                run_key=hashlib.sha256(said.encode()).hexdigest()[:32],
                asset_selection=[key],
                asset_check_keys=sorted(assets.get(key).check_keys - asking.aside),
                partition_key=due.partition,
            )


def _run_key(wanted: Collection[dg.AssetKey], decisions: Decisions, facts: Facts) -> str:
    """Return what is the same for two ticks at once, and another as soon as there is a run."""
    said = [key.to_user_string() for key in sorted(wanted)]
    roots = (key for key in sorted(wanted) if key in decisions and not decisions[key].joins)
    for key in roots:
        made = facts.made(key)
        last = max(facts.planned(key).values(), default=0)
        said.append(f"{last} {made.storage_id if made else 0}")
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]


def code_of(graph: Graph, keys: Iterable[dg.AssetKey]) -> str:
    """Return what stands for the code of some assets: it changes when one of them does."""
    said = [(key.to_user_string(), graph.code.get(key)) for key in sorted(keys)]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _code_changed(run: dg.DagsterRun, graph: Graph, facts: Facts) -> bool:
    known = run.tags.get(CODE_TAG)
    return known is not None and known != code_of(graph, facts.planned_in(run))
