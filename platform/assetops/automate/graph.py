"""What the conditions need to know of the asset graph, worked out once for each graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from assetops.model import Cron


@dataclass(frozen=True)
class Policy:
    """When an asset is asked for, and what else its condition has to know of it."""

    # Only when such a time has come; None: as soon as there are news.
    cron: Cron | None = None
    # A view without checks shows its parents' news by itself.
    passes: bool = False
    # It is what consumers see of a mart: a run publishes the marts that it has built.
    publishes: bool = False


@dataclass(frozen=True)
class Place:
    """An asset's place in the graph."""

    key: dg.AssetKey
    policy: Policy
    # What is to be there, and in order, before it is made.
    parents: frozenset[dg.AssetKey]
    # Whose news it has to read: its parents, and theirs through views that pass news on; each with
    # the views between.
    sources: Mapping[dg.AssetKey, tuple[dg.AssetKey, ...]]
    # Parents that the same op makes: when it reads them, Dagster does not know.
    beside: frozenset[dg.AssetKey]
    # What its op makes with it, whether or not it is asked to.
    together: frozenset[dg.AssetKey]


@dataclass(frozen=True)
class Graph:
    """The automated assets, each after its parents, and what is known of those they are made of."""

    places: Sequence[Place]
    keys: frozenset[dg.AssetKey]
    made_here: frozenset[dg.AssetKey]
    blocking: Mapping[dg.AssetKey, Sequence[dg.AssetCheckKey]]
    code: Mapping[dg.AssetKey, str | None]


_known: WeakKeyDictionary[Any, Graph] = WeakKeyDictionary()


def graph_of(assets: BaseAssetGraph[Any]) -> Graph:
    """Return what the conditions need of an asset graph."""
    if assets not in _known:
        _known[assets] = _graph(assets)
    return _known[assets]


def _graph(assets: BaseAssetGraph[Any]) -> Graph:
    places: list[Place] = []
    sources: dict[dg.AssetKey, dict[dg.AssetKey, tuple[dg.AssetKey, ...]]] = {}
    for key in assets.toposorted_asset_keys:
        node = assets.get(key)
        parents = node.parent_keys - {key}
        sources[key] = {}
        for parent in sorted(parents):
            policy = policy_of(assets, parent)
            if policy is not None and policy.passes:
                for above, between in sources[parent].items():
                    sources[key].setdefault(above, (parent, *between))
        # What is a parent itself needs nothing between.
        sources[key] |= {parent: () for parent in parents}
        if (policy := policy_of(assets, key)) is not None:
            op = getattr(node, "assets_def", None)
            beside = {p for p in parents if op and getattr(assets.get(p), "assets_def", None) is op}
            together = node.execution_set_asset_keys
            places.append(
                Place(key, policy, parents, sources[key], frozenset(beside), frozenset(together))
            )
    seen = {key for place in places for key in (place.key, *place.sources)}
    return Graph(
        places=places,
        keys=frozenset(seen),
        made_here=frozenset(key for key in seen if assets.get(key).is_materializable),
        blocking={
            key: [c for c in assets.get(key).check_keys if assets.get(c).blocking] for key in seen
        },
        code={key: assets.get(key).code_version for key in seen},
    )


def policy_of(assets: BaseAssetGraph[Any], key: dg.AssetKey) -> Policy | None:
    """Return an asset's policy, if its condition is one of ours."""
    return getattr(assets.get(key).automation_condition, "policy", None)
