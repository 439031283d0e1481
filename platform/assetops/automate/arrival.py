"""One sensor per file source: it asks for what has landed, and for all that follows from it."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.storage.tags import RUN_KEY_TAG

from assetops.automate.asked import Ask, Cursor, Decision, Requested, decide
from assetops.automate.graph import policy_of
from assetops.automate.news import Arrived, Landing, News
from assetops.automate.tags import pending_tags
from assetops.model import ON_UPDATE, Dataset

# By this tag the daemon knows what to evaluate when something lands.
WAKES_ON = "assetops/wakes_on"
LANDING = "landing"
# Where nothing tells the daemon of files: a look costs little while nothing has changed.
_INTERVAL_SECONDS = 10
_NAMED = 3


@dataclass(frozen=True)
class Arrival:
    """What the sensors share."""

    job: str
    landing: Landing
    # The days that partitions stand for, and those of them on which anything has landed.
    partitions: dg.DailyPartitionsDefinition | None
    landed_days: Callable[[], Sequence[date]]
    # Checks that are asked apart from builds: Dagster would run all of an asset's.
    aside: frozenset[dg.AssetCheckKey] = frozenset()


def arrival_sensors(datasets: Iterable[Dataset], arrival: Arrival) -> list[dg.SensorDefinition]:
    """Return a sensor for each source with files, for those of its tables that are to follow them.

    A source, as dbt says it, is a system with all its tables: what lands together comes in with one
    run, and a person turns off one system at a time.
    """
    by_source: dict[str, list[Dataset]] = {}
    for dataset in datasets:
        if dataset.contract.automate not in (None, ON_UPDATE):
            continue
        by_source.setdefault(dataset.key[0], []).append(dataset)
    return [_sensor(source, tables, arrival) for source, tables in by_source.items()]


def _sensor(source: str, tables: Sequence[Dataset], arrival: Arrival) -> dg.SensorDefinition:
    name = "arrival_" + re.sub(r"\W", "_", source)

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        cursor = Cursor.read(context.cursor)
        news = arrival.landing.look(list(tables), context.instance, cursor.looks)
        runs = Requested(context.instance, name)
        now = arrival.landing.now()
        decision = decide(news.arrived, cursor.asked, runs, now)
        _join(decision, runs, now)
        requests = _requests(context, name, decision, arrival, now)
        return dg.SensorResult(
            run_requests=requests,
            cursor=Cursor(decision.asked, news.looks).written(),
            skip_reason=None if requests else _reason(news, decision),
        )

    return dg.SensorDefinition(
        name=name,
        job_name=arrival.job,
        evaluation_fn=look,
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Asks for what has landed for {source}, and for all that follows from it.",
        tags={WAKES_ON: LANDING},
    )


def _join(decision: Decision, runs: Requested, now: float) -> None:
    """Leave to a run that waits what it will see when it starts."""
    if not decision.wanted:
        return
    waiting = runs.not_started()
    still_wanted = []
    for file, again in decision.wanted:
        key = dg.AssetKey(file.key)
        run = next((run for run in waiting if key in (run.asset_selection or ())), None)
        if run is None:
            still_wanted.append((file, again))
            continue
        ask = Ask(file.fingerprint, run.tags[RUN_KEY_TAG], now, again)
        decision.asked[file.name] = ask
        decision.told.append(f"{file.name} comes in with run {run.run_id[:8]}, which waits")
    decision.wanted[:] = still_wanted


def _requests(
    context: dg.SensorEvaluationContext,
    sensor: str,
    decision: Decision,
    arrival: Arrival,
    now: float,
) -> list[dg.RunRequest]:
    """Return one request for all that is wanted, and remember what was asked."""
    if not decision.wanted:
        return []
    run_key = f"{sensor}:{_digest(decision.wanted)}"
    for file, again in decision.wanted:
        decision.asked[file.name] = Ask(file.fingerprint, run_key, now, again)
    sources = {dg.AssetKey(file.key) for file, _ in decision.wanted}
    days = [file.partition for file, _ in decision.wanted if file.partition]
    tags = pending_tags(arrival.partitions, days or arrival.landed_days())
    assert context.repository_def is not None  # a tick has one
    graph = context.repository_def.asset_graph
    chosen = _following(graph, context.instance, sources)
    checks = {check for key in chosen for check in graph.get(key).check_keys} - arrival.aside
    return [
        dg.RunRequest(run_key, asset_selection=chosen, asset_check_keys=sorted(checks), tags=tags)
    ]


def _following(
    graph: AssetGraph, instance: dg.DagsterInstance, sources: set[dg.AssetKey]
) -> list[dg.AssetKey]:
    """Return the sources and what follows from them, with what that needs and never was there.

    An asset follows if it is to be made on every update, and needs such as a seed on the first day.
    """
    chosen, ahead = set(sources), list(sources)
    while ahead:
        for child in graph.get(ahead.pop()).child_keys - chosen:
            policy = policy_of(graph, child)
            if policy is not None and policy.cron is None:
                chosen.add(child)
                ahead.append(child)
    selection = dg.AssetSelection.assets(*chosen).required_multi_asset_neighbors()
    above = dg.AssetSelection.assets(*chosen).upstream().resolve(graph) - chosen
    made = {
        record.asset_entry.asset_key
        for record in instance.get_asset_records(sorted(above))
        if record.asset_entry.last_materialization_record
    }
    missing = (key for key in above - made if policy_of(graph, key) is not None)
    return sorted((selection | dg.AssetSelection.assets(*missing)).resolve(graph))


def _digest(wanted: Iterable[tuple[Arrived, int]]) -> str:
    """Return what identifies a request: the same whenever it is repeated, and never for another.

    A content that comes back after another one has stood in its place is asked for again.
    """
    files = sorted(
        f"{file.name}|{file.fingerprint}|{file.in_place_of}|{again}" for file, again in wanted
    )
    return hashlib.sha256("\n".join(files).encode()).hexdigest()[:32]


def _reason(news: News, decision: Decision) -> str:
    """Say why nothing is asked for."""
    writing = [f"{file.name} is still being written" for file in news.writing]
    said = _some(news.faults) + _some(writing) + _some(decision.told)
    return ". ".join(line.rstrip(".") for line in said or ["Nothing new has landed"]) + "."


def _some(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _NAMED
    return [*lines[:_NAMED], *([f"The same for {more} more"] if more > 0 else [])]
