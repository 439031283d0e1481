"""`assetops doctor`: what is wrong with this installation, and the mend."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
from rich.console import Console

from assetops.errors import AssetOpsError
from assetops.settings import Settings, dagster_home, load_settings

FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `mend` is empty where all is well."""

    what: str
    found: str
    mend: str = ""


@click.command("doctor", short_help="Say what is wrong with this installation, and the mend.")
@click.option("--live", is_flag=True, help="Only say whether the daemon works, for a monitor.")
def command(live: bool) -> None:
    """Look at everything that a build relies on, and say how to mend what is wrong."""
    if live:
        raise SystemExit(_live(load_settings(_root())))
    console = Console(highlight=False)
    ill = 0
    for finding in examine(Path.cwd()):
        mark = "[red]✗[/red]" if finding.mend else "[green]✓[/green]"
        console.print(f"{mark} [bold]{finding.what}[/bold]  {finding.found}")
        if finding.mend:
            ill += 1
            console.print(f"    {finding.mend}", style="yellow", markup=False)
    console.print("All is well." if not ill else f"{ill} to mend.", style="red" if ill else "green")
    raise SystemExit(2 if ill else 0)


def _root() -> Path:
    """Return the root around the current folder, and make it the current folder."""
    from assetops.project import find_root

    root = find_root(Path.cwd())
    # Where the instance's files are, relative to it.
    os.chdir(root)
    return root


def _live(settings: Settings) -> int:
    """Say whether the daemon works, and return the exit code."""
    from assetops.cli.heartbeat import verdict
    from assetops.cli.instance import open_instance

    with open_instance(settings) as instance:
        works, said = verdict(instance)
    click.echo(f"The daemon {said}.", err=not works)
    return 0 if works else 2


def examine(start: Path) -> Iterator[Finding]:
    """Yield what each part of the installation looks like, from Python up to the published file."""
    from assetops.project import find_root

    yield _python()
    yield _family()
    try:
        settings = load_settings(find_root(start))
    except AssetOpsError as error:
        yield Finding("settings", "cannot be read", str(error))
        return
    yield Finding("settings", f"environment {settings.env}, root {settings.root}")
    yield _disk(settings)
    said: set[str] = set()
    for what, look in _LOOKS.items():
        try:
            yield look(settings)
        except AssetOpsError as error:
            # One fault of the project keeps all from being looked at that are built on it.
            if str(error) not in said:
                yield Finding(what, "does not work", str(error))
            said.add(str(error))


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info < (3, 14)
    return Finding("python", found, "" if fits else "Use Python 3.11 to 3.13: make setup")


def _family() -> Finding:
    wanted = {"dagster": "1.13.27", "dagster-webserver": "1.13.27", "dagster-dbt": "0.29.27"}
    try:
        found = {name: version(name) for name in wanted}
    except PackageNotFoundError as error:
        return Finding("dagster", f"{error.name} is not installed", "make setup")
    mend = "" if found == wanted else "Dagster's packages must move together: make setup"
    return Finding("dagster", ", ".join(f"{k} {v}" for k, v in found.items()), mend)


def _disk(settings: Settings) -> Finding:
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free
    mend = "" if free > FREE_BYTES else "Free some: a build needs room for a copy of each mart."
    return Finding("disk", f"{free / (1 << 30):.1f} GiB free in {settings.home}", mend)


def _instance(settings: Settings) -> Finding:
    from assetops.cli.instance import open_instance

    with open_instance(settings) as instance:
        runs = instance.get_runs_count()
    where = dagster_home(settings) / "dagster.yaml"
    return Finding("dagster instance", f"{runs} runs recorded, {where}")


def _daemon(settings: Settings) -> Finding:
    from assetops.cli.heartbeat import verdict
    from assetops.cli.instance import open_instance

    with open_instance(settings) as instance:
        works, said = verdict(instance)
    # Elsewhere one may well do without it.
    needed = settings.keeps_schedules and not works
    mend = "Keep it running: assetops up, under systemd or the like." if needed else ""
    return Finding("daemon", said, mend)


def _project(settings: Settings) -> Finding:
    from assetops.opened import open_platform

    project = open_platform(settings.root).project
    found = f"{len(project.datasets)} datasets, {len(project.published())} published"
    return Finding("dbt project and contracts", found)


def _suites(settings: Settings) -> Finding:
    from assetops.opened import open_platform

    platform = open_platform(settings.root)
    expectations = sum(len(suite.expectations) for suite in platform.suites.values())
    unguarded = [
        d.address
        for d in (*platform.project.ingested(), *platform.project.published())
        if d.address not in platform.suites
    ]
    found = f"{len(platform.suites)} suites, {expectations} expectations"
    return Finding(
        "expectations", found + (f"; none for {', '.join(unguarded)}" if unguarded else "")
    )


def _landing(settings: Settings) -> Finding:
    from assetops.ingest.landing import landed_files, nothing_landed
    from assetops.opened import open_platform
    from assetops.zone import landing_zone

    sources = open_platform(settings.root).project.ingested()
    if not sources:
        return Finding("landing", "no source takes in files")
    zone = landing_zone(settings)
    landed = [landed_files(source, zone) for source in sources]
    faults = [fault for _, found in landed for fault in found]
    files = sum(len(found) for found, _ in landed)
    mend = "\n    ".join(faults)
    if not files:
        mend = nothing_landed(sources, zone)
    return Finding("landing", f"{files} files in {zone}", mend)


def _warehouse(settings: Settings) -> Finding:
    from assetops.errors import WarehouseBusy
    from assetops.opened import open_platform

    warehouse = open_platform(settings.root).warehouse
    if not warehouse.path.exists():
        return Finding("warehouse", "not built yet: assetops build")
    warehouse.lock.wait = 0
    try:
        with warehouse.connect():
            left = ", ".join(map(str, open_platform(settings.root).left_over()))
            said = f"; nothing makes {left} any more: drop what nobody needs" if left else ""
            return Finding("warehouse", f"free, {warehouse.path}{said}")
    except WarehouseBusy as busy:
        # A run that works is no fault, and says itself who it is.
        return Finding("warehouse", f"in use: {busy}")


def _published(settings: Settings) -> Finding:
    from assetops.opened import open_platform

    releases = open_platform(settings.root).releases
    mended = releases.heal()
    current = releases.current()
    if current is None:
        return Finding("published", "nothing yet: assetops build")
    found = f"release {current.id}" + (", pinned" if releases.pinned else "")
    return Finding("published", "; ".join([found, *mended]))


_LOOKS: dict[str, Callable[[Settings], Finding]] = {
    "dagster instance": _instance,
    "daemon": _daemon,
    "dbt project and contracts": _project,
    "expectations": _suites,
    "landing": _landing,
    "warehouse": _warehouse,
    "published": _published,
}
