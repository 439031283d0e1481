"""Code servers of the daemon that die are replaced at once.

Dagster replaces those of its daemon every minute; until then every tick meets one that is gone.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dagster._core.remote_representation.grpc_server_registry import (
    GrpcServerRegistry,
    ServerRegistryEntry,
)
from dagster._core.workspace.context import WorkspaceProcessContext

_LOOK_SECONDS = 0.5
_GRACE_SECONDS = 5


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
        logging.getLogger("dagster.daemon.code_servers").warning(
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
            logging.getLogger("dagster.daemon.code_servers").exception("No other was started.")
