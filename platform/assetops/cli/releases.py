"""`assetops releases`: what is published, and what one can go back to."""

import json

import click
from rich.console import Console
from rich.table import Table

from assetops.cli import enter_platform


@click.command("releases", short_help="List the releases, and which one consumers see.")
@click.option("--json", "as_json", is_flag=True, help="Print the releases as JSON.")
def command(as_json: bool) -> None:
    """List the releases that are kept, and which of them consumers see."""
    from assetops.publish.history import release_rows

    platform = enter_platform()
    rows = release_rows(platform.releases)
    if as_json:
        click.echo(json.dumps([row.model_dump(mode="json") for row in rows], indent=2))
        return
    console = Console(highlight=False)
    if not rows:
        console.print("Nothing is published yet. Next: assetops build")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("Release", "Made (UTC)", "Tables", "Rows", "Changed", ""):
        table.add_column(
            name,
            justify="right" if name in ("Tables", "Rows") else "left",
            # An id that is cut off cannot be given to `assetops rollback`.
            no_wrap=name != "Changed",
        )
    for row in rows:
        state = "pinned" if row.pinned else "published" if row.current else ""
        table.add_row(
            row.id,
            f"{row.created_at:%Y-%m-%d %H:%M}",
            str(row.tables),
            f"{row.rows:,}",
            "all" if len(row.changed) == row.tables > 1 else ", ".join(row.changed),
            state,
            style="bold green" if row.current else None,
        )
    console.print(table)
    if any(row.pinned for row in rows):
        console.print("Pinned: builds verify and leave it. Next: assetops rollback --unpin")
    elif len(rows) > 1:
        console.print("To go back: assetops rollback, or assetops rollback ID", style="dim")
