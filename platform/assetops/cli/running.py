"""One run in this process, recorded in the Dagster instance like any other."""

import gc
import importlib
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import dagster as dg
import yaml

from assetops.build import BUILD_JOB
from assetops.cli.days import newest_pending, partition_tags
from assetops.cli.instance import open_instance
from assetops.cli.outcome import Outcome
from assetops.cli.progress import Progress
from assetops.dbt.freshness import FRESHNESS_JOB
from assetops.dbt.lines import PROCESS_TAG
from assetops.errors import AssetOpsError, ConfigError, did_you_mean
from assetops.history import History
from assetops.model import FULL_REFRESH, ONLY_PENDING
from assetops.opened import Platform
from assetops.quality.deep import DEEP_JOB
from assetops.warehouse import WarehouseLock
from assetops.warehouse.duckdb import row_counts

# As PROCESS_TAG, for deep checks, which run beside others.
DEEP_TAG = "assetops/deep_checks_in"


UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def load_definitions(root: Path) -> dg.Definitions:
    """Return the definitions of the code location that workspace.yaml names."""
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    # A source without a new batch has nothing to check; Dagster would warn about each check.
    logging.getLogger("dagster._core.execution.plan.active").setLevel(logging.ERROR)
    try:
        workspace = yaml.safe_load((root / "workspace.yaml").read_text())
        module = workspace["load_from"][0]["python_module"]
        name, attribute = module["module_name"], module.get("attribute", "defs")
    except (OSError, yaml.YAMLError, KeyError, IndexError, TypeError) as error:
        raise ConfigError(
            f"{root / 'workspace.yaml'} names no code location: {error!r}. "
            "Expected load_from: [python_module: {module_name: …, working_directory: …}]."
        ) from None
    folder = str(root / module.get("working_directory", "."))
    if folder not in sys.path:
        sys.path.insert(0, folder)
    definitions: dg.Definitions = getattr(importlib.import_module(name), attribute)
    return definitions


def run_build(
    platform: Platform,
    definitions: dg.Definitions,
    progress: Progress,
    *,
    select: str | None = None,
    partition: str | None = None,
    full_refresh: bool = False,
) -> Outcome:
    """Run the build job on the selected assets and partitions."""
    job = definitions.resolve_job_def(BUILD_JOB)
    keys = selected(definitions, select) if select else None
    tags = partition_tags(platform, partition) | ({FULL_REFRESH: "true"} if full_refresh else {})
    outcome = run_job(platform, progress, job, tags, asset_selection=keys)
    if keys is None:
        outcome.left_over = [str(relation) for relation in platform.left_over()]
    return outcome


def run_checks(
    platform: Platform,
    definitions: dg.Definitions,
    progress: Progress,
    addresses: Sequence[str],
) -> Outcome:
    """Run all checks of the assets, without building them."""
    job = definitions.resolve_job_def(BUILD_JOB)
    wanted = {dg.AssetKey(platform.project.dataset(address).key) for address in addresses}
    checks = {k for k in job.asset_layer.asset_graph.asset_check_keys if k.asset_key in wanted}
    if not checks:
        raise ConfigError(
            f"{', '.join(addresses)} has no checks. Add dbt tests beside the model, or a suite at "
            f"gx/expectations/{addresses[0]}.json."
        )
    subset = job.get_subset(asset_selection=set(), asset_check_selection=checks)
    outcome = run_job(platform, progress, subset, partition_tags(platform, None))
    _add_row_counts(platform, progress)
    outcome.checks_only = True
    return outcome


def _checks_of(
    platform: Platform, definitions: dg.Definitions, job: str, addresses: Sequence[str]
) -> dg.JobDefinition | None:
    """Return the part of a job that checks these assets; None if there is none."""
    wanted = {dg.AssetKey(platform.project.dataset(address).key) for address in addresses}
    if job not in {known.name for known in definitions.jobs or ()}:
        return None
    whole = definitions.resolve_job_def(job)
    keys = whole.asset_layer.asset_graph.asset_check_keys
    checks = {key for key in keys if key.asset_key in wanted}
    if not checks:
        return None
    return whole.get_subset(asset_selection=set(), asset_check_selection=checks)


def run_freshness_checks(
    platform: Platform,
    definitions: dg.Definitions,
    progress: Progress,
    addresses: Sequence[str],
) -> Outcome:
    """Ask how old the newest rows of the sources are."""
    subset = _checks_of(platform, definitions, FRESHNESS_JOB, addresses)
    if subset is None:
        raise ConfigError(
            f"{', '.join(addresses)} promises no freshness. Write `freshness: {{warn_after: …}}` "
            "and `loaded_at_field: …` at a source in its yml."
        )
    outcome = run_job(platform, progress, subset, {})
    outcome.checks_only = True
    return outcome


