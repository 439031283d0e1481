"""Dagster's runs, forked from a template while one listens, and started as ever while none does."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.launcher import (
    CheckRunHealthResult,
    DefaultRunLauncher,
    LaunchRunContext,
    WorkerStatus,
)
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClassData, serialize_value
from dagster._utils import get_run_crash_explanation

from assetops.resident import alive
from assetops.resident.client import Forked, NoTemplate, ask
from assetops.resident.coordinator import tell_queue
from assetops.settings import own_environment, template_socket

# On a run whose process was forked: which run, since a retry takes its parent's tags, and its pid.
FORKED_TAG = "assetops/forked_as"
# What a forked process runs. It is of the command line's world, where runs keep their log open.
_WORKER = "assetops.cli.run_worker"


class TemplateRunLauncher(DefaultRunLauncher):
    """Has the process of a run forked from the template of `assetops up`.

    Where none listens, as under `dagster dev`, it is Dagster's default launcher.
    """

    def __init__(
        self, inst_data: ConfigurableClassData | None = None, imports: tuple[str, ...] = ()
    ) -> None:
        super().__init__(inst_data)
        # What a project's own assets import, for the template to have imported before.
        self.imports = imports

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the schema of its configuration in dagster.yaml."""
        return {"imports": dg.Field([str], is_required=False, default_value=[])}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> Self:
        """Return the launcher that dagster.yaml describes."""
        return cls(inst_data, imports=tuple(config_value["imports"]))

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start the process of a run."""
        try:
            self._fork(context.dagster_run)
        except NoTemplate:
            super().launch_run(context)

    def terminate(self, run_id: str) -> bool:
        """Interrupt a run; say whether there was one to interrupt."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or not _is_forked(run):
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_run_canceling(run)
        if _pid_of(run, signal.SIGINT) is None:
            self._instance.report_run_canceled(run, "Its process had ended before.")
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether Dagster may ask for the health of a run's process."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Say whether the process of a run still runs, as far as that can be known."""
        there = alive.lives(self._instance.root_directory, run.run_id)
        if there is None:
            # One that was forked and has no lock is known to the template; of another one that has
            # none, nothing is known.
            there = _pid_of(run) is not None if _is_forked(run) else True
        if there:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.FAILED, "The process that executed it is gone, and did not say why."
        )

    def _fork(self, run: dg.DagsterRun) -> None:
        """Have a process forked for a run; raises `NoTemplate` if that cannot be."""
        socket, origin = template_socket(), run.job_code_origin
        if socket is None or origin is None:
            raise NoTemplate("No template was started.")
        if not os.path.samefile(origin.repository_origin.executable_path, sys.executable):
            raise NoTemplate("The code location has a Python of its own.")
        what = ExecuteRunArgs(origin, run.run_id, self._instance.get_ref())
        with open(os.devnull) as nothing:
            process = Forked(
                socket,
                ["-m", _WORKER, serialize_value(what)],
                folder=Path.cwd(),
                environment=own_environment(),
                files=[nothing.fileno(), 1, 2],
                name=run.run_id,
            )
        self._instance.add_run_tags(run.run_id, {FORKED_TAG: f"{run.run_id} pid {process.pid}"})
        self._run_ids.add(run.run_id)
        # The daemon of run monitoring looks every now and then; this knows at once.
        threading.Thread(
            target=_mourn, args=(self._instance.get_ref(), run.run_id, process), daemon=True
        ).start()


def _is_forked(run: dg.DagsterRun) -> bool:
    return run.tags.get(FORKED_TAG, "").startswith(run.run_id)


def _pid_of(run: dg.DagsterRun, number: int | None = None) -> int | None:
    """Return the pid of a run's process, after sending it a signal if one is given."""
    socket = template_socket()
    if socket is not None:
        # A template that is gone has taken its processes along.
        with contextlib.suppress(NoTemplate):
            return ask(socket, run.run_id, number)
    return None


def _mourn(ref: Any, run_id: str, process: Forked) -> None:
    """Wait for the process of a run, and report the run if it did not come to its end."""
    code = process.wait()
    with dg.DagsterInstance.from_ref(ref) as instance:
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return
        why = get_run_crash_explanation(f"The process of run {run_id} (pid {process.pid})", code)
        if run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, why)
        else:
            instance.report_run_failed(run, why)
        tell_queue(instance)
