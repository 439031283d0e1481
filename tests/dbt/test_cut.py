"""The dbt graph is cut where somebody else has a say, and nowhere else."""

import random
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from tests.test_project import node, project, source

from assetops.dbt.cut import Cut, Part
from assetops.errors import ConfigError

Graph = Mapping[str, Sequence[str]]


def cut(
    tmp_path: Path,
    models: Graph,
    *,
    gated: Sequence[str] = (),
    tests: Graph | None = None,
    python: Graph | None = None,
    ephemeral: Sequence[str] = (),
) -> Cut:
    """Return the cut of a project in which each name stands for a model made from others."""
    python, tests = python or {}, tests or {}

    def ids(names: Sequence[str]) -> list[str]:
        known = {
            **dict.fromkeys(models, "model.shop"),
            **dict.fromkeys(python, "source.shop.retail"),
        }
        return [f"{known.get(name, 'source.shop.retail')}.{name}" for name in names]

    nodes = [
        node(
            name,
            depends_on={"nodes": ids(parents)},
            config={"materialized": "ephemeral" if name in ephemeral else "table"},
        )
        for name, parents in models.items()
    ]
    nodes += [
        node(name, kind="test", depends_on={"nodes": ids(seen)}, config={"severity": "error"})
        for name, seen in tests.items()
    ]
    nodes += [source(name, meta={"dagster": {"asset_key": ["marts", name]}}) for name in python]
    nodes.append(source("raw"))
    children: dict[str, list[str]] = {}
    for one in nodes:
        for parent in one["depends_on"]["nodes"]:
            children.setdefault(parent, []).append(one["unique_id"])
    found = project(tmp_path, *nodes, child_map=children)
    found.learn_parents(
        {("marts", name): [("marts", parent) for parent in made] for name, made in python.items()}
    )
    return Cut(found, {f"marts/{name}" for name in gated})


def shown(part: Part) -> tuple[str, list[str], list[str]]:
    def names(ids: Any) -> list[str]:
        return sorted(i.split(".")[-1] for i in ids)

    return part.name, names(part.nodes), names(part.tests)


def test_without_gates_all_of_dbt_is_one_part(tmp_path: Path) -> None:
    found = cut(tmp_path, {"a": ["raw"], "b": ["a"]}, tests={"on_a": ["a"], "on_both": ["a", "b"]})
    assert [shown(part) for part in found.parts] == [("dbt", ["a", "b"], ["on_a", "on_both"])]


def test_a_gate_holds_back_what_is_made_from_its_model_and_nothing_else(tmp_path: Path) -> None:
    models = {"a": ["raw"], "b": ["raw"], "below": ["a"], "beside": ["b"], "last": ["below", "b"]}
    found = cut(tmp_path, models, gated=["a"])
    assert [shown(part)[:2] for part in found.parts] == [
        ("dbt", ["a", "b", "beside"]),
        ("dbt_after_a", ["below", "last"]),
    ]
    assert found.held_back_by(found.project.dataset("marts/a")) == ["marts/below", "marts/last"]


def test_what_waits_for_different_gates_is_built_in_different_steps(tmp_path: Path) -> None:
    models = {"a": [], "b": [], "of_a": ["a"], "of_b": ["b"], "of_both": ["of_a", "of_b"]}
    found = cut(tmp_path, models, gated=["a", "b"])
    assert [shown(part)[:2] for part in found.parts] == [
        ("dbt", ["a", "b"]),
        ("dbt_after_a", ["of_a"]),
        ("dbt_after_b", ["of_b"]),
        ("dbt_after_a_and_b", ["of_both"]),
    ]
    both = found.project.dataset("marts/of_both")
    assert found.step_of(both) == "dbt_after_a_and_b, alone, once marts/a, marts/b has passed"


def test_a_python_asset_cuts_as_a_gate_does(tmp_path: Path) -> None:
    models = {"a": [], "after": ["segments"], "beside": ["a"]}
    found = cut(tmp_path, models, python={"segments": ["a"]})
    assert [shown(part)[:2] for part in found.parts] == [
        ("dbt", ["a", "beside"]),
        ("dbt_after_segments", ["after"]),
    ]


def test_a_test_runs_where_all_that_it_looks_at_is_there(tmp_path: Path) -> None:
    models = {"a": [], "mid": ["a"], "last": ["mid"]}
    tests = {"on_a": ["a"], "on_ends": ["a", "last"], "on_source": ["raw"]}
    found = cut(tmp_path, models, gated=["mid"], tests=tests)
    assert [shown(part) for part in found.parts] == [
        ("dbt", ["a", "mid"], ["on_a", "on_source"]),
        ("dbt_after_mid", ["last"], ["on_ends"]),
    ]
    # A step that checked `a` for another would be let past the gates of `a`.
    assert found.parts[1].tests == {"test.shop.on_ends": "model.shop.last"}


