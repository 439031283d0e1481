"""`assetops profile`: a suite drafted from the data, beside what a person has written."""

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from assetops.cli import enter_platform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from assetops.model import Dataset, Relation
    from assetops.opened import Platform
    from assetops.quality.profile.compare import Change
    from assetops.quality.profile.draft import Draft
    from assetops.warehouse import Connection

_SAMPLE = 100_000
_SEVERITY = {"critical": "red", "warning": "yellow", "info": "dim"}
_CHANGE = {
    "contradicted": ("!", "red", "The data contradicts"),
    "tighter": ("<", "yellow", "The draft is tighter"),
    "looser": (">", "yellow", "The draft is looser"),
    "other": ("~", "yellow", "The draft has otherwise"),
    "add": ("+", "green", "The draft would add"),
}


@click.command("profile", short_help="Draft an expectation suite from the data.")
@click.argument("asset")
@click.option(
    "--rows", type=click.IntRange(min=1), metavar="N", help="Look at a sample of N rows at most."
)
@click.option("--sample", is_flag=True, help=f"Look at a sample of {_SAMPLE:,} rows at most.")
@click.option("--write", is_flag=True, help="Write the draft; a suite is never written over.")
@click.option("--json", "as_json", is_flag=True, help="Print the draft as JSON.")
def command(asset: str, rows: int | None, sample: bool, write: bool, as_json: bool) -> None:
    """Draft a suite for ASSET (such as retail/orders) from its table, or its newest landing file.

    Where it has a suite, the difference is shown instead, and --write writes to gx/drafts/.
    """
    from assetops.quality.profile.compare import differences

    platform = enter_platform()
    dataset = platform.project.dataset(asset)
    draft, seen = _draft(platform, dataset, rows or (_SAMPLE if sample else None))
    suite = platform.suites.get(dataset.address)
    changes = differences(draft, suite) if suite else None
    written = _write(platform, draft) if write else None
    if as_json:
        click.echo(json.dumps(_as_json(draft, seen, changes, written), indent=2, default=str))
        return
    console = Console(highlight=False)
    console.print(Text(f"{dataset.address}: {draft.rows:,} rows in {seen}"), soft_wrap=True)
    page = _proposals(draft) if changes is None else _difference(changes)
    console.print(Group(page, Text()))
    for note in draft.left:
        console.print(f"Left out: {note}.", style="dim", markup=False)
    _next(console, draft, changes, written)


def _draft(platform: "Platform", dataset: "Dataset", sample: int | None) -> "tuple[Draft, str]":
    """Draft from the table, or from the newest landing file of a source that was never loaded."""
    from assetops.quality.profile.draft import draft_suite

    with _looked_at(platform, dataset) as (connection, relation, day, seen):
        draft = draft_suite(
            connection,
            dataset,
            relation,
            as_of=None if day else platform.as_of(),
            day=day,
            sample=sample,
            enforced=_types_enforced(platform, dataset),
        )
    return draft, seen + (f", from a sample of {draft.scan.whole.rows:,}" if draft.sampled else "")


@contextmanager
def _looked_at(
    platform: "Platform", dataset: "Dataset"
) -> "Iterator[tuple[Connection, Relation, date | None, str]]":
    from assetops.errors import AssetOpsError
    from assetops.ingest.candidate import make_candidate
    from assetops.ingest.landing import landed_files
    from assetops.model import Relation
    from assetops.warehouse.duckdb import columns_of
    from assetops.zone import landing_zone

    with platform.warehouse.connect() as connection:
        if columns_of(connection, dataset.relation):
            yield connection, dataset.relation, None, str(dataset.relation)
            return
        files = (
            landed_files(dataset, landing_zone(platform.settings))[0]
            if dataset.contract.ingest
            else {}
        )
        if not files:
            needs = "and no file of it has landed" if dataset.contract.ingest else "yet"
            raise AssetOpsError(
                f"{dataset.address}: there is no {dataset.relation} {needs}, so that there is "
                "nothing to draft from. Build it first: assetops build"
            )
        day, file = list(files.items())[-1]
        candidate = Relation(schema_name="candidate", name="__".join(dataset.key))
        with file.fetched() as copy:
            make_candidate(connection, copy, dataset, candidate)
        try:
            yield connection, candidate, day, f"{file.name}, its newest landing file"
        finally:
            connection.execute(f"drop table if exists {candidate.quoted}")


def _types_enforced(platform: "Platform", dataset: "Dataset") -> bool:
    node = platform.project.manifest["nodes"].get(dataset.unique_id, {})
    return bool(node.get("config", {}).get("contract", {}).get("enforced"))


def _write(platform: "Platform", draft: "Draft") -> Path:
    """Write the suite, or beside the suites where there is one already; return the file."""
    from assetops.quality.profile.draft import write_draft

    return write_draft(draft, platform.project).relative_to(platform.settings.root)


def _proposals(draft: "Draft") -> RenderableType:
    from assetops.quality.suites.words import sentence

    grid = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("Severity", "Expects", "Because"):
        grid.add_column(name, ratio=None if name == "Severity" else 1, overflow="fold")
    for e in draft.expectations:
        severity = Text(e.severity, _SEVERITY[e.severity])
        grid.add_row(severity, Text(sentence(e.type, e.kwargs)), Text(e.description, "dim"))
    return grid


def _difference(changes: "list[Change]") -> RenderableType:
    blocks: list[RenderableType] = []
    for what, (mark, style, title) in _CHANGE.items():
        of_it = [change for change in changes if change.what == what]
        if not of_it:
            continue
        blocks.append(Text(f"\n{title}", "bold"))
        grid = Table.grid(padding=(0, 1))
        for change in of_it:
            grid.add_row(Text(mark, style), Text(change.said, style), Text(change.reason, "dim"))
        blocks.append(grid)
    return Group(*(blocks or [Text("The suite says all that the draft would say.", "green")]))


def _next(
    console: Console, draft: "Draft", changes: "list[Change] | None", written: Path | None
) -> None:
    address, counted = draft.dataset.address, len(draft.expectations)
    if written and changes is None:
        said = (
            f"Wrote {counted} expectations to {written}. Read them. Next: assetops check {address}"
        )
    elif written:
        said = f"Wrote the draft to {written}, which nothing loads. The suite is as it was."
    elif changes is None:
        said = f"{counted} expectations. To keep them: assetops profile {address} --write"
    else:
        said = f"gx/expectations/{address}.json is as it was: take over what is right."
    console.print(said, soft_wrap=True, markup=False)


def _as_json(
    draft: "Draft", seen: str, changes: "list[Change] | None", written: Path | None
) -> dict[str, Any]:
    return {
        "asset": draft.dataset.address,
        "seen": seen,
        "rows": draft.rows,
        "partitions": draft.partitions,
        "statements": draft.scan.statements,
        "suite": draft.suite(),
        "left_out": list(draft.left),
        "difference": None if changes is None else [change.as_json() for change in changes],
        "written": str(written) if written else None,
    }