def run_deep_checks(
    platform: Platform,
    definitions: dg.Definitions,
    progress: Progress,
    addresses: Sequence[str],
) -> Outcome:
    """Run the deep checks of the assets, while others may build."""
    subset = _checks_of(platform, definitions, DEEP_JOB, addresses)
    if subset is None:
        raise ConfigError(
            f'{", ".join(addresses)} has no deep checks. Write "meta": {{"depth": "deep"}} '
            f"at an expectation in gx/expectations/{addresses[0]}.json."
        )
    run_id = str(uuid4())
    lock = WarehouseLock(
        platform.settings.home / "deep_checks.lock", wait=platform.settings.warehouse_wait
    )
    # Not the warehouse's lock: only for as long as one table is copied is that one needed.
    with lock.held(f"run {run_id}", say=progress.say), open_instance(platform.settings) as instance:
        tags = {DEEP_TAG: platform.settings.env.value}
        result = _executed(instance, progress, subset, run_id, marked(instance, tags))
    _add_errored(platform, progress, run_id)
    checked = list(progress.assets.values())
    return Outcome(run_id, result.success, checked, progress.failures, "", checks_only=True)


def run_job(
    platform: Platform,
    progress: Progress,
    job: dg.JobDefinition,
    tags: dict[str, str],
    asset_selection: Sequence[dg.AssetKey] | None = None,
) -> Outcome:
    """Run a job, or a part of one, while no other run has the warehouse."""
    run_id = str(uuid4())
    with (
        # First, so that of two first runs at once only one makes the instance's files.
        platform.warehouse.hold(f"run {run_id}", say=progress.say),
        open_instance(platform.settings) as instance,
    ):
        tags = {**marked(instance, {PROCESS_TAG: platform.settings.env.value}), **tags}
        if ONLY_PENDING in tags:
            # Only now: whoever had the warehouse until now may have brought in what was pending.
            tags |= newest_pending(platform)
        result = _executed(instance, progress, job, run_id, tags, asset_selection)
    _add_errored(platform, progress, run_id)
    return Outcome(
        run_id=run_id,
        success=result.success,
        assets=list(progress.assets.values()),
        failures=progress.failures,
        publication=_publication(platform, run_id),
    )


def _executed(
    instance: dg.DagsterInstance,
    progress: Progress,
    job: dg.JobDefinition,
    run_id: str,
    tags: dict[str, str],
    asset_selection: Sequence[dg.AssetKey] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run a job in this process, and show it while it runs."""
    instance.add_event_listener(run_id, progress)
    with progress.shown():
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            tags=tags,
            # Events are shown as they come; Dagster's own log of them is in the UI.
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            asset_selection=asset_selection,
            raise_on_error=False,
        )
    if not result.success:
        # What was interrupted may be in a circle with its error, and would go on holding the lock.
        gc.collect()
    return result


def marked(instance: dg.DagsterInstance, tags: dict[str, str]) -> dict[str, str]:
    """Return the tags of a run that ends with its process, and end those whose process was killed.

    They would stay STARTED for ever. Whoever holds the lock is the only run there is with its tag.
    """
    dead = dg.RunsFilter(tags=tags, statuses=UNFINISHED)
    for run in instance.get_runs(dead):
        instance.report_run_failed(run, "The process of this run was killed.")
    # Dagster's daemon would try such a run again; the next build mends what it left.
    return {**tags, "dagster/max_retries": "0"}


def selected(definitions: dg.Definitions, select: str) -> list[dg.AssetKey]:
    """Return the assets that --select names, or raise an error that names the nearest."""
    graph = definitions.resolve_asset_graph()
    core = select.strip("+")
    plain = not any(mark in core for mark in ":\"' ()*")
    quoted = select.replace(core, f'key:"{core}"') if plain and "/" in core else select
    try:
        selection = dg.AssetSelection.from_string(quoted)
        # A release is one op: whoever asks for one published dataset asks for that op.
        keys = selection.required_multi_asset_neighbors().resolve(graph)
    except Exception as error:
        if not plain:
            raise AssetOpsError(f"--select {select}: {error}") from None
        keys = set()
    if not keys:
        known = [key.to_user_string() for key in graph.get_all_asset_keys()]
        raise AssetOpsError(f"--select {select} selects no asset.{did_you_mean(core, known)}")
    return sorted(keys)


def _add_row_counts(platform: Platform, progress: Progress) -> None:
    """Say how many rows the checked tables have, which no event of a check tells."""
    known = platform.project.by_address
    checked = {a: known[a].relation for a in progress.assets if a in known}
    with platform.warehouse.connect() as connection:
        counts = row_counts(connection, checked.values())
    for address, relation in checked.items():
        progress.row(address).rows = counts.get(str(relation))


def _add_errored(platform: Platform, progress: Progress, run_id: str) -> None:
    """Tell of checks that could not run: they have no result, so that no event speaks of them."""
    for address, verdict in History(platform.ledger).errored_in(run_id):
        row = progress.row(address)
        row.errored += 1
        if not verdict.blocks:
            row.warnings.append(f"{address}: {verdict.sentence()}")


def _publication(platform: Platform, run_id: str) -> str:
    """Say what the run did to what consumers see."""
    if not platform.project.published():
        return "Built and checked; nothing is to be published (publish: true in a contract)"
    for event in platform.ledger.publications(limit=5):
        if event["run_id"] == run_id:
            release = event["release"]
            return {
                "published": f"Release {release} is published",
                "confirmed": f"Nothing changed: release {release} is confirmed",
                "held": f"Verified, and held back: release {release} is pinned "
                "(assetops rollback --unpin lifts it)",
            }.get(event["event"], f"Release {release} {event['event']}")
    return "Built and checked, not published (a whole build does, or --select published/…),"
