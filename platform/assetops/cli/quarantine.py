"""`assetops quarantine`: the rows that were held back, and what becomes of them."""

import getpass
import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click
from rich.console import Console
from rich.table import Table

from assetops.cli import enter_platform
from assetops.errors import AssetOpsError

if TYPE_CHECKING:
    from assetops.model import Dataset
    from assetops.opened import Platform

_ROW = click.option("--row", "rows", type=int, multiple=True, help="One row, by its id; repeat it.")
_ALL = click.option("--all", "everything", is_flag=True, help="Every row that is held.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


@click.group("quarantine", short_help="List, show, release or discard rows that were held back.")
def command() -> None:
    """Look at the rows that were held back, and decide what becomes of them."""


@command.command("list")
@_JSON
def list_assets(as_json: bool) -> None:
    """Say of which assets rows were held back, how many, and why."""
    from assetops.warehouse.held import counts, reasons
    from assetops.warehouse.quarantine import State

    platform = enter_platform()
    found: list[dict[str, Any]] = []
    if platform.settings.warehouse.exists():
        with platform.warehouse.connect() as connection:
            for address, dataset in sorted(platform.project.by_address.items()):
                if by_state := counts(connection, dataset):
                    why = reasons(connection, dataset)
                    found.append({"asset": address, **by_state, "reasons": why})
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    console = Console(highlight=False)
    if not found:
        console.print("No row was ever held back, or all are forgotten.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("Asset", no_wrap=True)
    for state in State:
        table.add_column(state.value.capitalize(), justify="right")
    table.add_column("Held for")
    for row in found:
        numbers = [f"{row[state]:,}" if state in row else "" for state in State]
        said = ", ".join(f"{check} {number:,}" for check, number in row["reasons"].items())
        table.add_row(row["asset"], *numbers, said)
    console.print(table)
    console.print("Next: assetops quarantine show ASSET", style="dim")


@command.command("show")
@click.argument("asset")
@click.option(
    "--state",
    type=click.Choice(["held", "released", "discarded", "superseded"]),
    default="held",
    show_default=True,
    help="What became of the rows.",
)
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="The newest N."
)
@_JSON
def show(asset: str, state: str, limit: int, as_json: bool) -> None:
    """Show the rows of ASSET that were held back, each with what it broke."""
    from assetops.warehouse.held import counts, rows
    from assetops.warehouse.quarantine import State

    platform = enter_platform()
    dataset = platform.project.dataset(asset)
    found: list[dict[str, Any]] = []
    total = 0
    if platform.settings.warehouse.exists():
        with platform.warehouse.connect() as connection:
            found = rows(connection, dataset, [State(state)], limit=limit)
            total = counts(connection, dataset).get(state, 0)
    if as_json:
        click.echo(json.dumps(found, indent=2, default=str))
        return
    console = Console(highlight=False)
    if not found:
        console.print(f"{dataset.address} has no {state} rows.")
        return
    _print_rows(console, dataset, found)
    if total > len(found):
        console.print(f"… and {total - len(found):,} more: --limit {total}", style="dim")
    if state == "held":
        console.print(_next(dataset), style="dim", soft_wrap=True)


@command.command("release")
@click.argument("asset")
@_ROW
@_ALL
@_JSON
def release_rows(asset: str, rows: tuple[int, ...], everything: bool, as_json: bool) -> None:
    """Bring held rows of ASSET into raw, if they pass its gate as it is now."""
    _one_of(rows, everything)
    from assetops.build import batch_loader
    from assetops.ingest.release import release

    platform, dataset = _held(asset)
    if dataset.contract.ingest is None:
        raise AssetOpsError(
            f"{dataset.address} is built from other data: nobody can put rows into it. Mend its "
            "model or its sources, and build it; its rows here are evidence."
        )
    run_id = f"release-{uuid4().hex[:12]}"
    returned = release(batch_loader(platform), dataset, rows, by=_who(), run_id=run_id)
    if as_json:
        click.echo(json.dumps({"released": returned.released, "held": returned.still}, indent=2))
    else:
        for row, why in sorted(returned.still.items())[:20]:
            click.secho(f"row {row} stays held: {why}", fg="red", err=True)
        if len(returned.still) > 20:
            click.secho(f"… and {len(returned.still) - 20} more", fg="red", err=True)
        if returned.released:
            click.echo(
                f"{_rows(len(returned.released))} of {dataset.address} went back into raw. "
                "Next: assetops build"
            )
        elif not returned.still:
            click.echo(f"{dataset.address} has no held rows.")
    if returned.still:
        raise SystemExit(1)


@command.command("discard")
@click.argument("asset")
@_ROW
@_ALL
@click.option("--why", help="Why: kept with the rows.")
@click.option("--undo", is_flag=True, help="Hold discarded rows again.")
@_JSON
def discard(
    asset: str,
    rows: tuple[int, ...],
    everything: bool,
    why: str | None,
    undo: bool,
    as_json: bool,
) -> None:
    """Decide that held rows of ASSET never come in; they stay in quarantine, marked."""
    _one_of(rows, everything)
    if not undo and not (why or "").strip():
        raise click.UsageError("--why is missing: whoever looks later wants to know.")
    from assetops.warehouse.quarantine import State, decide, held_rows

    platform, dataset = _held(asset)
    before, after = State.HELD, State.DISCARDED
    if undo:
        before, after = after, before
    with platform.warehouse.connect() as connection:
        ids = [row.id for row in held_rows(connection, dataset, rows, before)]
        decide(connection, dataset, ids, after, by=_who(), why=why or "")
    if as_json:
        click.echo(json.dumps({after.value: ids}))
        return
    click.echo(
        f"{_rows(len(ids))} of {dataset.address} {'is' if len(ids) == 1 else 'are'} {after}."
    )
    if ids and not undo:
        click.echo("To take it back: the same command with --undo")


def _one_of(rows: tuple[int, ...], everything: bool) -> None:
    if bool(rows) == everything:
        raise click.UsageError("Say which rows: --row ID (as often as you like), or --all.")


def _held(asset: str) -> "tuple[Platform, Dataset]":
    platform = enter_platform()
    dataset = platform.project.dataset(asset)
    if not platform.settings.warehouse.exists():
        raise AssetOpsError(f"{platform.settings.warehouse} is not there yet. Run: assetops build")
    return platform, dataset


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have no name.
        return "an unnamed user"


def _rows(number: int) -> str:
    return f"{number:,} row{'s' * (number != 1)}"


def _next(dataset: "Dataset") -> str:
    if dataset.contract.ingest is None:
        return "These rows are evidence: mend the model or its sources, and build."
    return (
        f"Next: assetops quarantine release {dataset.address} --row ID (or --all), "
        f"or assetops quarantine discard {dataset.address} --row ID --why TEXT"
    )


def _print_rows(console: Console, dataset: "Dataset", found: list[dict[str, Any]]) -> None:
    """Print each row on lines of its own: tables of forty columns cannot be read."""
    own = [column.name for column in dataset.columns] or [n for n in found[0] if n[:1] != "_"]
    for row in found:
        console.print(
            f"[bold]row {row['_id']}[/bold]  breaks [red]{', '.join(row['_broke'])}[/red]",
            soft_wrap=True,
        )
        where = f"row {row['_row']} of {row['_file']}" if dataset.contract.ingest else row["_file"]
        blocked = row["_blocked"] and dataset.contract.ingest
        batch = ", its whole batch is blocked" if blocked else ""
        said = f"  {where}, held {row['_held_at']:%Y-%m-%d %H:%M}{batch}"
        if row["_decided_at"]:
            said += f"; {row['_state']} by {row['_decided_by']}: {row['_why']}"
        console.print(said, style="dim", markup=False, soft_wrap=True)
        texts = row["_as_landed"]
        shown = ", ".join(f"{n}={_cell(texts.get(n, row[n]))}" for n in own if n in row)
        console.print(f"  {shown}", markup=False, soft_wrap=True)


def _cell(value: Any) -> str:
    return "NULL" if value is None else str(value)
