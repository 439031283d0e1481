"""The example's own command: its shop writes the files that the platform then takes in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from retail.simulate.plan import Plan
    from retail.simulate.shop import Report

_OUT = Path("data/dev/landing/retail")


def _within(
    least: int, most: int | None = None
) -> Callable[[click.Context, click.Parameter, int], int]:
    def check(_: click.Context, __: click.Parameter, value: int) -> int:
        if value < least:
            raise click.BadParameter(f"{value} is too small; give {least} or more.")
        if most is not None and value > most:
            raise click.BadParameter(f"{value} is too large; give {most} or less.")
        return value

    return check


def _day(_: click.Context, __: click.Parameter, value: str | None) -> date | None:
    if value is None:
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%d").date()
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a date; write it as in 2026-01-31.") from None


@click.group()
def main() -> None:
    """The example shop."""


@main.command()
@click.option(
    "--days", callback=_within(1), default=90, show_default=True, help="How many landing days."
)
@click.option(
    "--orders-per-day",
    callback=_within(1, 1_000_000),
    default=200,
    show_default=True,
    help="Orders on an average day at the start (20 or more for a steady revenue).",
)
@click.option(
    "--start", callback=_day, help="First landing day; without it the last one is yesterday (UTC)."
)
@click.option(
    "--seed", callback=_within(0), default=7, show_default=True, help="Another seed, another shop."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=_OUT,
    show_default=True,
    help="Folder for the landing files.",
)
def simulate(days: int, orders_per_day: int, start: date | None, seed: int, out: Path) -> None:
    """Write the landing files of a shop that trades for some days.

    The same options write the same bytes; more days leave the earlier days' files as they are.
    """
    from retail.simulate.plan import PlanError, mark, plan_for

    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    try:
        plan = plan_for(out, start=start, days=days, orders_per_day=orders_per_day, seed=seed,
                        yesterday=yesterday)  # fmt: skip
        mark(out, plan)
        report = _run(plan, out)
    except PlanError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "a file is in the way" if in_the_way else error.strerror or error
        raise click.UsageError(
            f"--out {out} cannot be written ({reason}); name a folder that can."
        ) from None
    _tell(plan, report, out)


def _run(plan: Plan, out: Path) -> Report:
    from rich.console import Console
    from rich.progress import Progress

    from retail.simulate.shop import simulate as run

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("The shop trades", total=plan.days)
        return run(plan, out, lambda: progress.advance(task))


def _tell(plan: Plan, report: Report, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("source")
    table.add_column("files", justify="right")
    table.add_column("rows", justify="right")
    for source, files in report.files.items():
        table.add_row(source, f"{files:,}", f"{report.rows[source]:,}")
    console.print(f"The shop traded from {plan.start} to {plan.last}: {out}", soft_wrap=True)
    console.print(table)
    if report.silent:
        console.print(f"Not sent, on purpose: {', '.join(report.silent)}", soft_wrap=True)
    console.print("Next: [bold]assetops build[/bold]", soft_wrap=True)
