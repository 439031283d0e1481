"""A code server that dies is replaced at once, and what it served is there again."""

import os
import signal
from pathlib import Path

import dagster as dg
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from tests.end_to_end.observed import until

from assetops.cli.code_servers import code_servers_replaced, replace_dead

CODE = "import dagster as dg\ndefs = dg.Definitions(jobs=[dg.GraphDefinition('nothing').to_job()])"


def test_a_code_server_that_dies_is_replaced(tmp_path: Path):
    file = tmp_path / "code.py"
    file.write_text(CODE)
    target = PythonFileTarget(str(file), None, str(tmp_path), "code")
    with (
        dg.instance_for_test(temp_dir=str(tmp_path)) as instance,
        WorkspaceProcessContext(instance, target) as workspace,
    ):
        assert replace_dead(workspace) == 0
        first = server_of(workspace)
        with code_servers_replaced(workspace):
            os.kill(first, signal.SIGKILL)
            until(lambda: server_of(workspace) not in (None, first))
        location = workspace.create_request_context().get_code_location("code")
        # It answers.
        assert location.client.ping("there?")["echo"] == "there?"


def server_of(workspace: WorkspaceProcessContext) -> int | None:
    """Return the process that serves the code now, once the workspace knows it."""
    location = workspace.create_request_context().get_code_location("code")
    servers = workspace._grpc_server_registry._active_entries.values()
    ports = {(server.process.port, server.process.socket): server.process.pid for server in servers}
    return ports.get((location.port, location.socket))
