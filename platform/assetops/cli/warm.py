"""The template under `assetops up`: it imports once what every run needs, and is kept there."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from assetops.cli.instance import open_instance
from assetops.resident.client import NoTemplate, connect, start_template
from assetops.resident.launcher import TemplateRunLauncher
from assetops.settings import Settings, child_environment

# What a run imports before and while it works; none of it knows of a project.
IMPORTS = (
    *(
        "assetops.cli.event_log",
        "dagster._cli.api",
        "dagster._core.storage.sqlite_storage",
        # What `upath` and Dagster import when they come to need it.
        *("upath.core", "upath.implementations.local", "dagster._core.storage.root"),
        *("dagster._core.instance.factory", "dagster._core.instance.runs.run_domain"),
        *("dagster._core.executor.in_process", "dagster._core.execution.plan.active"),
    ),
    *("dagster._core.storage.local_compute_log_manager", "dagster_dbt"),
    *("dbt.cli.main", "dbt.task.build", "dbt.adapters.duckdb"),
    *("assetops.build", "assetops.quality.engine", "assetops.publish.publication"),
    *("assetops.dbt.invoke", "assetops.dbt.specs", "assetops.dbt.session"),
    "assetops.dbt.rehearsal:rehearse",
)


class Warm:
    """A template that is started again when it has ended, while this object is not closed."""

    def __init__(self, settings: Settings, imports: Sequence[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="assetops-"))
        self.path = self.folder / "template"
        self.settings, self.imports = settings, imports
        self.connection: socket.socket | None = None
        self.start()

    def start(self) -> None:
        """Start one; it takes some seconds until it listens."""
        self.path.unlink(missing_ok=True)
        self.process: subprocess.Popen[str] | None = start_template(
            self.path,
            self.imports,
            environment=child_environment(self.settings),
            cwd=self.settings.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def tend(self) -> None:
        """Hold on to it once it listens, and start another when it has ended."""
        if self.process is None:
            return
        if (code := self.process.poll()) is not None:
            # One that never listened never will.
            ready = self.connection is not None
            self._let_go()
            if ready:
                self.start()
            else:
                self.process = None
                click.echo(f"The template ended with exit code {code}: runs start cold.", err=True)
        elif self.connection is None:
            try:
                self.connection = connect(self.path)
            except NoTemplate:
                return

    def close(self) -> None:
        """Let it go, so that it ends if it still runs."""
        self._let_go()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _let_go(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def warm_template(settings: Settings) -> Warm | None:
    """Start a template if the instance's runs are forked from one."""
    with open_instance(settings) as instance:
        launcher, storage = instance.run_launcher, instance.get_ref().storage_data
    # Processes are forked and watched by means of Linux.
    if isinstance(launcher, TemplateRunLauncher) and hasattr(os, "pidfd_open"):
        modules = [storage.module_name] if storage else []
        return Warm(settings, [*IMPORTS, *modules, *launcher.imports])
    return None
