"""What a failed run left undone, and a run of exactly that."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster._core.snap.execution_plan_snapshot import ExecutionPlanSnapshot, ExecutionStepSnap
from dagster._core.storage.tags import ASSET_RESUME_RETRY_TAG, PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG

from assetops.build import BUILD_JOB
from assetops.cli.days import FROM_TAG, TO_TAG
from assetops.cli.instance import open_instance
from assetops.cli.outcome import Outcome
from assetops.cli.progress import Progress
from assetops.cli.running import marked, run_job
from assetops.dbt.lines import PROCESS_TAG
from assetops.model import FULL_REFRESH, ONLY_PENDING
from assetops.opened import Platform

# The job that the UI runs when a person materialises assets there.
_JOBS = (BUILD_JOB, "__ASSET_JOB")
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_SEEN = {dg.DagsterEventType.STEP_OUTPUT, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
_RUNS_LOOKED_AT = 50
_NAMED = 8


@dataclass(frozen=True)
class Left:
    """What a run was to do and has not done."""

    run: dg.DagsterRun
    ended: datetime
    assets: frozenset[dg.AssetKey]
    checks: frozenset[dg.AssetCheckKey]

    def __str__(self) -> str:
        names = sorted(key.to_user_string() for key in self.assets)
        apart = [check for check in self.checks if check.asset_key not in self.assets]
        names += sorted(f"{c.name} on {c.asset_key.to_user_string()}" for c in apart)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        counts = f"{_count(len(self.assets), 'asset')} and {_count(len(self.checks), 'check')}"
        return (
            f"Of run {self.run.run_id[:8]}, which ended at {self.ended:%F %T} UTC, "
            f"{counts} are left: {', '.join(names[:_NAMED])}{more}."
        )


def run_retry(platform: Platform, definitions: dg.Definitions, progress: Progress) -> Outcome | str:
    """Run what the last build left undone; return a sentence instead if it left nothing."""
    with (
        platform.warehouse.hold("assetops build --retry", say=progress.say),
        open_instance(platform.settings) as instance,
    ):
        # A run whose process was killed has ended, and left something.
        marked(instance, {PROCESS_TAG: platform.settings.env.value})
        last = next(_builds(instance, platform.settings.env.value), None)
        if last is None:
            return "There is nothing to retry: nothing has been built here yet."
        if last.dagster_run.status is dg.DagsterRunStatus.SUCCESS:
            return (
                f"There is nothing to retry: the last build, run {last.dagster_run.run_id[:8]}, "
                f"succeeded at {_ended(last):%F %T} UTC."
            )
        left = _left(instance, last)
        if not (left.assets or left.checks):
            return f"There is nothing to retry: run {left.run.run_id[:8]} did all that it was to."
        progress.say(str(left))
        job = definitions.resolve_job_def(BUILD_JOB).get_subset(
            asset_selection=set(left.assets), asset_check_selection=set(left.checks)
        )
        return run_job(platform, progress, job, _tags(left.run))


def _builds(instance: dg.DagsterInstance, env: str) -> Iterator[dg.RunRecord]:
    """Yield the runs that built something in this environment and have ended, newest first."""
    ended = dg.RunsFilter(statuses=_ENDED)
    for record in instance.get_run_records(ended, limit=_RUNS_LOOKED_AT):
        run = record.dagster_run
        here = run.tags.get(PROCESS_TAG, env) == env
        # Who checks without building does not say that nothing is left to build.
        only_checks = run.asset_check_selection is not None and not run.asset_selection
        builds = not only_checks or PARENT_RUN_ID_TAG in run.tags
        if run.job_name in _JOBS and here and builds:
            yield record


def _left(instance: dg.DagsterInstance, record: dg.RunRecord) -> Left:
    """Return what a run left: what has not been built, and what did not pass its blocking checks.

    Dagster's own "from asset failure" counts by materialisations, and what had nothing new, such as
    a source without a batch, has none; outputs say that it was looked at.
    """
    run = record.dagster_run
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id or "")
    outputs, passed, failed = _seen(instance, run.run_id)
    assets: set[dg.AssetKey] = set()
    checks: set[dg.AssetCheckKey] = set()
    for key in _undone(plan, outputs, passed, failed):
        (assets if isinstance(key, dg.AssetKey) else checks).add(key)  # type: ignore[arg-type]
    planned = (key for step in _steps(plan) for key in step.entity_keys)
    # What is built again has to be checked again.
    checks |= {k for k in planned if isinstance(k, dg.AssetCheckKey) and k.asset_key in assets}
    return Left(run, _ended(record), frozenset(assets), frozenset(checks))


def _undone(
    plan: ExecutionPlanSnapshot,
    outputs: set[tuple[str, str]],
    passed: set[dg.AssetCheckKey],
    failed: set[dg.AssetKey],
) -> Iterator[dg.AssetKey | dg.AssetCheckKey]:
    for step in _steps(plan):
        undone = {
            output.entity_key
            for output in step.outputs
            if output.entity_key is not None
            and (
                output.entity_key not in passed
                if isinstance(output.entity_key, dg.AssetCheckKey)
                else (step.key, output.name) not in outputs or output.entity_key in failed
            )
        }
        # Some steps do all that they can do, or nothing.
        yield from undone | (step.required_entity_keys if undone else set())


def _seen(
    instance: dg.DagsterInstance, run_id: str
) -> tuple[set[tuple[str, str]], set[dg.AssetCheckKey], set[dg.AssetKey]]:
    """Return a run's outputs by step, the checks that passed, and the assets that were blocked."""
    outputs: set[tuple[str, str]] = set()
    checks: dict[dg.AssetCheckKey, bool] = {}
    blocked: dict[dg.AssetCheckKey, bool] = {}
    for entry in instance.all_logs(run_id, of_type=_SEEN):
        event = entry.dagster_event
        if event is None:
            continue
        if event.is_successful_output:
            handle = event.step_output_data.step_output_handle
            outputs.add((handle.step_key, handle.output_name))
        else:
            found = event.asset_check_evaluation_data
            warns = found.severity is dg.AssetCheckSeverity.WARN
            checks[found.asset_check_key] = found.passed or warns
            blocked[found.asset_check_key] = bool(found.blocking)
    passed = {key for key, passes in checks.items() if passes}
    failed = {k.asset_key for k, passes in checks.items() if not passes and blocked[k]}
    return outputs, passed, failed


def _steps(plan: ExecutionPlanSnapshot) -> Iterable[ExecutionStepSnap]:
    return (step for step in plan.steps if step.key in plan.step_keys_to_execute)


def _tags(run: dg.DagsterRun) -> dict[str, str]:
    """Return the tags of a run that goes on from another: its days, and that it does."""
    kept = (FROM_TAG, TO_TAG, ONLY_PENDING, FULL_REFRESH)
    days = {tag: run.tags[tag] for tag in kept if tag in run.tags}
    root = run.root_run_id or run.tags.get(ROOT_RUN_ID_TAG) or run.run_id
    # As Dagster marks its own re-execution from asset failure, which this is.
    told = {ASSET_RESUME_RETRY_TAG: "true", PARENT_RUN_ID_TAG: run.run_id, ROOT_RUN_ID_TAG: root}
    return {**days, **told}


def _ended(record: dg.RunRecord) -> datetime:
    return datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
