"""`assetops docs`: Data Docs as files, to be put where others read them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from assetops.cli import enter_platform

if TYPE_CHECKING:
    from assetops.build import Platform
    from assetops.quality.data_docs import DataDocs


@click.command("docs", short_help="Write Data Docs as files.")
@click.option("--out", type=click.Path(path_type=Path), help="By default data/<env>/data_docs.")
def command(out: Path | None) -> None:
    """Write what checks found as a web site of files; `assetops up` shows the same pages."""
    # Relative to where the person is, which entering the platform changes.
    folder = out.resolve() if out else None
    platform = enter_platform()
    folder = folder or platform.settings.home / "data_docs"
    written = data_docs_of(platform).write(folder)
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
