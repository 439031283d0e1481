"""Promises about time in Dagster's UI: as checks of published assets, told by a sensor."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import dagster as dg

from assetops.model import Dataset, timedelta_of
from assetops.model.objectives import FRESH_WITHIN, READY_BY, Kept
from assetops.watch.objectives import Watch
from assetops.watch.runs import newest_run_in
from assetops.watch.standing import age_of, standing_of

SENSOR = "objectives"


class Found(NamedTuple):
    """What is known of one promise, as a check's result."""

    key: dg.AssetKey
    check: str
    passed: bool
    severity: dg.AssetCheckSeverity
    description: str
    metadata: Mapping[str, Any]

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
                yield dg.AssetCheckResult(
                    asset_key=found.key,
                    check_name=found.check,
                    passed=found.passed,
                    severity=found.severity,
                    description=found.description,
                    metadata=found.metadata,
                )

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
        watch.judge(newest_run=newest_run_in(context.instance))
        told = json.loads(context.cursor or "{}")
        news, known = [], {}
        for found in look(watch):
            name = f"{found.key.to_user_string()}:{found.check}"
            known[name] = found.word
            if told.get(name) != found.word:
                news.append(found)
        if not news:
            return dg.SkipReason("Every promise stands as it stood.")
        return dg.SensorResult(asset_events=[_event(f) for f in news], cursor=json.dumps(known))

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
    said = f"{last.day}: {standing.sentence(last)}. Of {len(standing.outcomes)}: {standing.kept}."
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
    )


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
    return dg.AssetCheckEvaluation(
        asset_key=found.key,
        check_name=found.check,
        passed=found.passed,
        severity=found.severity,
        description=found.description,
        metadata=found.metadata,
    )
