"""`assetops up`: the UI, the daemon and Data Docs, started and stopped together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from assetops.cli import enter_platform
from assetops.errors import AssetOpsError
from assetops.settings import Settings, child_environment, dagster_home, with_template

if TYPE_CHECKING:
    from assetops.opened import Platform

GRACE_SECONDS = 15
WORKSPACE = "workspace.yaml"


@click.command("up")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the UI listens.")
@click.option("--port", default=3000, show_default=True, help="Where the UI listens.")
def command(host: str, port: int) -> None:
    """Start the Dagster UI, its daemon and Data Docs; Ctrl-C stops all."""
    platform = enter_platform()
    settings = platform.settings
    _reject_taken(host, port)
    click.echo(f"Dagster is at http://{host}:{port} in a few seconds. Ctrl-C stops it.")
    serve_docs(platform)
    if host not in ("127.0.0.1", "localhost", "::1"):
        click.echo("Whoever reaches that address can run everything: Dagster's UI has no login.")
    code = supervise(
        {
            "UI": _python("dagster_webserver", "-h", host, "-p", str(port), "-w", WORKSPACE),
            "daemon": _python("assetops.cli.daemon", WORKSPACE),
        },
        settings,
    )
    raise SystemExit(code)


def serve_docs(platform: "Platform") -> None:
    """Answer where checks link to, if that is this machine; else somebody serves them there."""
    from assetops.cli.docs import data_docs_of, dbt_docs_page
    from assetops.cli.docs_server import LOOPBACK, serve

    address = urlsplit(url := platform.settings.data_docs_url)
    if address.hostname in (LOOPBACK, "localhost") and address.port:
        serve(data_docs_of(platform), partial(dbt_docs_page, platform), address.port)
    click.echo(f"Data Docs are at {url}, and dbt's docs at {url.rstrip('/')}/dbt/index.html")


def supervise(commands: dict[str, Sequence[str]], settings: Settings) -> int:
    """Run processes until one ends or we are told to stop; return the exit code, 0 if told."""
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
    # A session each, so that what they started can be ended with them.
    children = {
        name: subprocess.Popen(words, env=environment, cwd=settings.root, start_new_session=True)
        for name, words in commands.items()
    }
    try:
        while not told:
            for name, child in children.items():
                if child.poll() is not None:
                    click.echo(f"The {name} ended with exit code {child.returncode}.", err=True)
                    return 2
            if warm:
                warm.tend()
            time.sleep(0.2)
        return 0
    finally:
        _end([*children.values(), *([warm.process] if warm and warm.process else [])])
        if warm:
            warm.close()


def _end(children: Sequence[subprocess.Popen[Any]]) -> None:
    for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, 5)):
        for child in children:
            # The group outlives its leader while anything in it lives.
            try:
                os.killpg(child.pid, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and any(_alive(child) for child in children):
            time.sleep(0.1)


def _alive(child: subprocess.Popen[Any]) -> bool:
    child.poll()
    try:
        os.killpg(child.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _python(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", module, *words]


def _reject_taken(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AssetOpsError(
                f"{host}:{port} cannot be used: {error.strerror}. Take another: --port {port + 1}"
            ) from None
