"""No update is lost, whatever happens in whatever order.

Each asset ends with the newest of its parents, or somebody is told why it does not.
"""

import logging
import os
from collections.abc import Iterator

import dagster as dg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.automate.simulated import OPS, READ, Shop, definitions

from assetops.automate.conditions import Automated, decided_now
from assetops.automate.decide import Decision, State

# Thousands of decisions, which other tests measure one by one.
pytestmark = pytest.mark.no_cover

# `ASSETOPS_INTERLEAVINGS=5000 pytest tests/automate/test_no_lost_update.py` tries more of them.
EXAMPLES = int(os.environ.get("ASSETOPS_INTERLEAVINGS", "12"))
KEYS = [key for op in OPS for key in op]
ACTIONS = (
    *["advance"] * 6,
    "update",
    "update and report",
    "update and report",
    "report",
    "tick and submit",
    "tick and submit",
    "tick",
    "tick with an old cursor",
    "submit",
    "crash before submitting",
    "kill",
    "cancel",
    "person",
    "break",
    "mend",
    "check again",
)
Happening = tuple[str, int]


@pytest.fixture(scope="module")
def repository() -> Iterator[dg.RepositoryDefinition]:
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    yield definitions()


def happen(shop: Shop, action: str, number: int) -> None:
    """Do one of the things that may happen."""
    if action == "update":
        shop.update_outside()
    elif action == "update and report":
        shop.update_outside()
        shop.report_outside()
    elif action == "tick and submit":
        shop.tick(shop.cursors[-1])
        shop.submit()
    elif action == "report":
        shop.report_outside()
    elif action == "tick":
        shop.tick(shop.cursors[-1])
    elif action == "tick with an old cursor":
        shop.tick(shop.cursors[number % len(shop.cursors)])
    elif action == "submit":
        shop.submit()
    elif action == "crash before submitting":
        shop.requests = []
    elif action == "advance":
        for _ in range(1 + number % 3 * number % 11):
            shop.advance()
    elif action == "kill":
        shop.kill()
    elif action == "cancel":
        shop.cancel()
    elif action == "person":
        shop.enqueue(
            {key for place, key in enumerate(KEYS) if number * 37 >> place & 1} or {"source"}
        )
    elif action == "break":
        shop.failing.add((*KEYS, "check")[number % (len(KEYS) + 1)])
    elif action == "mend":
        shop.failing.clear()
    elif action == "check again":
        shop.check(bool(number % 2))


def come_to_rest(shop: Shop) -> None:
    """Let all runs end, and tick until nothing is asked for."""
    shop.report_outside()
    for _ in range(15):
        while shop.queue or shop.active:
            shop.advance()
        shop.requests = []
        shop.tick(shop.cursors[-1])
        if not shop.requests:
            return
        shop.submit()
        assert shop.queue, "asked for what the daemon takes for done"
    raise AssertionError("It does not come to rest.")


def is_behind(shop: Shop, key: str) -> bool:
    """Say whether an asset lacks what a parent has, by what really was read."""
    if key == "view":
        return key not in shop.content
    return any(
        shop.reads.get(key, {}).get(parent, 0) != shop.content.get(parent, 0)
        for parent in READ[key]
        # What was written and never told, because its run was killed, is told of the parent.
        if parent in shop.told_at
    )


def is_true(shop: Shop, key: str, decision: Decision) -> bool:
    """Say whether what a person is told of an asset is so."""
    if decision.state is State.BLOCKED:
        return shop.check_passed is not True
    if decision.state is State.UNMADE:
        return any(parent not in shop.told_at for parent in READ[key] if parent != "outside")
    if decision.state is not State.TRIED:
        return False
    attempt = shop.attempts[key]
    if (key, attempt.id) in shop.made_in:
        return False
    return all(
        shop.told_at.get(parent, 0) < attempt.created or shop.told_in[parent] == attempt.id
        for parent in READ[key]
    )


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="ASSETOPS_INTERLEAVINGS" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 40)), min_size=5, max_size=60))
# News between the moment in which a step reads and the event that tells what it has made.
@example([("tick and submit", 0), *[("advance", 0)] * 9, ("update and report", 2)])
def test_each_asset_ends_with_the_newest_or_somebody_is_told(
    repository: dg.RepositoryDefinition, happenings: list[Happening]
) -> None:
    shop = Shop(repository)
    shop.enqueue({"source"})
    for action, number in happenings:
        happen(shop, action, number)
    come_to_rest(shop)
    decisions = decided_now(repository.asset_graph, shop.instance)
    for key, decision in decisions.items():
        name = key.to_user_string()
        if decision.state is State.CURRENT:
            killed = shop.attempts.get(name)
            assert not is_behind(shop, name) or told_above(shop, name), (name, decision, killed)
        else:
            assert is_true(shop, name, decision), (name, decision)


def told_above(shop: Shop, name: str) -> bool:
    """Say whether a parent was written by a run that was killed before it could tell."""
    return any(
        shop.attempts.get(parent) is not None
        and (parent, shop.attempts[parent].id) not in shop.made_in
        for parent in READ[name]
    )


def test_the_interleaving_that_dagsters_eager_loses_is_not_lost_here() -> None:
    def asked(condition: dg.AutomationCondition, *, order: str) -> list[int]:
        """Return how many assets four ticks ask for, after a child and its parent were made."""

        @dg.asset
        def parent() -> None: ...

        @dg.asset(deps=[parent], automation_condition=condition)
        def child() -> None: ...

        defs, instance = dg.Definitions([parent, child]), dg.DagsterInstance.ephemeral()
        assets = {"p": parent, "c": child}
        cursor, found = None, []
        for happens in ("pc", "", "p", order, "", ""):
            for name in happens:
                dg.materialize([*assets.values()], instance=instance, selection=[assets[name]])
            result = dg.evaluate_automation_conditions(defs, instance, cursor=cursor)
            cursor = result.cursor
            found.append(result.total_requested)
        return found[2:]

    # The child that the third tick asks for is made, and its parent once more, before the fourth.
    assert asked(dg.AutomationCondition.eager(), order="cp") == [1, 0, 0, 0]
    assert asked(Automated(), order="cp") == [1, 1, 1, 1]
    # The other way around the child has read it.
    assert asked(Automated(), order="pc") == [1, 0, 0, 0]
