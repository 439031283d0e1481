"""The daemon under `assetops up`: Dagster's own, told of what is queued, lands and happens.

`python -m assetops.cli.daemon WORKSPACE` does what `dagster-daemon run -w WORKSPACE` does.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._cli.utils import get_instance_for_cli
from dagster._core.workspace.context import IWorkspaceProcessContext, WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.controller import (
    DagsterDaemonController,
    create_daemon_of_type,
    daemon_controller_from_instance,
)
from dagster._daemon.daemon import DaemonIterator, DagsterDaemon
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._utils.interrupts import capture_interrupts, setup_interrupt_handlers

from assetops.automate.prompt import PromptSensorDaemon
from assetops.cli.code_servers import PatientRetryDaemon, code_servers_replaced
from assetops.cli.housekeeping import keep_house
from assetops.cli.sole import sole_daemon
from assetops.errors import AssetOpsError
from assetops.resident.coordinator import PromptRunCoordinator, QueueWatch
from assetops.settings import load_settings
from assetops.zone import landing_zone

# A daemon that was killed may take a moment to be gone, and who looks after one is there for one.
_WAIT_SECONDS = 5


class PromptQueueDaemon(QueuedRunCoordinatorDaemon):
    """Launches what is in the queue, as Dagster's daemon does, as soon as somebody tells of it."""

    def __init__(self, instance: dg.DagsterInstance, longest: float) -> None:
        # Waiting is done here, so that it can be ended.
        super().__init__(interval_seconds=0)
        self._watch = self._exit_stack.enter_context(QueueWatch(instance))
        self._longest = longest

    def run_iteration(
        self,
        workspace_process_context: IWorkspaceProcessContext[Any],
        fixed_iteration_time: float | None = None,
    ) -> DaemonIterator:
        """Wait, and launch what may be launched."""
        self._watch.wait(self._longest)
        yield from super().run_iteration(workspace_process_context, fixed_iteration_time)


def daemons_of(instance: dg.DagsterInstance) -> Iterator[DagsterDaemon[Any]]:
    """Yield the daemons that an instance needs."""
    ours, queue = instance.run_coordinator, PromptQueueDaemon.daemon_type()
    for kind in instance.get_required_daemon_types():
        if kind == queue and isinstance(ours, PromptRunCoordinator):
            yield PromptQueueDaemon(instance, ours.dequeue_interval_seconds)
        elif kind == PromptSensorDaemon.daemon_type():
            landing = landing_zone(load_settings(Path.cwd())).folder
            yield PromptSensorDaemon(instance.get_sensor_settings(), landing)
        elif kind == PatientRetryDaemon.daemon_type():
            yield PatientRetryDaemon()
        else:
            yield create_daemon_of_type(kind, instance)


def main(workspace: str) -> None:
    """Run the daemons until interrupted, if no others run on their instance."""
    setup_interrupt_handlers()
    settings = load_settings(Path.cwd())
    with (
        contextlib.suppress(KeyboardInterrupt),
        capture_interrupts(),
        get_instance_for_cli() as instance,
        sole_daemon(instance, _replaced, home=settings.home, wait=_WAIT_SECONDS),
        keep_house(instance, settings.runs_days),
        daemon_controller_from_instance(
            instance,
            workspace_load_target=WorkspaceFileTarget([workspace]),
            gen_daemons=daemons_of,
            code_server_log_level="warning",
        ) as controller,
        code_servers_replaced(_workspace_of(controller)),
    ):
        controller.check_daemon_loop()


def _workspace_of(controller: DagsterDaemonController) -> WorkspaceProcessContext:
    workspace = controller._workspace_process_context
    assert isinstance(workspace, WorkspaceProcessContext)  # made of a workspace's file
    return workspace


def _replaced(holder: str) -> None:
    """End, as another daemon has come while the server was away."""
    print(f"The daemon ends: {holder} has taken over.", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except AssetOpsError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(error.exit_code)
