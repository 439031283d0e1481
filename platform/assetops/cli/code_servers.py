"""Code servers of the daemon and the UI that die are replaced, and nothing is lost meanwhile.

Dagster replaces those of its daemon every minute; until then every tick meets one that is gone.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation
from dagster._core.remote_representation.grpc_server_registry import (
    GrpcServerRegistry,
    ServerRegistryEntry,
)
from dagster._core.workspace.context import IWorkspaceProcessContext, WorkspaceProcessContext
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
from dagster._daemon.daemon import DaemonIterator

_LOOK_SECONDS = 0.5
_GRACE_SECONDS = 5


class PatientRetryDaemon(EventLogConsumerDaemon):
    """Tries runs again that died, as Dagster's daemon does, once all code servers answer.

    Dagster's looks once: where it meets a code server that is gone, it tries the run never again.
    """

    def run_iteration(
        self, workspace_process_context: IWorkspaceProcessContext[Any]
    ) -> DaemonIterator:
        """Look for runs that died, and start others in their place."""
        if all_answer(workspace_process_context):
            yield from super().run_iteration(workspace_process_context)


def all_answer(workspace: IWorkspaceProcessContext[Any]) -> bool:
    """Say whether the code servers of all code locations answer."""
    entries = workspace.create_request_context().get_code_location_entries().values()
    return all(_answers(entry.code_location) for entry in entries)


def _answers(location: object) -> bool:
    if not isinstance(location, GrpcServerCodeLocation):
        # It could not be loaded, or is in this process.
        return location is not None
    try:
        location.client.ping("")
    except DagsterUserCodeUnreachableError:
        return False
    return True


@contextmanager
def code_servers_replaced(workspace: WorkspaceProcessContext) -> Iterator[None]:
    """Look after the code servers of a workspace, in a thread."""
    ended = threading.Event()
    words = (workspace, ended)
    thread = threading.Thread(target=_keep, args=words, name="code-servers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=_GRACE_SECONDS)


def replace_dead(workspace: WorkspaceProcessContext) -> int:
    """Start a code server in place of each that has died, and return how many there were."""
    dead = _forget_dead(workspace._grpc_server_registry)
    if dead:
        logging.getLogger("dagster.code_servers").warning(
            "The code server has died (%s); another is started.", ", ".join(dead)
        )
        # Dagster starts those that its registry does not know.
        workspace.refresh_workspace()
    return len(dead)


def _forget_dead(registry: GrpcServerRegistry) -> list[str]:
    """Take code servers that have died out of Dagster's registry, and say how each of them did."""
    dead = []
    with registry._lock:
        for origin, entry in list(registry._active_entries.items()):
            if isinstance(entry, ServerRegistryEntry):
                code = entry.process.server_process.poll()
                if code is not None:
                    del registry._active_entries[origin]
                    dead.append(f"signal {-code}" if code < 0 else f"exit code {code}")
    return dead


def _keep(workspace: WorkspaceProcessContext, ended: threading.Event) -> None:
    while not ended.wait(_LOOK_SECONDS):
        try:
            replace_dead(workspace)
        except Exception:
            # Dagster's own minute is the safety net.
            logging.getLogger("dagster.code_servers").exception("No other was started.")
