"""How old the newest rows of sources are: `dbt source freshness`, as checks beside builds."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import dagster as dg

from assetops.dbt.artifacts import artifacts_of
from assetops.dbt.results import NodeResult
from assetops.ledger import Ledger
from assetops.model import EXIT_CODE, FRESHNESS_CHECK, Dataset, Severity, Status, Verdict
from assetops.project import Project
from assetops.warehouse import Warehouse

FRESHNESS_JOB = "source_freshness"
# Often enough for promises of two hours and more: dbt advises twice within the shortest.
_CRON = "0 * * * *"
_STATUS = {"pass": Status.PASSED, "warn": Status.FAILED, "error": Status.FAILED}


class Asked(NamedTuple):
    """What dbt found about a source; nothing but an error where it could not look."""

    status: Status
    severity: Severity
    newest: datetime | None = None
    age: timedelta | None = None
    error: str | None = None


def freshness_checks(
    project: Project, warehouse: Warehouse, ledger: Ledger
) -> list[dg.AssetChecksDefinition]:
    """Return one step that asks all sources that promise freshness, or those that are chosen."""
    promised = {
        dg.AssetKey(dataset.key): dataset
        for dataset in project.datasets.values()
        if promise_of(project, dataset)
    }
    if not promised:
        return []

    @dg.multi_asset_check(
        # A job may not be called as an op is.
        name="ask_sources",
        specs=[_spec(project, key, dataset) for key, dataset in promised.items()],
        can_subset=True,
        required_resource_keys={"warehouse"},
        pool="warehouse",
    )
    def ask_sources(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        chosen = [promised[check.asset_key] for check in context.selected_asset_check_keys]
        found = _ask(project, warehouse, chosen, context.run.run_id)
        verdicts = {}
        for dataset in chosen:
            asked = found[dataset.unique_id]
            verdict = verdicts[dataset.address] = _verdict(project, dataset, asked)
            run_id = context.run.run_id
            ledger.record_results(dataset.address, [verdict], state=f"run {run_id}", run_id=run_id)
            yield from _told(context, dataset, asked, verdict)
        _raise_for(verdicts)

    return [ask_sources]


def freshness_job(
    checks: Sequence[dg.AssetChecksDefinition], *, scheduled: bool
) -> tuple[list[Any], list[dg.ScheduleDefinition]]:
    """Return the job of the freshness checks, and its schedule where schedules belong."""
    if not checks:
        return [], []
    job = dg.define_asset_job(FRESHNESS_JOB, selection=dg.AssetSelection.checks(*checks))
    schedule = dg.ScheduleDefinition(
        job=job,
        cron_schedule=_CRON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Asks how old the newest rows of sources are.",
    )
    return [job], [schedule] if scheduled else []


def promise_of(project: Project, dataset: Dataset) -> str:
    """Return what a source's yml promises, such as `warn after 36 hours`; empty if nothing."""
    node = project.manifest["sources"].get(dataset.unique_id, {})
    if not (node.get("loaded_at_field") or node.get("loaded_at_query")):
        return ""
    limits = node.get("freshness") or {}
    said = []
    for limit, word in (("warn_after", "warn"), ("error_after", "error")):
        after = limits.get(limit) or {}
        if count := after.get("count"):
            said.append(f"{word} after {count} {after['period']}{'s' * (count != 1)}")
    return ", ".join(said)


def _spec(project: Project, key: dg.AssetKey, dataset: Dataset) -> dg.AssetCheckSpec:
    promise = promise_of(project, dataset)
    said = f"Expects new rows, by {dataset.relation}'s loaded_at: {promise}."
    return dg.AssetCheckSpec(FRESHNESS_CHECK, asset=key, description=said)


