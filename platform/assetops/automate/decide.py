"""Which assets are to be made now, and why the others are not: decided from what is there.

Nothing here follows events. An asset is behind if what it was made of is not the newest there is,
however that came about, so that no order of events, and no lost cursor, can lose an update.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

import dagster as dg
from dagster._utils.schedules import reverse_cron_string_iterator

from assetops.automate.facts import Attempt, Facts, Made
from assetops.automate.graph import Graph, Place
from assetops.model import Cron


class State(IntEnum):
    """How far an asset has come on its way to being asked for."""

    CURRENT = 0  # it has read the newest of all its parents
    IN_PROGRESS = 1
    UNMADE = 2  # a parent has never been made
    WAITING = 3  # for a parent that is about to have news
    BLOCKED = 4  # by a check of a parent
    NOT_DUE = 5
    TRIED = 6  # since the news, and nothing came of it
    REQUESTED = 7


@dataclass(frozen=True)
class Decision:
    """What is to become of an asset, with the reason as a person reads it."""

    state: State
    why: str
    # The parents whose newest content it has not read.
    news: tuple[dg.AssetKey, ...] = ()
    # Whether it is asked for because a parent is, in the same run.
    joins: bool = False


_PASSES = "a view: it shows the news of its parents by itself"
Decisions = dict[dg.AssetKey, Decision]
# Says whether what stands for the code of a run's assets has changed since.
Changed = Callable[[dg.DagsterRun], bool]


@dataclass
class Deciding:
    """Decides for all automated assets, each after its parents."""

    graph: Graph
    facts: Facts
    now: datetime
    code_changed: Changed = lambda run: False
    # Those that have waited for others long enough.
    impatient: Collection[dg.AssetKey] = ()
    decisions: Decisions = field(default_factory=dict)

    def all(self) -> Decisions:
        """Return the decision for each automated asset."""
        for place in self.graph.places:
            self.decisions[place.key] = self._decide(place)
        wanted: set[dg.AssetKey] = set()
        for place in reversed(self.graph.places):
            if place.policy.passes and place.key not in wanted and self._only_joins(place.key):
                self.decisions[place.key] = Decision(State.CURRENT, _PASSES)
            elif self._requested(place.key):
                wanted |= place.parents
        return self.decisions

    def _only_joins(self, key: dg.AssetKey) -> bool:
        return self.decisions[key].joins and self.facts.made(key) is not None

    def _decide(self, place: Place) -> Decision:
        news = () if place.policy.passes else self._news(place)
        joins = any(self._requested(parent) for parent in place.parents)
        first = self.facts.made(place.key) is None
        if not news and not joins and not first and not self._is_due_anyway(place):
            passes = _PASSES if place.policy.passes else "it has read the newest of all its parents"
            return Decision(State.CURRENT, passes)
        for state, reason in self._obstacles(place, news, joins):
            return Decision(state, reason, news)
        if joins:
            above = [parent for parent in place.parents if self._requested(parent)]
            why = f"in one run with {_named(above)}"
        elif news:
            why = f"news of {_named(news)}"
        else:
            why = "it has never been made" if first else "its time has come"
        return Decision(State.REQUESTED, why, news, joins)

    def _obstacles(
        self, place: Place, news: tuple[dg.AssetKey, ...], joins: bool
    ) -> Iterator[tuple[State, str]]:
        facts, key = self.facts, place.key
        for run_id in (facts.unfinished[k] for k in place.together if k in facts.unfinished):
            yield State.IN_PROGRESS, f"run {run_id[:8]} is to make it"
        asked = {parent for parent in place.sources if self._requested(parent)}
        others = [parent for parent in place.sources if parent not in asked]
        made_here = self.graph.made_here
        if unmade := [p for p in others if p in made_here and facts.made(p) is None]:
            yield State.UNMADE, f"{_named(unmade)} has never been made"
        if key not in self.impatient and (busy := [p for p in others if self._busy(p)]):
            yield State.WAITING, f"{_named(busy)} may have news soon"
        if objections := self._objections(others):
            yield State.BLOCKED, "; ".join(objections)
        if not self._is_due(place):
            yield State.NOT_DUE, f"it is asked for at {place.policy.cron}"
        attempt = None if joins else facts.attempt(key)
        if attempt and not attempt.run.is_finished:
            yield State.IN_PROGRESS, f"run {attempt.run.run_id[:8]} is to make it"
        # At each of its times it is tried once.
        if attempt and not place.policy.cron and self._covers(attempt, place):
            run = attempt.run
            ended = "failed" if run.status is dg.DagsterRunStatus.FAILURE else "was canceled"
            ended = "made nothing of it" if run.is_success else ended
            yield State.TRIED, f"its last run, {run.run_id[:8]}, {ended}"

    def _requested(self, key: dg.AssetKey) -> bool:
        decision = self.decisions.get(key)
        return decision is not None and decision.state is State.REQUESTED

    def _busy(self, parent: dg.AssetKey) -> bool:
        """Say whether a parent is being made, or waits for something that is."""
        if parent in self.facts.unfinished:
            return True
        decision = self.decisions.get(parent)
        return decision is not None and decision.state in (State.IN_PROGRESS, State.WAITING)

    def _objections(self, parents: Collection[dg.AssetKey]) -> list[str]:
        checks = [check for parent in parents for check in self.graph.blocking[parent]]
        return [said for check in checks if (said := self.facts.objection(check))]

    # ------------------------------------------------------------------ what has been read

    def _news(self, place: Place) -> tuple[dg.AssetKey, ...]:
        """Return the parents whose newest content the asset has not read."""
        unread = (p for p, between in place.sources.items() if not self._read(place, p, between))
        return tuple(sorted(unread)) if self.facts.made(place.key) else ()

    def _read(self, place: Place, parent: dg.AssetKey, between: tuple[dg.AssetKey, ...]) -> bool:
        """Say whether the newest content of an asset was made of the newest of a parent."""
        newest, made = self.facts.made(parent), self.facts.made(place.key)
        if newest is None or made is None or self._has_read(made, newest, place, parent, between):
            return True
        look = self.facts.look(place.key) or made
        return look is not made and self._has_read(look, newest, place, parent, between)

    def _has_read(
        self,
        own: Made,
        newest: Made,
        place: Place,
        parent: dg.AssetKey,
        between: tuple[dg.AssetKey, ...],
    ) -> bool:
        facts = self.facts
        if own.read_up_to is not None and newest.storage_id <= own.read_up_to:
            return True
        if not own.run_id:
            # Somebody outside says that it is made: of what there was.
            return newest.storage_id < own.storage_id
        if newest.run_id == own.run_id and newest.storage_id < own.storage_id:
            # In one run what comes first is made first, if the run has all that is between.
            views = [facts.made(view) for view in between]
            if all(view is not None and view.run_id == own.run_id for view in views):
                return True
        pointer = None if parent in place.beside else own.pointer(parent)
        if pointer is not None and newest.storage_id <= pointer:
            return True
        # A run that was created afterwards has read it.
        return newest.storage_id < facts.planned(place.key).get(own.run_id, 0)

    def _covers(self, attempt: Attempt, place: Place) -> bool:
        """Say whether a run that ended knew of all that there is to read now."""
        facts, run = self.facts, attempt.run
        look = facts.look(place.key)
        if look is not None and look.run_id == run.run_id:
            return False
        if place.policy.publishes and not self._is_about(run, place):
            return False
        for parent in place.sources:
            newest = facts.made(parent)
            known = newest is None or newest.run_id == run.run_id
            if not known and newest and newest.storage_id > attempt.storage_id:
                return False
            for record in facts.checks(self.graph.blocking[parent]).values():
                # What held it back may have been looked at again.
                if record.run_id != run.run_id and record.create_timestamp > attempt.created_at:
                    return False
        return not self.code_changed(run)

    def _is_about(self, run: dg.DagsterRun, place: Place) -> bool:
        """Say whether a run was to publish a mart: what it has built, or all if it built none."""
        planned = set(self.facts.planned_in(run))
        marts = {mart for p in self.graph.places if p.policy.publishes for mart in p.parents}
        return bool(place.parents & planned) or not marts & planned

    # ------------------------------------------------------------------ when

    def _last_begun(self, key: dg.AssetKey) -> float:
        made, attempt = self.facts.made(key), self.facts.attempt(key)
        return max(made.timestamp if made else 0, attempt.created_at if attempt else 0)

    def _is_due(self, place: Place) -> bool:
        cron = place.policy.cron
        if cron is None:
            return True
        if self.facts.made(place.key) is None and self.facts.attempt(place.key) is None:
            return True
        return self._last_begun(place.key) < last_time(cron, self.now).timestamp()

    def _is_due_anyway(self, place: Place) -> bool:
        """Say whether its time has come, though nobody tells of news in what it is made of."""
        if place.policy.cron is None:
            return False
        told = [self.facts.made(parent) is not None for parent in place.sources]
        return not all(told or [False]) and self._is_due(place)


def last_time(cron: Cron, now: datetime) -> datetime:
    """Return the last of some times that has come.

    On the day on which a time is left out by the clocks it comes with the next hour, and where one
    comes twice it is the second.
    """
    return next(reverse_cron_string_iterator(now.timestamp(), *cron))


def _named(keys: Collection[dg.AssetKey]) -> str:
    names = [key.to_user_string() for key in sorted(keys)]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def asked_for(graph: Graph, decisions: Decisions) -> set[dg.AssetKey]:
    """Return what runs are to make: what is requested, and what its op makes with it."""
    return {
        key
        for place in graph.places
        if decisions[place.key].state is State.REQUESTED
        for key in place.together
    }
