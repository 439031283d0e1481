"""What a run is doing, as it does it: one row per asset, alive on a terminal, lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from assetops.model import EXIT_CODE, HELD_ROWS

if TYPE_CHECKING:
    from dagster import DagsterEvent, EventLogEntry

SHOWN = 12


@dataclass
class AssetRow:
    """What has been seen of one asset in this run."""

    address: str
    rows: int | None = None
    # Rows that landed and are kept out of it, in quarantine.
    held: int = 0
    batches: int = 0
    passed: int = 0
    warned: int = 0
    failed: int = 0
    errored: int = 0
    seconds: float | None = None
    step: str | None = None
    done: bool = False
    # What became of a published table that shows what it showed before: confirmed, or held back.
    kept: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass
class Failure:
    """Why a step failed, as a person may read it."""

    step: str
    reason: str
    exit_code: int


@dataclass
class Progress:
    """Listens to a run's events and keeps what the terminal and the summary show."""

    console: Console
    assets: dict[str, AssetRow] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    release: str | None = None
    _live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the run while it lasts."""
        if not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, refresh_per_second=8, transient=True) as live:
            self._live = live
            live.update(self._picture(), refresh=True)
            yield
            self._live = None

    def __call__(self, entry: "EventLogEntry") -> None:
        """Take in one event of the run."""
        event = entry.dagster_event
        if event is None:
            return
        if event.is_step_start and event.step_key:
            self.running[event.step_key] = time.monotonic()
        elif event.is_step_success or event.is_step_failure or event.is_step_skipped:
            self._end_step(event)
        elif event.is_step_materialization or event.event_type_value == "ASSET_OBSERVATION":
            self._materialised(event)
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            self._checked(event)
        if self._live:
            self._live.update(self._picture())

    def say(self, message: str) -> None:
        """Tell what the run waits for."""
        self.console.print(message, style="yellow", markup=False, soft_wrap=True)

    def row(self, address: str) -> AssetRow:
        """Return an asset's row, adding it at first sight."""
        return self.assets.setdefault(address, AssetRow(address))

    def _materialised(self, event: "DagsterEvent") -> None:
        if event.asset_key is None:
            return
        row = self.row("/".join(event.asset_key.path))
        if event.event_type_value == "ASSET_OBSERVATION":
            # Of publication, which tells of an event: consumers see the table that they saw before.
            seen = event.asset_observation_data.asset_observation.metadata.get("event")
            if seen is not None:
                row.kept = "held back" if seen.value == "held" else "unchanged"
                row.done = True
            return
        materialization = event.step_materialization_data.materialization
        metadata = materialization.metadata
        if "dagster/row_count" in metadata:
            row.rows = int(str(metadata["dagster/row_count"].value))
        if "dagster/partition_row_count" in metadata:
            rows = int(str(metadata["dagster/partition_row_count"].value))
            row.rows = (row.rows or 0) + rows
        if HELD_ROWS in metadata:
            row.held += int(str(metadata[HELD_ROWS].value))
        if "Execution Duration" in metadata:
            row.seconds = float(str(metadata["Execution Duration"].value))
        row.batches += materialization.partition is not None
        row.step = event.step_key
        if not row.done and not self._live:
            self.console.print(f"  {row.address}", style="green", highlight=False)
        row.done = True

    def _checked(self, event: "DagsterEvent") -> None:
        data = event.asset_check_evaluation_data
        row = self.row("/".join(data.asset_key.path))
        if data.passed:
            row.passed += 1
        elif data.severity.value == "WARN":
            row.warned += 1
            why = f". {data.description}" if data.description else ""
            row.warnings.append(f"{row.address}: {data.check_name} warned{why}")
        else:
            row.failed += 1
            if not self._live:
                self.console.print(f"  {row.address}: {data.check_name} failed", style="red")

    def _end_step(self, event: "DagsterEvent") -> None:
        started = self.running.pop(event.step_key or "", None)
        if event.is_step_failure:
            self.failures.append(_failure(event))
        elif started is not None:
            made = [row for row in self.assets.values() if row.step == event.step_key]
            # A step that makes several assets reports the time of each itself, or of none.
            if len(made) == 1 and made[0].seconds is None:
                made[0].seconds = time.monotonic() - started

    def _picture(self) -> Group:
        table = Table.grid(padding=(0, 2))
        done = [row for row in self.assets.values() if row.done or row.passed or row.failed]
        for row in done[-SHOWN:]:
            table.add_row(
                Text("x", "red") if row.failed else Text("✓", "green"), row.address, what(row)
            )
        spinners = [
            Spinner("dots", f"{step.replace('__', '/')}  {time.monotonic() - since:.0f} s")
            for step, since in self.running.items()
        ]
        more = Text(f"… and {len(done) - SHOWN} before", "dim") if len(done) > SHOWN else Text("")
        return Group(more, table, *(spinners or [Spinner("dots", "starting")]))


def what(row: AssetRow) -> Text:
    """Say in a few words what became of an asset."""
    words = []
    if row.batches:
        words.append(f"{row.batches} batch" + ("es" if row.batches > 1 else ""))
    if row.rows is not None:
        words.append(f"{row.rows:,} rows")
    if row.held:
        words.append(f"{row.held:,} held back")
    if row.kept:
        words.append(row.kept)
    return Text(", ".join(words), "dim")


def _failure(event: "DagsterEvent") -> Failure:
    data = event.step_failure_data
    step = event.step_key or ""
    if data.user_failure_data is not None:
        code = data.user_failure_data.metadata.get(EXIT_CODE)
        return Failure(
            step, data.user_failure_data.description or "", int(str(code.value)) if code else 2
        )
    error = data.error
    while error and error.cause:
        error = error.cause
    if error and error.cls_name == "DagsterAssetCheckFailedError":
        return Failure(step, error.message.strip().split(": ", 1)[-1], 1)
    if error and error.cls_name == "DagsterExecutionInterruptedError":
        return Failure(step, "It was stopped. The next build does what it had not finished.", 2)
    said = error.message.strip() if error else "failed"
    # An error of ours is a sentence: its class is of no use to who reads it.
    return Failure(step, said.split(": ", 1)[-1] if said.startswith("assetops.") else said, 2)
