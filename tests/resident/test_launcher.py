"""Dagster's runs are forked from a template, and end, are ended and are missed as any others."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from dagster._core.utils import make_new_run_id

from assetops.cli.housekeeping import end_lost_starts
from assetops.resident.client import ask
from assetops.resident.launcher import FORKED_TAG, TemplateRunLauncher

LOCATION = """
import time
from pathlib import Path
import dagster as dg

@dg.op
def work(context):
    context.log.info(str(Path.cwd()))

@dg.op
def talk(context):
    while True:
        context.log.info("still here")
        time.sleep(0.05)

@dg.job(executor_def=dg.in_process_executor)
def quick():
    work()

@dg.job(executor_def=dg.in_process_executor)
def endless():
    talk()
"""
END = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)

Launch = Callable[..., dg.DagsterRun]


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    folder = tmp_path_factory.mktemp("instance")
    launcher = {"module": TemplateRunLauncher.__module__, "class": TemplateRunLauncher.__name__}
    ref = InstanceRef.from_dir(str(folder), overrides={"run_launcher": launcher})
    with dg.DagsterInstance.from_ref(ref) as instance:
        yield instance


@pytest.fixture
def launched(
    instance: dg.DagsterInstance,
    tmp_path: Path,
    template: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Launch:
    """Launch a run of a job, and return it as it is once it has come so far."""
    (tmp_path / "a_location.py").write_text(LOCATION)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSETOPS_TEMPLATE", str(template))

    def launch(job: str, *statuses: dg.DagsterRunStatus, **tags: str) -> dg.DagsterRun:
        found = ReconstructableJob.for_file(str(tmp_path / "a_location.py"), job)
        run = instance.create_run_for_job(
            found.get_definition(), job_code_origin=found.get_python_origin(), tags=tags
        )
        instance.run_launcher.launch_run(LaunchRunContext(run, None))
        return reached(instance, run, *statuses)

    return launch


def reached(
    instance: dg.DagsterInstance, run: dg.DagsterRun, *statuses: dg.DagsterRunStatus
) -> dg.DagsterRun:
    deadline = time.monotonic() + 60
    while (now := instance.get_run_by_id(run.run_id)) is None or now.status not in statuses:
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    return now


def health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> WorkerStatus:
    return instance.run_launcher.check_run_worker_health(run).status


def said(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """Return what the run's log says."""
    entries = instance.all_logs(run.run_id)
    return "\n".join(
        (entry.dagster_event and entry.dagster_event.message) or entry.user_message
        for entry in entries
    )


def test_a_run_is_forked_and_works_where_it_was_launched(instance, launched, tmp_path):
    run = launched("quick", *END)
    assert run.status is dg.DagsterRunStatus.SUCCESS, said(instance, run)
    _, _, pid = run.tags[FORKED_TAG].split()
    assert f"Started process for run (pid: {pid})." in said(instance, run)
    assert str(tmp_path) in said(instance, run)


def test_whoever_watches_a_run_is_told_while_it_runs(instance, launched):
    run = launched("endless", dg.DagsterRunStatus.STARTED)
    heard, there = threading.Event(), 0

    def hear(entry: dg.EventLogEntry, _: str) -> None:
        nonlocal there
        if entry.user_message == "still here" and not heard.is_set():
            there = len(instance.all_logs(run.run_id))
            heard.set()

    instance.watch_event_logs(run.run_id, None, hear)
    try:
        assert heard.wait(timeout=60)
        # SQLite itself changes the file, which is what is watched, after many more.
        assert there < 100
    finally:
        instance.run_launcher.terminate(run.run_id)
    reached(instance, run, *END)


def test_a_run_whose_process_is_killed_has_failed_at_once(instance, launched, template):
    run = launched("endless", dg.DagsterRunStatus.STARTED)
    assert health(instance, run) is WorkerStatus.RUNNING
    os.kill(ask(template, run.run_id), signal.SIGKILL)
    run = reached(instance, run, *END)
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert "was terminated by signal 9 (SIGKILL)" in said(instance, run)
    assert health(instance, run) is WorkerStatus.FAILED
    assert not instance.run_launcher.terminate(run.run_id)


def test_a_run_whose_process_dies_before_its_first_event_is_ended(instance, launched):
    run = launched("quick", *END)
    # As the daemon leaves it that launched it and is killed with it.
    lost = instance.add_run(
        run._replace(
            run_id=(lost_id := make_new_run_id()),
            status=dg.DagsterRunStatus.STARTING,
            tags={FORKED_TAG: f"{lost_id} pid 1"},
        )
    )
    unknown = instance.add_run(
        run._replace(run_id=make_new_run_id(), status=dg.DagsterRunStatus.STARTING, tags={})
    )
    end_lost_starts(instance)
    assert instance.get_run_by_id(lost.run_id).status is dg.DagsterRunStatus.FAILURE
    assert "is gone" in said(instance, lost)
    assert instance.get_run_by_id(unknown.run_id).status is dg.DagsterRunStatus.STARTING
    instance.delete_run(unknown.run_id)


def test_a_run_is_interrupted(instance, launched, template):
    run = launched("endless", dg.DagsterRunStatus.STARTED)
    assert instance.run_launcher.terminate(run.run_id)
    assert reached(instance, run, *END).status is dg.DagsterRunStatus.CANCELED


def test_a_retry_that_was_not_forked_is_not_taken_for_its_parent(instance, launched, monkeypatch):
    parent = launched("quick", *END)
    monkeypatch.delenv("ASSETOPS_TEMPLATE")
    retry = instance.add_run(parent._replace(run_id=make_new_run_id()))
    assert retry.tags[FORKED_TAG] == parent.tags[FORKED_TAG]
    assert health(instance, retry) is WorkerStatus.RUNNING
    assert health(instance, parent) is WorkerStatus.FAILED


@pytest.mark.parametrize("socket", ["", "gone"])
def test_where_no_template_listens_the_default_launcher_is_asked(launched, monkeypatch, socket):
    monkeypatch.setenv("ASSETOPS_TEMPLATE", socket)
    with pytest.raises(dg.DagsterInvariantViolationError, match="DefaultRunLauncher requires"):
        launched("quick")
