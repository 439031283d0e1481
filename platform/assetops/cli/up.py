"""`assetops up`: the UI, the daemon and Data Docs, kept running and stopped together."""

import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from assetops.cli import enter_platform
from assetops.cli.supervisor import Part, Supervisor
from assetops.errors import AssetOpsError, WarehouseBusy
from assetops.settings import Settings, child_environment, dagster_home, with_template
from assetops.warehouse import WarehouseLock

if TYPE_CHECKING:
    from assetops.opened import Platform

GRACE_SECONDS = 15
WORKSPACE = "workspace.yaml"


@click.command("up")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the UI listens.")
@click.option("--port", default=3000, show_default=True, help="Where the UI listens.")
def command(host: str, port: int) -> None:
    """Start the Dagster UI, its daemon and Data Docs, and keep them running; Ctrl-C stops all."""
    platform = enter_platform()
    settings = platform.settings
    _reject_taken(host, port)
    with alone(settings):
        click.echo(f"Dagster is at http://{host}:{port} in a few seconds. Ctrl-C stops it.")
        serve_docs(platform)
        if host not in ("127.0.0.1", "localhost", "::1"):
            click.echo("Whoever reaches that address can run everything: the UI has no login.")
        supervise(
            [
                Part("UI", ["assetops.cli.ui", "-h", host, "-p", str(port), "-w", WORKSPACE]),
                Part("daemon", ["assetops.cli.daemon", WORKSPACE]),
            ],
            settings,
        )


def serve_docs(platform: "Platform") -> None:
    """Answer where checks link to, if that is this machine; else somebody serves them there."""
    from assetops.cli.docs import data_docs_of, dbt_docs_page
    from assetops.cli.docs_server import LOOPBACK, serve

    address = urlsplit(url := platform.settings.data_docs_url)
    if address.hostname in (LOOPBACK, "localhost") and address.port:
        serve(data_docs_of(platform), partial(dbt_docs_page, platform), address.port)
    click.echo(f"Data Docs are at {url}, and dbt's docs at {url.rstrip('/')}/dbt/index.html")


def supervise(parts: Sequence[Part], settings: Settings) -> None:
    """Keep processes running until we are told to stop; raises when one cannot be kept."""
    from assetops.cli.warm import warm_template

    environment = {**child_environment(settings), "DAGSTER_HOME": str(dagster_home(settings))}
    told: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        told.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    warm = warm_template(settings)
    if warm:
        environment = with_template(environment, warm.path)
    supervisor = Supervisor(parts, environment, settings.root)
    try:
        while not told:
            supervisor.tend(time.monotonic())
            if warm:
                warm.tend()
            time.sleep(0.2)
    finally:
        supervisor.end(*([warm.process] if warm and warm.process else []))
        if warm:
            warm.close()


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Be the only `assetops up` of an instance, also while its daemon is being started again.

    Raises:
        AssetOpsError: Another one is there, or a daemon; said before anything is started.
    """
    from assetops.cli.instance import open_instance
    from assetops.cli.sole import sole_daemon

    with open_instance(settings) as instance:
        lock = WarehouseLock(Path(instance.root_directory, "up.lock"), wait=0)
        with ExitStack() as stack:
            try:
                stack.enter_context(lock.held("assetops up", say=lambda _: None))
            except WarehouseBusy:
                raise AssetOpsError(
                    f"Another one works on this instance: {lock.holder()}. Stop that one first."
                ) from None
            with sole_daemon(instance, lambda _: None, home=settings.home):
                pass
            held = stack.pop_all()
    with held:
        yield


def _reject_taken(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AssetOpsError(
                f"{host}:{port} cannot be used: {error.strerror}. Take another: --port {port + 1}"
            ) from None
