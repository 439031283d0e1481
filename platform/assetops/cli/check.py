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
    from assetops.model import Dataset
    from assetops.opened import Platform

_STYLES = {"passed": "green", "warned": "yellow", "failed": "red", "errored": "yellow"}


@click.command("check", short_help="Run all checks of a dataset, without building it.")
@click.argument("assets", nargs=-1, required=True, metavar="ASSET…")
@click.option("--deep", is_flag=True, help="Run its deep checks instead; builds need not wait.")
@click.option("--freshness", is_flag=True, help="Ask how old a source's newest rows are instead.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def command(assets: tuple[str, ...], deep: bool, freshness: bool, as_json: bool) -> None:
    """Run the checks of ASSET (such as marts/customers), without building it."""
    from assetops.cli.running import (
        load_definitions,
        run_checks,
        run_deep_checks,
        run_freshness_checks,
    )

    if deep and freshness:
        raise click.UsageError("--deep and --freshness are two questions: ask one at a time.")

    started = time.monotonic()
    console = Console(stderr=as_json, highlight=False)
    platform = enter_platform()
    progress = Progress(console)
    definitions = load_definitions(platform.settings.root)
    run = run_deep_checks if deep else run_freshness_checks if freshness else run_checks
    outcome = run(platform, definitions, progress, assets)
    outcome.seconds = time.monotonic() - started
    if as_json:
        click.echo(json.dumps(outcome.as_json(), default=str))
    else:
        table = Table("Check", "Result", "Found", box=None, header_style="bold", pad_edge=False)
        for address in assets:
            dataset = platform.project.dataset(address)
            for row in _rows(platform, dataset, _asked(platform, dataset, deep, freshness)):
                table.add_row(*row)
        console.print(table)
        for failure in outcome.failures:
            console.print(failure.reason, style="red", markup=False)
        console.print(outcome.verdict(), style="green" if outcome.exit_code == 0 else "red")
    if outcome.exit_code:
        raise SystemExit(outcome.exit_code)


def _asked(platform: "Platform", dataset: "Dataset", deep: bool, freshness: bool) -> set[str]:
    """Return the names of the checks that a command has run."""
    from assetops.model import FRESHNESS_CHECK
    from assetops.quality.promises import promises_of

    if freshness:
        return {FRESHNESS_CHECK}
    # One that its suite no longer has is left out.
    there = {p.check for p in promises_of(dataset, platform.suites.get(dataset.address))}
    aside = platform.deep_names(dataset)
    return there & aside if deep else there - aside


def _rows(
    platform: "Platform", dataset: "Dataset", asked: set[str]
) -> Iterator[tuple[str, Text, Text]]:
    """Yield what each of these checks of a dataset found."""
    from assetops.history import result_of

    for verdict, _, _ in platform.ledger.latest_results(dataset.address):
        if verdict.check not in asked:
            continue
        passed = verdict.status == "passed"
        found = "" if passed else verdict.sentence().removeprefix(verdict.check).lstrip(": ")
        if passed and verdict.rows is not None and verdict.sampled_of is not None:
            found = f"{verdict.rows:,} of {verdict.sampled_of:,} rows looked at"
        result = result_of(verdict.status, verdict.severity)
        # As text: what was found may look like the markup of a style.
        yield verdict.check, Text(result, _STYLES[result]), Text(found)
