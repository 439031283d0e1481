"""Whoever asks for a run is heard by the daemon at once, and each run is launched once."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._serdes import ConfigurableClass

from assetops.cli.daemon import PromptQueueDaemon, daemons_of
from assetops.cli.event_log import SqliteStorage
from assetops.resident.coordinator import PromptRunCoordinator, QueueWatch, tell_queue

ASKERS, RUNS, LIMIT = 4, 3, 2
# Longer than a test may take: who has to wait for it has not been told.
NEVER = 3600

launched: Queue[str] = Queue()
in_progress: list[int] = []


class Noted(RunLauncher, ConfigurableClass):
    """Launches nothing, and notes what was to be launched."""

    inst_data = None

    @classmethod
    def config_type(cls) -> dict[str, object]:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: object, config_value: object) -> "Noted":
        return cls()

    def launch_run(self, context: LaunchRunContext) -> None:
        running = dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES)
        in_progress.append(self._instance.get_runs_count(running))
        launched.put(context.dagster_run.run_id)

    def terminate(self, run_id: str) -> bool:
        return False


@dg.job
def nothing() -> None:
    """Nothing."""


def submitted(instance: dg.DagsterInstance, **tags: str) -> dg.DagsterRun:
    somewhere = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("somewhere"), "some")
    origin = RemoteJobOrigin(somewhere, nothing.name)
    run = instance.create_run_for_job(
        nothing,
        remote_job_origin=origin,
        tags={f"dagster/{name}": value for name, value in tags.items()},
    )
    return instance.run_coordinator.submit_run(SubmitRunContext(run, None))


@pytest.fixture
def ref(tmp_path: Path) -> InstanceRef:
    storage = {"module": SqliteStorage.__module__, "class": SqliteStorage.__name__}
    storage |= {"config": {"base_dir": str(tmp_path / "log")}}  # type: ignore[dict-item]
    coordinator = {"module": PromptRunCoordinator.__module__, "class": "PromptRunCoordinator"}
    coordinator |= {"config": {"dequeue_interval_seconds": NEVER}}  # type: ignore[dict-item]
    overrides = {
        "storage": {"custom": storage},
        "run_coordinator": coordinator,
        "run_launcher": {"module": __name__, "class": Noted.__name__},
        "concurrency": {"runs": {"max_concurrent_runs": LIMIT}},
    }
    return InstanceRef.from_dir(str(tmp_path), overrides=overrides)


@pytest.fixture
def daemon(ref: InstanceRef) -> Iterator[dg.DagsterInstance]:
    """The instance of a daemon that looks at the queue when it is told to."""
    stop = threading.Event()
    with dg.DagsterInstance.from_ref(ref) as instance:
        (queue,) = (d for d in daemons_of(instance) if isinstance(d, PromptQueueDaemon))
        context = WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget([]))

        def work() -> None:
            with queue, context:
                for _ in queue.core_loop(context, stop):
                    if stop.is_set():
                        return

        thread = threading.Thread(target=work)
        thread.start()
        yield instance
        stop.set()
        tell_queue(instance)
        thread.join(timeout=60)
        assert not thread.is_alive()


def test_each_run_that_many_ask_for_at_once_is_launched_once(daemon, ref):
    begin, asked = threading.Barrier(ASKERS), []

    def ask() -> None:
        with dg.DagsterInstance.from_ref(ref) as instance:
            begin.wait()
            for _ in range(RUNS):
                asked.append(submitted(instance).run_id)

    askers = [threading.Thread(target=ask) for _ in range(ASKERS)]
    for asker in askers:
        asker.start()
    seen = []
    for _ in range(ASKERS * RUNS):
        seen.append(launched.get(timeout=60))
        daemon.report_run_failed(daemon.get_run_by_id(seen[-1]))
        # As a run does that ends.
        tell_queue(daemon)
    for asker in askers:
        asker.join()
    assert Counter(seen) == Counter(asked)
    assert launched.empty()
    assert max(in_progress) <= LIMIT


def test_a_backfill_goes_behind_all_others_unless_somebody_says_where(ref):
    with dg.DagsterInstance.from_ref(ref) as instance:
        asked = [{}, {"backfill": "abc"}, {"backfill": "abc", "priority": "3"}]
        runs = [submitted(instance, **tags).run_id for tags in asked]
        queued = [instance.get_run_by_id(run) for run in runs]
    assert {run.status for run in queued} == {dg.DagsterRunStatus.QUEUED}
    assert [run.tags.get("dagster/priority") for run in queued] == [None, "-10", "3"]


def test_what_is_told_while_the_queue_is_looked_at_is_not_lost(ref):
    with dg.DagsterInstance.from_ref(ref) as instance, QueueWatch(instance) as watch:
        tell_queue(instance)
        tell_queue(instance)
        assert watch.wait(NEVER)
        assert not watch.wait(0)
        tell_queue(instance)
        assert watch.wait(NEVER)


def test_where_nobody_waits_a_run_stays_in_the_queue(ref):
    with dg.DagsterInstance.from_ref(ref) as instance:
        with QueueWatch(instance):
            pass
        for _ in range(2):
            assert submitted(instance).status is dg.DagsterRunStatus.QUEUED


def test_without_a_pipe_the_daemon_looks_when_time_has_passed(ref):
    with dg.DagsterInstance.from_ref(ref) as instance:
        Path(instance.root_directory, "run_queue.pipe").write_text("no pipe")
        tell_queue(instance)
        with QueueWatch(instance) as watch:
            begin = time.monotonic()
            watch.pipe = None
            assert not watch.wait(0.01)
            assert time.monotonic() - begin >= 0.01