def test_a_test_of_models_that_wait_for_different_gates_runs_apart(tmp_path: Path) -> None:
    models = {"a": [], "b": [], "of_a": ["a"], "of_b": ["b"], "mart": ["of_a", "of_b"]}
    found = cut(tmp_path, models, gated=["a", "b"], tests={"rel": ["of_a", "of_b"]})
    apart = found.parts[-1]
    assert shown(apart) == ("dbt_tests_of_of_b", [], ["rel"])
    mart = "model.shop.mart"
    assert found.apart_below(mart) == ["test.shop.rel"]
    assert found.apart_below("model.shop.of_a") == []


def test_a_test_of_a_python_asset_runs_before_what_is_made_from_it(tmp_path: Path) -> None:
    models = {"a": [], "after": ["segments"]}
    found = cut(tmp_path, models, python={"segments": ["a"]}, tests={"on_it": ["segments"]})
    assert [shown(part) for part in found.parts] == [
        ("dbt", ["a"], []),
        ("dbt_after_segments", ["after"], []),
        ("dbt_tests_of_segments", [], ["on_it"]),
    ]


def test_a_test_of_an_ephemeral_model_is_one_of_what_that_reads(tmp_path: Path) -> None:
    models = {"a": [], "thin": ["a"], "b": ["thin"]}
    found = cut(tmp_path, models, ephemeral=["thin"], tests={"on_thin": ["thin"]})
    (part,) = found.parts
    assert shown(part) == ("dbt", ["a", "b"], ["on_thin"])
    assert part.tests["test.shop.on_thin"] == "model.shop.a"


@pytest.mark.parametrize("seed", range(40))
def test_no_step_waits_for_itself_by_way_of_tests(tmp_path: Path, seed: int) -> None:
    drawn = random.Random(seed)
    names = [f"m{number}" for number in range(12)]
    graph = {n: drawn.sample(names[:i], drawn.randint(0, min(i, 2))) for i, n in enumerate(names)}
    python = {name: graph.pop(name) for name in drawn.sample(names, 2)}
    tests = {f"t{number}": drawn.sample(names, drawn.randint(1, 3)) for number in range(10)}
    found = cut(tmp_path, graph, gated=drawn.sample(names, 4), python=python, tests=tests)

    step = {i: part.name for part in found.parts for i in part.nodes}
    placed = [test for part in found.parts for test in part.tests]
    assert len(placed) == len(set(placed)) == len(tests)
    waits: dict[str, set[str]] = {name: set() for name in step.values()}
    for i, dataset in found.project.datasets.items():
        own = step.get(i, i)
        waits.setdefault(own, set()).update(step.get(p, p) for p in dataset.parents)
        # What depends on a tested asset of another step waits for its tests, as Dagster is told.
        above = {parent for parent in dataset.parents if step.get(parent, parent) != own}
        apart = (part for part in found.parts if not part.nodes)
        waits[own] |= {part.name for part in apart if above.intersection(part.tests.values())}
    for part in found.parts:
        seen = [i for test in part.tests for i in found.seen_by(test)]
        waits.setdefault(part.name, set()).update(step.get(i, i) for i in seen)
        # A test's own step is no step before it.
        waits[part.name].discard(part.name)
    assert list(TopologicalSorter(waits).static_order())


def test_a_source_is_a_cut_if_it_has_a_gate_or_python_makes_it_here(tmp_path: Path) -> None:
    foreign = source("foreign", meta={"dagster": {"asset_key": ["elsewhere", "foreign"]}})
    for gated, names in (((), ["dbt"]), (("elsewhere/foreign",), ["dbt", "dbt_after_foreign"])):
        read = {"depends_on": {"nodes": ["source.shop.retail.foreign"]}}
        found = project(tmp_path, foreign, node("a"), node("b", **read))
        found.learn_parents({})
        assert [part.name for part in Cut(found, gated).parts] == names


def test_a_circle_through_a_python_asset_is_named(tmp_path: Path) -> None:
    found = cut(tmp_path, {"a": ["segments"]}, python={"segments": ["a"]})
    with pytest.raises(ConfigError, match=r"in a circle: marts/\w+ → marts/\w+ → marts/\w+\."):
        _ = found.parts
