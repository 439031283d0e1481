"""`assetops build`: the pipeline, once, here."""

import json
import time
from functools import partial
from typing import TYPE_CHECKING

import click

from assetops.cli import enter_platform
from assetops.dbt.early import begin

# The rest is imported when dbt's process has begun.
if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from assetops.cli.outcome import Outcome
    from assetops.cli.progress import AssetRow

DROP_IT = "Drop it there if nobody needs it."


@click.command("build")
@click.option("--select", help="Which assets: marts/customers, +marts/orders, group:marts.")
@click.option("--partition", help="Rebuild a landing day, or FROM..TO; by default all that is new.")
@click.option("--retry", is_flag=True, help="Only what the last build, which failed, left undone.")
@click.option("--full-refresh", is_flag=True, help="Make incremental models and seeds anew.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def command(
    select: str | None, partition: str | None, retry: bool, full_refresh: bool, as_json: bool
) -> None:
    """Bring in what has landed, build, check and publish."""
    if retry and (select or partition or full_refresh):
        raise click.UsageError("--retry knows what is left, and how: it takes nothing beside it.")
    started = time.monotonic()
    begin()
    from rich.console import Console

    console = Console(stderr=as_json, highlight=False)
    with console.status("reading the project"):
        from assetops.cli.progress import Progress
        from assetops.cli.retry import run_retry
        from assetops.cli.running import load_definitions, run_build

        platform = enter_platform()
        definitions = load_definitions(platform.settings.root)
    progress = Progress(console)
    if retry:
        found = run_retry(platform, definitions, progress)
        if isinstance(found, str):
            click.echo(json.dumps({"run_id": None, "said": found}) if as_json else found)
            return
        outcome = found
    else:
        outcome = run_build(
            platform,
            definitions,
            progress,
            select=select,
            partition=partition,
            full_refresh=full_refresh,
        )
    outcome.seconds = time.monotonic() - started
    if as_json:
        click.echo(json.dumps(outcome.as_json(), default=str))
    else:
        _summary(console, outcome)
    if outcome.exit_code:
        raise SystemExit(outcome.exit_code)


def _summary(console: "Console", outcome: "Outcome") -> None:
    console.print(_table(outcome.assets))
    say = partial(console.print, markup=False, soft_wrap=True)
    for warning in (words for row in outcome.assets for words in row.warnings):
        say(warning, style="yellow")
    for table in outcome.left_over:
        say(f"{table} is in the warehouse, and nothing makes it. {DROP_IT}", style="yellow")
    for failure in outcome.failures:
        say(f"\n{failure.step} failed:", style="bold red")
        say(failure.reason, style="red")
    say(f"\n{outcome.verdict()}", style="green" if outcome.exit_code == 0 else "red")
    say(outcome.next_step(), style="dim")


def _table(assets: list["AssetRow"]) -> "Table":
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("Asset", "Rows", "Batches", "Checks", "Time"):
        table.add_column(
            name, justify="left" if name == "Asset" else "right", no_wrap=name == "Asset"
        )
    for row in assets:
        table.add_row(
            row.address + (f" ({row.kept})" if row.kept else ""),
            _rows(row),
            str(row.batches or ""),
            _checks(row),
            f"{row.seconds:.1f} s" if row.seconds is not None else "",
            style="red" if row.failed else None,
        )
    return table


def _rows(row: "AssetRow") -> str:
    if row.rows is None:
        return ""
    return f"{row.rows:,}" + (f" [yellow]+ {row.held:,} held[/yellow]" if row.held else "")


def _checks(row: "AssetRow") -> str:
    words = [f"{row.passed} passed"] if row.passed else []
    words += [f"[yellow]{row.warned} warned[/yellow]"] if row.warned else []
    words += [f"[red]{row.failed} failed[/red]"] if row.failed else []
    words += [f"[yellow]{row.errored} errored[/yellow]"] if row.errored else []
    return ", ".join(words)
