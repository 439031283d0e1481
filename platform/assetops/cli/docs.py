"""`assetops docs`: Data Docs as files, to be put where others read them."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assetops.cli import enter_platform

if TYPE_CHECKING:
    from assetops.opened import Platform
    from assetops.quality.data_docs import DataDocs


@click.command("docs", short_help="Write Data Docs as files.")
@click.option("--out", type=click.Path(path_type=Path), help="By default data/<env>/data_docs.")
def command(out: Path | None) -> None:
    """Write what checks found, and dbt's docs of each release, as a web site of files.

    `assetops up` shows the same pages.
    """
    # Relative to where the person is, which entering the platform changes.
    folder = out.resolve() if out else None
    platform = enter_platform()
    folder = folder or platform.settings.home / "data_docs"
    written = data_docs_of(platform).write(folder)
    write_dbt_docs(platform, folder / "dbt")
    click.echo(f"{written} new page{'s' * (written != 1)} in {folder}")
    click.echo(
        f"Next: open {folder / 'index.html'}, or copy the folder to a web server and set "
        "ASSETOPS_DATA_DOCS_URL to its address, so that checks link there."
    )


def data_docs_of(platform: "Platform") -> "DataDocs":
    """Return the pages of a platform's environment."""
    from assetops.history import History
    from assetops.quality.data_docs import DataDocs

    return DataDocs(
        env=platform.settings.env,
        history=History(platform.ledger),
        datasets=platform.project.by_address,
        suites=platform.suites,
        runs_shown=platform.settings.data_docs_runs,
    )


def dbt_docs_page(platform: "Platform", path: str) -> str | None:
    """Return dbt's docs at /dbt/<release>/index.html; without a release, those of the current."""
    from assetops.dbt.docs import docs_page

    _, _, *named = path.removesuffix("index.html").rstrip("/").split("/")
    releases, current = platform.releases, platform.releases.current()
    name = "/".join(named) or (current.id if current else "")
    known = {release.id for release in releases.list()}
    return docs_page(releases.folder / name) if name in known else None


def write_dbt_docs(platform: "Platform", folder: Path) -> None:
    """Write dbt's docs of the releases that are kept into a folder each, and those of the current.

    What was written for a release stays: it does not change.
    """
    kept = {release.id: folder / release.id / "index.html" for release in platform.releases.list()}
    for release_id, file in {"": folder / "index.html", **kept}.items():
        if release_id and file.exists():
            continue
        if page := dbt_docs_page(platform, f"/dbt/{release_id}"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(page)
    for other in folder.glob("*/index.html"):
        if other.parent.name not in kept:
            shutil.rmtree(other.parent)
