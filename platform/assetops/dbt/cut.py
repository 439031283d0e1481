"""Where dbt's graph is cut, so that a gate holds back what is made from its model and nothing else.

A part is what one dbt invocation builds and tests: all nodes that wait for the same gates and
Python assets. What waits for others is another part, since a step waits, runs and fails as one.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from assetops.errors import ConfigError
from assetops.model import Dataset, Kind
from assetops.project import Project

BUILT = (Kind.MODEL, Kind.SNAPSHOT, Kind.SEED)


@dataclass
class Part:
    """Nodes and tests, by their unique ids, that one step hands to dbt."""

    name: str
    # The gated models and Python assets that stand before it.
    behind: frozenset[str]
    nodes: list[str] = field(default_factory=list)
    # By test, the node or source whose check it is.
    tests: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cut:
    """A dbt project in as few parts as its gates and Python assets allow.

    `gated` are the asset keys, as paths, of the models that a critical suite stands behind.
    """

    project: Project
    gated: Collection[str] = ()

    @cached_property
    def order(self) -> Mapping[str, int]:
        """Return each dataset's place in an order in which everything comes after its parents."""
        datasets = self.project.datasets
        graph = {i: [p for p in d.parents if p in datasets] for i, d in datasets.items()}
        try:
            return {i: n for n, i in enumerate(TopologicalSorter(graph).static_order())}
        except CycleError as error:
            circle = " → ".join(datasets[i].address for i in reversed(error.args[1]))
            raise ConfigError(
                f"These depend on each other in a circle: {circle}. "
                "Remove a dep from the Python asset in it, or a ref() or source() from a model."
            ) from None

    @cached_property
    def behind(self) -> Mapping[str, frozenset[str]]:
        """Return, by dataset, the gated models and Python assets that it is made from."""
        found: dict[str, frozenset[str]] = {}
        for unique_id in self.order:
            above = [p for p in self.project.datasets[unique_id].parents if p in self.order]
            found[unique_id] = frozenset().union(
                *(found[p] for p in above), (p for p in above if self._stands(p))
            )
        return found

    @cached_property
    def parts(self) -> list[Part]:
        """Return the parts: those that build, then those that only test what others built."""
        parts = {part.behind: part for part in self._building.values()}
        apart: dict[frozenset[str], Part] = {}
        for test, node in self.project.manifest["nodes"].items():
            if node["resource_type"] == "test" and (seen := self.seen_by(test)):
                part = parts.get(frozenset().union(*map(self._until, seen)))
                if not (part and self._placed(test, seen, part)):
                    self._set_apart(test, seen, apart)
        return [*parts.values(), *apart.values()]

    @cached_property
    def _building(self) -> Mapping[str, Part]:
        """Return each built node's part."""
        parts: dict[frozenset[str], Part] = {}
        found = {}
        for unique_id in filter(self._is_built, self.order):
            waits = self.behind[unique_id]
            if waits not in parts:
                parts[waits] = Part(self._name(waits, parts.values()), waits)
            parts[waits].nodes.append(unique_id)
            found[unique_id] = parts[waits]
        return found

    def nearest(self, waits: Collection[str]) -> list[Dataset]:
        """Return those that stand last before a part: the others stand before these."""
        earlier = {above for unique_id in waits for above in self.behind[unique_id]}
        datasets = [self.project.datasets[unique_id] for unique_id in set(waits) - earlier]
        return sorted(datasets, key=lambda dataset: dataset.address)

    def step_of(self, dataset: Dataset) -> str | None:
        """Return the step that builds a dataset, and what it waits for; None if dbt does not."""
        part = self._building.get(dataset.unique_id)
        if part is None:
            return None
        others = len(part.nodes) - 1
        beside = f"with {others} other{'s' * (others != 1)}" if others else "alone"
        waits = ", ".join(before.address for before in self.nearest(part.behind))
        return f"{part.name}, {beside}" + (f", once {waits} has passed" if waits else "")

    def held_back_by(self, dataset: Dataset) -> list[str]:
        """Return the asset keys of what is not built while a dataset's gate has not passed."""
        below = (i for i, waits in self.behind.items() if dataset.unique_id in waits)
        return [self.project.datasets[i].address for i in below if i in self._building]

    def apart_below(self, unique_id: str) -> list[str]:
        """Return the tests that no building part runs, on what a dataset is made from."""
        above = {unique_id, *self.project.ancestors(self.project.datasets[unique_id])}
        alone = (test for part in self.parts if not part.nodes for test in part.tests)
        return [test for test in alone if above.issuperset(self.seen_by(test))]

    def seen_by(self, test: str) -> list[str]:
        """Return what a test reads: built nodes and sources, through ephemeral models."""
        found: list[str] = []
        waiting = list(self.project.manifest["nodes"][test]["depends_on"]["nodes"])
        while waiting:
            unique_id = waiting.pop(0)
            if unique_id in self.order and unique_id not in found:
                if self.project.datasets[unique_id].kind in BUILT and not self._is_built(unique_id):
                    waiting.extend(self.project.datasets[unique_id].parents)
                else:
                    found.append(unique_id)
        return found

    def _placed(self, test: str, seen: list[str], part: Part) -> bool:
        """Give a test to the part in which it can stop what depends on all that it looks at.

        Dagster lets a step that checks another step's asset past that asset's gate, so only what
        no step makes may be checked there besides the part's own nodes.
        """
        own = [i for i in seen if self._building.get(i) is part]
        here = own + [i for i in seen if not self._has_step(i)]
        if not here or not all(i in here or self._is_above(i, part) for i in seen):
            return False
        home = self.project.home_of(test)
        part.tests[test] = home if home in here else self._last(own or here)
        return True

    def _set_apart(self, test: str, seen: list[str], apart: dict[frozenset[str], Part]) -> None:
        """Give a test to a part of those that wait for the same steps."""
        key = frozenset(self._building[i].name if i in self._building else i for i in seen)
        at = self._last(seen)
        if key not in apart:
            name = f"dbt_tests_of_{self.project.datasets[at].key[-1]}"
            waits = frozenset().union(*map(self._until, seen))
            apart[key] = Part(_unused(name, {part.name for part in apart.values()}), waits)
        apart[key].tests[test] = at

    def _until(self, unique_id: str) -> frozenset[str]:
        """Return what has to have been passed before a dataset is there."""
        return self.behind[unique_id] | ({unique_id} if self._is_outside(unique_id) else set())

    def _last(self, seen: Collection[str]) -> str:
        """Return the one that waits for most, and of these the last.

        What depends on it waits for the test as well, and cannot be anything that the test waits
        for: that would have to wait for less.
        """
        return max(seen, key=lambda i: (len(self._until(i)), self.order[i]))

    def _is_above(self, unique_id: str, part: Part) -> bool:
        return any(
            unique_id in self.project.ancestors(self.project.datasets[i]) for i in part.nodes
        )

    def _has_step(self, unique_id: str) -> bool:
        return self._is_built(unique_id) or self._is_outside(unique_id)

    def _stands(self, unique_id: str) -> bool:
        """Say whether what is made from it waits for somebody other than dbt."""
        if self._is_outside(unique_id):
            return True
        dataset = self.project.datasets[unique_id]
        # What lands has passed its gate before it is in raw.
        read = dataset.kind is Kind.SOURCE and not dataset.contract.ingest
        return (read or self._is_built(unique_id)) and dataset.address in self.gated

    def _is_outside(self, unique_id: str) -> bool:
        """Say whether dbt would not wait for it: Python makes it, or it is read as a source."""
        dataset = self.project.datasets[unique_id]
        return dataset.kind is Kind.PYTHON or (
            dataset.kind is Kind.SOURCE and bool(dataset.parents)
        )

    def _is_built(self, unique_id: str) -> bool:
        if self.project.datasets[unique_id].kind not in BUILT:
            return False
        config = self.project.manifest["nodes"][unique_id].get("config", {})
        return bool(config.get("materialized") != "ephemeral")

    def _name(self, waits: Collection[str], taken: Iterable[Part]) -> str:
        if not waits:
            return "dbt"
        nearest = [dataset.key[-1] for dataset in self.nearest(waits)]
        shown = nearest if len(nearest) <= 2 else [nearest[0], f"{len(nearest) - 1}_more"]
        return _unused("dbt_after_" + "_and_".join(shown), {part.name for part in taken})


def _unused(name: str, taken: Collection[str]) -> str:
    name = re.sub(r"[^A-Za-z0-9_]", "_", name)
    names = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in names if candidate not in taken)
