"""What the daemon does beside its work, so that nothing grows without bound or waits for nobody."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.launcher import WorkerStatus

from assetops.cli.retention import forget_runs
from assetops.resident import alive
from assetops.resident.launcher import TemplateRunLauncher

_OFTEN_SECONDS = 10
# How many times as seldom locks are tidied up, and old runs looked for.
_SELDOM, _HOURLY = 6, 360
_GRACE_SECONDS = 5


@contextmanager
def keep_house(instance: dg.DagsterInstance, runs_days: int) -> Iterator[None]:
    """Look after what runs leave behind, in a thread; they are forgotten after so many days."""
    ended = threading.Event()
    words = (instance, runs_days, ended)
    thread = threading.Thread(target=_keep, args=words, name="housekeeping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=_GRACE_SECONDS)


def end_lost_starts(instance: dg.DagsterInstance) -> None:
    """End runs whose process died before its first event.

    Dagster's run monitoring ends those that have started; of these it waits for a timeout.
    """
    launcher, status = instance.run_launcher, dg.DagsterRunStatus.STARTING
    if not isinstance(launcher, TemplateRunLauncher):
        return
    for run in instance.get_runs(dg.RunsFilter(statuses=[status])):
        health = launcher.check_run_worker_health(run)
        if health.status is WorkerStatus.FAILED:
            now = instance.get_run_by_id(run.run_id)
            # It may have begun, or ended, since.
            if now is not None and now.status is status:
                instance.report_run_failed(now, health.msg)


def tidy(instance: dg.DagsterInstance) -> None:
    """Remove the locks of runs that have ended."""
    for run_id in alive.known(instance.root_directory):
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            alive.forget(instance.root_directory, run_id)


def _keep(instance: dg.DagsterInstance, runs_days: int, ended: threading.Event) -> None:
    log = logging.getLogger("dagster.daemon.housekeeping")
    times = 0
    while not ended.wait(_OFTEN_SECONDS):
        times += 1
        try:
            end_lost_starts(instance)
            if times % _SELDOM == 1:
                tidy(instance)
            if times % _HOURLY == 1:
                forgotten = forget_runs(instance, runs_days)
                if forgotten.runs or forgotten.logs:
                    log.info("Of runs that ended %s days ago: %s", runs_days, forgotten)
        except Exception:
            # The storage may be away for a while; the next time will do.
            log.exception("Nothing was tidied up this time.")
