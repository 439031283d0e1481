"""What has been asked for and is not in yet, and what became of the runs that were to bring it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

import dagster as dg
from dagster._core.storage.tags import RUN_KEY_TAG, SENSOR_NAME_TAG, WILL_RETRY_TAG

from assetops.automate.news import Arrived, Looks

# A run that ended without a word on what it was to bring has met with an accident, not with bad
# data: it is asked for again, after so many seconds.
PAUSES = (300.0, 3600.0)


class Fate(Enum):
    """What became of the run that was to bring a file in."""

    COMING = "coming"
    CANCELED = "canceled"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Ask:
    """What a run was asked for: a content, by the run's key, and the time and count of it."""

    fingerprint: str
    run_key: str
    at: float
    again: int = 0


@dataclass
class Cursor:
    """What a sensor remembers from tick to tick; Dagster keeps it together with the requests."""

    asked: dict[str, Ask] = field(default_factory=dict)
    looks: Looks = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """Return what was written; nothing if a person has put something else there."""
        try:
            written: dict[str, Any] = json.loads(text or "{}")
            asked = {name: Ask(**ask) for name, ask in written.get("asked", {}).items()}
            return cls(asked, dict(written.get("looks", {})))
        except (ValueError, TypeError, AttributeError):
            return cls()

    def written(self) -> str:
        """Return it as text."""
        asked = {name: asdict(ask) for name, ask in self.asked.items()}
        return json.dumps({"asked": asked, "looks": self.looks})


class Requested:
    """The runs that a sensor has requested."""

    def __init__(self, instance: dg.DagsterInstance, sensor: str) -> None:
        self._instance, self._sensor = instance, sensor
        self._fates: dict[str, Fate] = {}

    def fate(self, run_key: str) -> Fate:
        """Return what became of the run of a key."""
        if run_key not in self._fates:
            tags = {RUN_KEY_TAG: run_key, SENSOR_NAME_TAG: self._sensor}
            self._fates[run_key] = _fate(self._instance.get_runs(dg.RunsFilter(tags=tags)))
        return self._fates[run_key]

    def not_started(self) -> list[dg.DagsterRun]:
        """Return the runs that wait: when they start they will see all that has landed by now.

        Not those that take up where another failed: what that has brought in they do not look at.
        """
        waiting = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]
        tags = {SENSOR_NAME_TAG: self._sensor}
        runs = self._instance.get_runs(dg.RunsFilter(tags=tags, statuses=waiting))
        return [run for run in runs if run.step_keys_to_execute is None]


def _fate(runs: Iterable[dg.DagsterRun]) -> Fate:
    """Return what became of a run, with those that Dagster has started in its place."""
    newest_first = list(runs)
    if not newest_first:
        return Fate.UNKNOWN
    if any(not run.is_finished for run in newest_first):
        return Fate.COMING
    newest = newest_first[0]
    if newest.status is dg.DagsterRunStatus.CANCELED:
        return Fate.CANCELED
    return Fate.COMING if newest.tags.get(WILL_RETRY_TAG) == "true" else Fate.ENDED


@dataclass
class Decision:
    """What is asked for now, what is remembered of it, and what a person is told."""

    wanted: list[tuple[Arrived, int]] = field(default_factory=list)
    asked: dict[str, Ask] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)


def decide(
    arrived: Iterable[Arrived], asked: dict[str, Ask], runs: Requested, now: float
) -> Decision:
    """Tell what is to be asked for from what has been."""
    decision = Decision()
    for file in arrived:
        ask = asked.get(file.name)
        if ask is None or ask.fingerprint != file.fingerprint:
            decision.wanted.append((file, 0))
            continue
        fate = runs.fate(ask.run_key)
        if fate is Fate.UNKNOWN:
            # Its run was deleted, or Dagster could not make one.
            decision.wanted.append((file, ask.again))
        elif fate is Fate.ENDED and _is_time(ask, now):
            decision.wanted.append((file, ask.again + 1))
        else:
            decision.asked[file.name] = ask
            decision.told.append(_said(file, ask, fate))
    return decision


def _is_time(ask: Ask, now: float) -> bool:
    return ask.again < len(PAUSES) and now - ask.at >= PAUSES[ask.again]


def _said(file: Arrived, ask: Ask, fate: Fate) -> str:
    if fate is Fate.COMING:
        return f"{file.name} has been asked for, and comes in with its run"
    if fate is Fate.CANCELED:
        return f"{file.name} is not in: its run was canceled. `assetops build` brings it in"
    if ask.again < len(PAUSES):
        wait = PAUSES[ask.again] / 60
        return f"{file.name} is not in: its run failed. It is asked for again {wait:.0f} min later"
    return (
        f"{file.name} is not in after {ask.again + 1} runs. See what they say, mend it, and "
        "`assetops build`"
    )
