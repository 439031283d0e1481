"""A code server that dies is replaced at once, and what it served is there again."""

import os
import signal
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from tests.end_to_end.observed import until

from assetops.cli.code_servers import (
    PatientRetryDaemon,
    all_answer,
    code_servers_replaced,
    replace_dead,
)

CODE = "import dagster as dg\ndefs = dg.Definitions(jobs=[dg.GraphDefinition('nothing').to_job()])"

LOOKED = "EVENT_LOG_CONSUMER_CURSOR-PIPELINE_FAILURE"


@pytest.mark.filterwarnings("ignore:The 'warn' method")
def test_a_code_server_that_dies_is_replaced(tmp_path: Path):
    file = tmp_path / "code.py"
    file.write_text(CODE)
    target = PythonFileTarget(str(file), None, str(tmp_path), "code")
    with (
        dg.instance_for_test(temp_dir=str(tmp_path)) as instance,
        WorkspaceProcessContext(instance, target) as workspace,
    ):
        assert replace_dead(workspace) == 0
        assert all_answer(workspace)
        first = server_of(workspace)
        assert first
        os.kill(first, signal.SIGKILL)
        until(lambda: not all_answer(workspace))
        # A run that died meanwhile is not given up: nobody looks for it before there is another.
        cursors = instance.daemon_cursor_storage
        assert list(PatientRetryDaemon().run_iteration(workspace)) == []
        assert not cursors.get_cursor_values({LOOKED})
        with code_servers_replaced(workspace):
            until(lambda: server_of(workspace) not in (None, first))
        assert all_answer(workspace)
        list(PatientRetryDaemon().run_iteration(workspace))
        assert cursors.get_cursor_values({LOOKED})


def server_of(workspace: WorkspaceProcessContext) -> int | None:
    """Return the process that serves the code now, once the workspace knows it."""
    location = workspace.create_request_context().get_code_location("code")
    servers = workspace._grpc_server_registry._active_entries.values()
    ports = {(server.process.port, server.process.socket): server.process.pid for server in servers}
    return ports.get((location.port, location.socket))
