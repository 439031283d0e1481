"""`assetops check`: the checks of some datasets, now, without building them."""

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assetops.cli import enter_platform
from assetops.cli.progress import Progress

if TYPE_CHECKING:
    from assetops.build import Platform
    from assetops.model import Dataset

_STYLES = {"passed": "green", "warned": "yellow", "failed": "red", "errored": "yellow"}


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
        table = Table("Check", "Result", "Found", box=None, header_style="bold", pad_edge=False)
        for address in assets:
            for row in _rows(platform, platform.project.dataset(address), deep):
                table.add_row(*row)
        console.print(table)
        for failure in outcome.failures:
            console.print(failure.reason, style="red", markup=False)
        console.print(outcome.verdict(), style="green" if outcome.exit_code == 0 else "red")
    if outcome.exit_code:
        raise SystemExit(outcome.exit_code)


def _rows(platform: "Platform", dataset: "Dataset", deep: bool) -> Iterator[tuple[str, Text, Text]]:
    """Yield what each check of a dataset found; one that its suite no longer has is left out."""
    from assetops.history import result_of
    from assetops.quality.promises import promises_of

    suite = platform.suites.get(dataset.address)
    aside = platform.deep_names(dataset)
    there = {promise.check for promise in promises_of(dataset, suite)}
    for verdict, _, _ in platform.ledger.latest_results(dataset.address):
        if verdict.check not in there or (verdict.check in aside) != deep:
            continue
        passed = verdict.status == "passed"
        found = "" if passed else verdict.sentence().removeprefix(verdict.check).lstrip(": ")
        if passed and verdict.rows is not None and verdict.sampled_of is not None:
            found = f"{verdict.rows:,} of {verdict.sampled_of:,} rows looked at"
        result = result_of(verdict.status, verdict.severity)
        # As text: what was found may look like the markup of a style.
        yield verdict.check, Text(result, _STYLES[result]), Text(found)