def _ask(
    project: Project, warehouse: Warehouse, sources: Sequence[Dataset], run_id: str
) -> Mapping[str, Asked]:
    from assetops.dbt.invoke import Invocation, freshness_arguments

    artifacts = artifacts_of(project.settings, run_id, FRESHNESS_JOB)
    names = [tuple(project.manifest["sources"][s.unique_id]["fqn"]) for s in sources]
    arguments = freshness_arguments(project.settings, names=names, artifacts=artifacts)
    invocation = Invocation(project.settings, arguments, run_id, artifacts)
    errors: dict[str, list[str]] = {}
    with (
        warehouse.lent() if invocation.is_elsewhere else nullcontext(),
        closing(invocation.events()) as messages,
    ):
        for message in messages:
            event = message.raw_event
            node = event["data"].get("node_info", {}).get("unique_id", "")
            if event["info"]["level"] == "error" and (said := event["info"]["msg"].strip()):
                errors.setdefault(node, []).append(said)
    results = json.loads((artifacts / "run_results.json").read_text())["results"]
    known = {result["unique_id"]: result for result in results}
    return {
        source.unique_id: _asked(known[source.unique_id])
        if "max_loaded_at" in known.get(source.unique_id, {})
        else _errored(source.unique_id, invocation.results, errors)
        for source in sources
    }


def _errored(
    unique_id: str, results: Mapping[str, NodeResult], errors: Mapping[str, Sequence[str]]
) -> Asked:
    """Return a source that could not be asked, of which dbt's artifact has nothing."""
    found = results.get(unique_id)
    logged = errors.get(unique_id) or errors.get("") or ["dbt did not say why"]
    said = (found and found.message) or logged[-1]
    return Asked(Status.ERRORED, Severity.CRITICAL, error=" ".join(said.split()))


def _asked(result: Mapping[str, Any]) -> Asked:
    return Asked(
        _STATUS[result["status"]],
        Severity.WARNING if result["status"] == "warn" else Severity.CRITICAL,
        datetime.fromisoformat(result["max_loaded_at"].replace("Z", "+00:00")),
        timedelta(seconds=round(result["max_loaded_at_time_ago_in_s"])),
    )


def _verdict(project: Project, dataset: Dataset, asked: Asked) -> Verdict:
    promise = promise_of(project, dataset)
    seen = asked.newest and f"{asked.newest:%Y-%m-%d %H:%M} UTC, {asked.age} ago"
    return Verdict(
        check=FRESHNESS_CHECK,
        severity=asked.severity,
        status=asked.status,
        description=f"The newest row is of {seen}; {promise}" if seen else promise,
        expected=f"a newer row ({promise})",
        observed=seen,
        error=asked.error,
    )


def _told(
    context: dg.AssetCheckExecutionContext, dataset: Dataset, asked: Asked, verdict: Verdict
) -> Iterator[dg.AssetCheckResult]:
    """Yield a source's result, and note what was seen; what could not be asked has neither."""
    if asked.newest is None or asked.age is None:
        return
    key, at = dg.AssetKey(dataset.key), dg.MetadataValue.timestamp(asked.newest)
    seen: dict[str, Any] = {"max_loaded_at": at, "age_seconds": int(asked.age.total_seconds())}
    context.op_execution_context.log_event(
        dg.AssetObservation(key, metadata={**seen, "dagster/last_updated_timestamp": at})
    )
    warned = asked.severity is Severity.WARNING
    yield dg.AssetCheckResult(
        passed=asked.status is Status.PASSED,
        check_name=FRESHNESS_CHECK,
        asset_key=key,
        severity=dg.AssetCheckSeverity.WARN if warned else dg.AssetCheckSeverity.ERROR,
        description=verdict.description,
        metadata=seen,
    )


def _raise_for(verdicts: Mapping[str, Verdict]) -> None:
    """Fail the step for a source that is too old, or could not be asked, which outranks it."""
    blocking = {address: verdict for address, verdict in verdicts.items() if verdict.blocks}
    if blocking:
        errored = any(v.status is Status.ERRORED for v in blocking.values())
        raise dg.Failure(
            description="\n".join(f"{a}: {v.sentence()}" for a, v in blocking.items()),
            metadata={EXIT_CODE: 2 if errored else 1},
            allow_retries=False,
        )
