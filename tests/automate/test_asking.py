"""What the sensor asks for becomes runs: by Dagster's own daemon code, with its storage."""

import logging
import shutil
import sys
from pathlib import Path

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration
from tests.automate import simulated
from tests.automate.conftest import instance_at

from assetops.automate.asking import CODE_TAG, SENSOR

A = dg.AssetKey("a")


def test_the_daemon_makes_one_run_of_it_and_keeps_why(empty_instance: Path, tmp_path: Path) -> None:
    shutil.copytree(empty_instance, tmp_path / "dagster")
    module = LoadableTargetOrigin(
        executable_path=sys.executable, module_name=simulated.__name__, attribute="definitions"
    )
    target = InProcessWorkspaceLoadTarget(
        [InProcessCodeLocationOrigin(module, location_name="simulated")]
    )
    with (
        instance_at(tmp_path / "dagster") as instance,
        WorkspaceProcessContext(instance, target) as workspace,
    ):
        for _ in range(2):
            list(execute_sensor_iteration(workspace, logging.getLogger("asking"), None, None))
        # Whatever else is there has a parent that was never made.
        (run,) = instance.get_runs()
        assert run.asset_selection == {A}
        assert run.status is dg.DagsterRunStatus.QUEUED
        assert run.tags["dagster/sensor_name"] == SENSOR
        assert CODE_TAG in run.tags
        storage = instance.schedule_storage
        assert storage is not None
        (told,) = storage.get_auto_materialize_asset_evaluations(A, limit=10)
        evaluation = told.get_evaluation_with_run_ids()
        assert evaluation.run_ids == {run.run_id}
        assert evaluation.evaluation.metadata == {
            "why": dg.MetadataValue.text("it has never been made")
        }
