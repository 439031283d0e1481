"""A run whose process is gone is ended, whoever executed it, and one that lives never is."""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.launcher import WorkerStatus
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.monitoring import execute_run_monitoring_iteration
from tests.processes import Process

from assetops.cli.event_log import SqliteStorage
from assetops.resident import alive
from assetops.resident.launcher import TemplateRunLauncher

# It waits in the middle of a run, and again at the end of it.
WORKER = """
import sys
import dagster as dg

@dg.asset
def slow():
    print("working", flush=True)
    sys.stdin.readline()

with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    dg.materialize([slow], instance=instance)
    print("ended", flush=True)
    sys.stdin.readline()
"""
Start = Callable[[], tuple[Process, dg.DagsterRun]]


@dg.asset
def other() -> None:
    """Nothing."""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """One whose event log is ours, as in a root."""
    storage = {
        "module": SqliteStorage.__module__,
        "class": SqliteStorage.__name__,
        "config": {"base_dir": str(tmp_path / "log")},
    }
    launcher = {"module": TemplateRunLauncher.__module__, "class": TemplateRunLauncher.__name__}
    config = {
        "storage": {"custom": storage},
        "run_launcher": launcher,
        "run_monitoring": {"enabled": True},
        "telemetry": {"enabled": False},
    }
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def started(instance: dg.DagsterInstance, template: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a process that executes a run, and return both once it is in the middle."""
    processes = []

    def start() -> tuple[Process, dg.DagsterRun]:
        words = ("-c", WORKER, str(tmp_path))
        process = Process(template, *words, folder=tmp_path, environment=dict(os.environ))
        processes.append(process)
        assert process.stdout.readline() == "working\n"
        return process, instance.get_runs(limit=1)[0]

    yield start
    for process in processes:
        if process.returncode is None:
            process.communicate(timeout=60)


def monitored(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRun:
    """Return a run as it is after Dagster's run monitoring has looked at all of them."""
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as workspace:
        logger = logging.getLogger("monitoring")
        assert [e for e in execute_run_monitoring_iteration(workspace, logger) if e] == []
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> WorkerStatus:
    return instance.run_launcher.check_run_worker_health(run).status


def test_a_run_whose_process_was_killed_is_ended_and_another_that_lives_goes_on(
    instance: dg.DagsterInstance, started: Start
) -> None:
    killed, run = started()
    _, living = started()
    assert monitored(instance, run).status is dg.DagsterRunStatus.STARTED
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(timeout=60)
    assert monitored(instance, run).status is dg.DagsterRunStatus.FAILURE
    messages = [entry.dagster_event.message or "" for entry in instance.all_logs(run.run_id)]
    assert "The process that executed it is gone" in messages[-1]
    assert monitored(instance, living).status is dg.DagsterRunStatus.STARTED


def test_a_run_is_alive_until_its_last_event_has_been_taken_over(
    instance: dg.DagsterInstance, started: Start
) -> None:
    process, run = started()
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ended\n"
    assert health(instance, run) is WorkerStatus.RUNNING
    process.communicate(timeout=60)
    assert health(instance, run) is WorkerStatus.FAILED
    assert monitored(instance, run).status is dg.DagsterRunStatus.SUCCESS


def test_a_run_that_somebody_else_executes_is_left_alone(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(
        dg.define_asset_job("there").resolve(
            asset_graph=dg.Definitions([other]).resolve_asset_graph()
        )
    )
    assert alive.lives(instance.root_directory, run.run_id) is None
    assert health(instance, run) is WorkerStatus.RUNNING


def test_a_process_keeps_the_locks_of_the_runs_it_executes_and_no_more(
    instance: dg.DagsterInstance,
) -> None:
    runs = [dg.materialize([other], instance=instance).run_id for _ in range(3)]
    root = instance.root_directory
    assert [alive.lives(root, run) for run in runs] == [False, False, True]
    assert set(alive.known(root)) == set(runs)
    alive.forget(root, runs[0])
    assert alive.lives(root, runs[0]) is None
