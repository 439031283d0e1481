"""The UI under `assetops up`: Dagster's own, whose code server is replaced when it dies.

`python -m assetops.cli.ui ARGUMENT…` does what `dagster-webserver ARGUMENT…` does. Dagster's would
show a code location that cannot be reached until somebody presses Reload.
"""

from typing import Any

import dagster_webserver.cli as webserver
from dagster._core.workspace.context import WorkspaceProcessContext

from assetops.cli.code_servers import code_servers_replaced

_host = webserver.host_dagster_ui_with_workspace_process_context


def host(workspace_process_context: Any, *words: Any, **named: Any) -> None:
    """Serve the UI of a workspace, and look after its code servers."""
    assert isinstance(workspace_process_context, WorkspaceProcessContext)
    with code_servers_replaced(workspace_process_context):
        _host(workspace_process_context, *words, **named)


def main() -> None:
    """Do what Dagster's command does, with `host` in place of its own."""
    webserver.host_dagster_ui_with_workspace_process_context = host
    webserver.main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
