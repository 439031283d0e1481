"""`assetops check`: the checks of some datasets, now, without building them."""

import json
import time

import click
from rich.console import Console
from rich.table import Table

from assetops.cli import enter_platform
from assetops.cli.progress import Progress


@click.command("check", short_help="Run all checks of a dataset, without building it.")
@click.argument("assets", nargs=-1, required=True, metavar="ASSET…")
@click.option("--deep", is_flag=True, help="Run its deep checks instead; builds need not wait.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def command(assets: tuple[str, ...], deep: bool, as_json: bool) -> None:
    """Run the checks of ASSET (such as marts/customers), without building it."""
    from assetops.cli.running import load_definitions, run_checks, run_deep_checks

    started = time.monotonic()
    console = Console(stderr=as_json, highlight=False)
    platform = enter_platform()
    progress = Progress(console)
    definitions = load_definitions(platform.settings.root)
    run = run_deep_checks if deep else run_checks
    outcome = run(platform, definitions, progress, assets)
    outcome.seconds = time.monotonic() - started
    if as_json:
        click.echo(json.dumps(outcome.as_json(), default=str))
    else:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in ("Check", "Result", "Found"):
            table.add_column(name)
        for address in assets:
            dataset = platform.project.dataset(address)
            aside = platform.deep_names(dataset)
            for verdict, _, _ in platform.ledger.latest_results(dataset.address):
                if (verdict.check in aside) != deep:
                    continue
                style = {"passed": "green", "failed": "red", "errored": "yellow"}[verdict.status]
                part = verdict.status == "passed" and verdict.sampled_of is not None
                looked = (
                    f"{verdict.rows:,} of {verdict.sampled_of:,} rows looked at" if part else ""
                )
                found = looked if verdict.status == "passed" else verdict.sentence()
                table.add_row(verdict.check, f"[{style}]{verdict.status}[/{style}]", found)
        console.print(table)
        for failure in outcome.failures:
            console.print(failure.reason, style="red", markup=False)
        console.print(outcome.verdict(), style="green" if outcome.exit_code == 0 else "red")
    if outcome.exit_code:
        raise SystemExit(outcome.exit_code)
