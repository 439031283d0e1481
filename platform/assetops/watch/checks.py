"""Promises about time in Dagster's UI: as checks of published assets, told by a sensor."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import dagster as dg

from assetops.model import Dataset, timedelta_of
from assetops.model.objectives import FRESH_WITHIN, READY_BY, Kept, next_due
from assetops.watch.objectives import Watch
from assetops.watch.runs import newest_run_in
from assetops.watch.standing import age_of, standing_of

SENSOR = "objectives"
_PAUSE = timedelta(minutes=30)


class Found(NamedTuple):
    """What is known of one promise, as a check's result."""

    key: dg.AssetKey
    check: str
    passed: bool
    severity: dg.AssetCheckSeverity
    description: str
    metadata: Mapping[str, Any]
    # When it changes by itself, if it does.
    until: datetime | None = None

    @property
    def word(self) -> str:
        """What somebody is told of when it changes."""
        age = self.check == FRESH_WITHIN
        return f"{self.passed}" if age else f"{self.passed} {self.description}"


def promise_checks(watch: Watch) -> list[dg.AssetChecksDefinition]:
    """Return the checks of what published datasets promise about time, asked aside from builds."""
    specs = list(_specs(watch.project.published()))
    if not specs:
        return []

    @dg.multi_asset_check(name="look_at_promises", specs=specs, can_subset=True)
    def look_at_promises(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        if context.job_def.asset_layer.selected_asset_keys:
            context.log.info("Left out: promises are not judged while tables are built.")
            return
        watch.judge(newest_run=newest_run_in(context.instance))
        chosen = {(k.asset_key, k.name) for k in context.selected_asset_check_keys}
        for found in look(watch):
            if (found.key, found.check) in chosen:
                yield dg.AssetCheckResult(**_told(found))

    return [look_at_promises]


def promise_sensor(watch: Watch, *, scheduled: bool) -> list[dg.SensorDefinition]:
    """Return what judges each minute and tells Dagster of what has changed, where it belongs."""
    if not scheduled or not list(_specs(watch.project.published())):
        return []

    @dg.sensor(
        name=SENSOR,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Judges promises about time when they are due, and tells of what has changed.",
    )
    def objectives(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now, before = watch.clock(), json.loads(context.cursor or "{}")
        seen = [watch.ledger.last_publication(), _digest(watch)]
        if before.get("seen") == seen and str(now) < before["until"]:
            return dg.SkipReason(f"Nothing can have changed before {before['until']} UTC.")
        watch.judge(newest_run=newest_run_in(context.instance))
        found = list(look(watch))
        known = {f"{f.key.to_user_string()}:{f.check}": f for f in found}
        words, told = {name: f.word for name, f in known.items()}, before.get("told", {})
        # Now and then without a reason: a cause may be found, and a switch be mended, later.
        until = min([now + _PAUSE, *(f.until for f in found if f.until), *_dues(watch, now)])
        return dg.SensorResult(
            asset_events=[_event(f) for name, f in known.items() if told.get(name) != words[name]],
            cursor=json.dumps({"seen": seen, "until": str(until), "told": words}),
            skip_reason="Promises were judged, and Dagster is told of what has changed.",
        )

    return [objectives]


def look(watch: Watch) -> Iterator[Found]:
    """Yield what is known of each promise; of one that cannot be judged yet there is nothing."""
    now = watch.clock()
    for dataset in watch.project.published():
        if found := _ready_by(watch, dataset, now):
            yield found
        if found := _fresh_within(watch, dataset, now):
            yield found


def _ready_by(watch: Watch, dataset: Dataset, now: datetime) -> Found | None:
    standing = standing_of(dataset, watch.ledger, now)
    if standing is None or (last := standing.last) is None:
        return None
    spent = standing.budget is not None and not standing.budget.exhausted
    said = f"{last.day}: {standing.sentence(last)}. It was {standing.kept}."
    facts = {"days": standing.marks, "error budget": standing.spent, "day": str(last.day)}
    return Found(
        key=dg.AssetKey(dataset.published_key),
        check=READY_BY,
        passed=last.status is Kept.MET,
        # What the error budget allows for is worth knowing, and no more.
        severity=dg.AssetCheckSeverity.WARN if spent else dg.AssetCheckSeverity.ERROR,
        description=said,
        metadata={name: value for name, value in facts.items() if value},
    )


def _fresh_within(watch: Watch, dataset: Dataset, now: datetime) -> Found | None:
    promised = dataset.contract.fresh_within
    known = age_of(dataset, watch.ledger, now) if promised else None
    if promised is None or known is None:
        return None
    as_of, age = known
    passed = age <= timedelta_of(promised)
    return Found(
        key=dg.AssetKey(dataset.published_key),
        check=FRESH_WITHIN,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"The data reaches until {as_of:%Y-%m-%d %H:%M} UTC: "
        f"promised within {promised}, {age.total_seconds() / 3600:.0f} h old.",
        metadata={"data_as_of": dg.MetadataValue.timestamp(as_of.replace(tzinfo=UTC))},
        until=as_of + timedelta_of(promised) + timedelta(seconds=1) if passed else None,
    )


def _dues(watch: Watch, now: datetime) -> Iterator[datetime]:
    """Yield when each promise is due next."""
    for dataset in watch.project.published():
        if ready_by := dataset.contract.ready_by:
            yield next_due(ready_by, now)


def _digest(watch: Watch) -> str:
    """Return what stands for all that is promised."""
    contracts = sorted((d.address, d.contract.model_dump_json()) for d in watch.project.published())
    return hashlib.sha256(repr(contracts).encode()).hexdigest()[:16]


def _specs(published: Iterable[Dataset]) -> Iterator[dg.AssetCheckSpec]:
    for dataset in published:
        key, contract = dg.AssetKey(dataset.published_key), dataset.contract
        if ready := contract.ready_by:
            said = f"The data of the day before is there by {ready.at} {ready.timezone}."
            yield dg.AssetCheckSpec(READY_BY, asset=key, description=said)
        if contract.fresh_within:
            said = f"The data that consumers see is at most {contract.fresh_within} old."
            yield dg.AssetCheckSpec(FRESH_WITHIN, asset=key, description=said)


def _event(found: Found) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(**_told(found))


def _told(found: Found) -> dict[str, Any]:
    """Return what is found, in Dagster's words."""
    return {
        "asset_key": found.key,
        "check_name": found.check,
        "passed": found.passed,
        "severity": found.severity,
        "description": found.description,
        "metadata": found.metadata,
    }
