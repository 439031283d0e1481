"""`assetops show`: everything about one dataset, on one page."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from assetops.cli import enter_platform

if TYPE_CHECKING:
    from assetops.model import Dataset


@click.command("show", short_help="Show one dataset on one page.")
@click.argument("asset")
@click.option("--json", "as_json", is_flag=True, help="Print the same facts as JSON.")
def command(asset: str, as_json: bool) -> None:
    """Show ASSET (such as marts/customers): what it is, promises, holds and how it is checked."""
    from assetops.cli.automation import automation_of
    from assetops.cli.facts import facts_of
    from assetops.cli.running import load_definitions

    platform = enter_platform()
    # The definitions know what Python-made tables are made from.
    definitions = load_definitions(platform.settings.root)
    dataset = platform.project.dataset(asset)
    facts = facts_of(platform, dataset)
    facts["automation"] = automation_of(platform, definitions, dataset)
    if as_json:
        click.echo(json.dumps(facts, default=str, indent=2))
        return
    Console(highlight=False).print(Group(*_page(dataset, facts)))


def _page(dataset: "Dataset", facts: dict[str, Any]) -> Iterator[RenderableType]:
    yield Text.assemble((dataset.address, "bold"), (f"  {dataset.kind}", "dim"))
    yield Text(
        dataset.description or "It has no description.",
        "default" if dataset.description else "yellow",
    )
    yield Text()
    yield _promises(dataset, facts)
    yield from _section("Data", _data(facts))
    yield from _section("Ready by", _ready_by(facts["ready by"]))
    yield from _section("Comes from", _names(facts["upstream"]))
    yield from _section("Feeds", _names(facts["downstream"]))
    yield from _section("Columns", _columns(dataset, facts))
    yield from _section("Quality", _quality(facts["quality"]))
    yield from _section("Checks", _checks(facts))
    yield from _section("Held back", _rejections(facts))
    for usage in dataset.contract.usage:
        yield from _section(usage.question, Syntax(usage.sql.strip(), "sql", theme="ansi_dark"))


def _section(title: str, body: RenderableType | None) -> Iterator[RenderableType]:
    if body is not None:
        yield Text()
        yield Text(title, "bold cyan")
        yield Padding(body, (0, 0, 0, 2))


def _promises(dataset: "Dataset", facts: dict[str, Any]) -> Table:
    from assetops.cli.automation import said_of

    contract = dataset.contract
    lands, ready = contract.ingest, contract.ready_by
    on_days = f", on {ready.objective} of days" if ready and ready.objective else ""
    rows = {
        "owners": ", ".join(contract.owners) or "nobody",
        "table": facts["table"],
        "defined in": dataset.file,
        "suite": facts["suite"] or "none",
        "built in": facts["step"] or "",
        "gate holds back": ", ".join(facts["gate holds back"]),
        "landing file": f"landing/{dataset.key[0]}/{lands.path}" if lands else "",
        "partitions": "daily, by landing day" if facts["partitioned"] else "",
        "automation": said_of(facts["automation"]),
        "published": f"because {dataset.mart}" if dataset.mart else "",
        "fresh within": contract.fresh_within or "",
        "ready by": f"{ready.at} {ready.timezone}" + on_days if ready else "",
    }
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        if value:
            table.add_row(Text(name, "dim"), value)
    return table


def _data(facts: dict[str, Any]) -> Table | None:
    table = Table.grid(padding=(0, 2))
    for name, value in facts["data"].items():
        late = name == "freshness" and "late" in str(value)
        style = "yellow" if late or name == "held back" else ""
        table.add_row(Text(name, "dim"), Text(str(value), style))
    return table if facts["data"] else None


def _ready_by(standing: dict[str, Any]) -> Table | None:
    if not standing:
        return None
    table = Table.grid(padding=(0, 2))
    styles = {"✓": "green", "✗": "red", "·": "dim", "?": "yellow"}
    days = Text.assemble(*((mark, styles[mark]) for mark in standing["days"]))
    kept = f"  {standing['kept']}" if standing["kept"] else ""
    if standing["days"]:
        table.add_row(Text("days", "dim"), days.append(kept, "default"))
    spent = Text(standing["error budget"], "red" if "exhausted" in standing["error budget"] else "")
    if spent:
        table.add_row(Text("error budget", "dim"), spent)
    table.add_row(Text("next due", "dim"), standing["next"])
    for number, missed in enumerate(standing["missed"]):
        table.add_row(Text("" if number else "missed", "dim"), missed)
    return table


def _names(names: list[str]) -> Text | None:
    return Text(", ".join(names)) if names else None


def _columns(dataset: "Dataset", facts: dict[str, Any]) -> Table | None:
    if not dataset.columns:
        return None
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("name", "type", "description"):
        table.add_column(name, no_wrap=name != "description")
    for column in dataset.columns:
        note = Text(column.description)
        if column.pii:
            note.append(f"  PII: {column.pii}", "magenta")
        if above := facts["made from"].get(column.name):
            note.append("\n" if note else "").append(f"from {', '.join(above)}", "dim")
        table.add_row(column.name, column.data_type or facts["types"].get(column.name, ""), note)
    return table


def _quality(quality: dict[str, Any]) -> Table | None:
    """Draw the score, what it is made of, and how it came about over the newest runs."""
    from assetops.quality.score import sparkline

    if not quality["checks"]:
        return None
    table = Table.grid(padding=(0, 2))
    if quality["score"] is None:
        table.add_row(Text("score", "dim"), "none yet: no check has passed or failed")
    else:
        table.add_row(Text("score", "dim"), _graded(quality["score"]))
        parts = [Text(f"{name} ").append(_graded(s)) for name, s in quality["dimensions"].items()]
        table.add_row(Text("of that", "dim"), Text(", ").join(parts))
    silent = {"errored": quality["errored"], "never ran": quality["never_ran"]}
    said = [f"{count} {what}" for what, count in silent.items() if count]
    coverage = f"{quality['coverage']:g}% of {quality['checks']} checks passed or failed"
    table.add_row(Text("coverage", "dim"), "; ".join([coverage, ", ".join(said)][: 1 + bool(said)]))
    if len(trend := quality["trend"]) > 1:
        line = sparkline(run["score"] for run in trend)
        table.add_row(Text("trend", "dim"), f"{line}  the last {len(trend)} runs")
    return table


def _graded(score: float | None) -> Text:
    if score is None:
        return Text("unknown", "dim")
    return Text(f"{score:g}", "green" if score == 100 else "yellow" if score >= 90 else "red")


def _checks(facts: dict[str, Any]) -> Table | None:
    if not facts["checks"]:
        return None
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("check", overflow="fold")
    table.add_column("severity")
    table.add_column("last result", no_wrap=True)
    table.add_column("why")
    styles = {"passed": "green", "failed": "red", "errored": "yellow", "never ran": "dim"}
    for check in facts["checks"]:
        when = f" {ago(check['at'])}" if check["at"] else ""
        result = Text(check["status"], styles[check["status"]]).append(when, "dim")
        name = Text(check["name"]).append(" deep" if check["depth"] == "deep" else "", "cyan")
        table.add_row(name, check["severity"], result, check["description"])
    return table


def _rejections(facts: dict[str, Any]) -> Table | None:
    if not facts["rejections"]:
        return None
    table = Table.grid(padding=(0, 2))
    for row in facts["rejections"]:
        table.add_row(Text(ago(row["at"]), "dim"), row["file"], "\n".join(row["reasons"]))
    return table


def ago(moment: datetime) -> str:
    """Say how long ago a UTC moment was, in its largest unit."""
    seconds = int((datetime.now(UTC).replace(tzinfo=None) - moment).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"
