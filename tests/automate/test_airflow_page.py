"""What docs/airflow.md says is so: its tests exist, and what no other test shows is shown here."""

import ast
import re
from pathlib import Path

import dagster as dg
from tests.automate.test_conditions import OUTSIDE, World, made_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/airflow.md").read_text()
BESIDE = ROOT / "benchmarks/airflow"


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert len(named) > 20
    assert PAGE.count("`tests/") == len(named)
    assert [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).exists() or (name and name not in functions(ROOT / path))
    ] == []


def test_what_is_said_to_be_seen_by_running_airflow_is_run() -> None:
    shown = functions(BESIDE / "differences.py") - {"runs", "pause", "main"}
    # The mark is explained once.
    assert PAGE.count("▸") - 1 == len(shown)


def test_the_page_speaks_of_the_airflow_that_is_installed_beside() -> None:
    pinned = dict(
        line.split("==")
        for line in (BESIDE / "requirements.txt").read_text().splitlines()
        if not line.startswith("#")
    )
    assert f"as of {pinned['apache-airflow']} with" in PAGE
    assert f"astronomer-cosmos {pinned['astronomer-cosmos']};" in PAGE


def test_what_came_while_automation_was_off_is_asked_for_when_it_is_on() -> None:
    world = World(OUTSIDE, made_of("a", "outside"), made_of("b", "a"))
    world.settle()
    known = world.cursor
    # No tick: whoever would have seen this is off.
    world.report("outside")
    assert world.asked() == [{"a", "b"}]
    # Turned off and on again, it may have forgotten all that it knew.
    world.cursor = None
    assert world.asked() == [{"a", "b"}]
    world.cursor = known
    world.settle()
    assert world.asked() == []


def test_news_of_one_parent_are_enough() -> None:
    world = World(OUTSIDE, dg.AssetSpec("other"), made_of("a", "outside", "other"))
    world.settle()
    world.report("other")
    assert world.asked() == [{"a"}]
