"""What the daemon does beside its work, so that nothing grows without bound."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assetops.cli.retention import forget_runs
from assetops.resident import alive

_OFTEN_SECONDS = 60
# How many times as seldom old runs are looked for.
_SELDOM = 60
_GRACE_SECONDS = 5


@contextmanager
def keep_house(instance: dg.DagsterInstance, runs_days: int) -> Iterator[None]:
    """Tidy up every minute, and forget runs of so many days ago every hour, in a thread."""
    ended = threading.Event()
    words = (instance, runs_days, ended)
    thread = threading.Thread(target=_keep, args=words, name="housekeeping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=_GRACE_SECONDS)


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
            tidy(instance)
            if times % _SELDOM == 1:
                forgotten = forget_runs(instance, runs_days)
                if forgotten.runs or forgotten.logs:
                    log.info("Of runs that ended %s days ago: %s", runs_days, forgotten)
        except Exception:
            # The storage may be away for a while; the next time will do.
            log.exception("Nothing was tidied up this time.")
