"""`assetops backfill`: many landing days again, in parts, so that nobody waits for long."""

import json
import time
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING
from uuid import uuid4

import click
from rich.console import Console

from assetops.cli import enter_platform

if TYPE_CHECKING:
    import dagster as dg

    from assetops.cli.outcome import Outcome
    from assetops.opened import Platform

# The backfill that a run belongs to, and what was asked for.
ID_TAG, OF_TAG = "assetops/backfill", "assetops/backfill_of"
_GIVE_WAY_SECONDS = 1.0


@click.command("backfill")
@click.argument("days", metavar="FROM..TO")
@click.option("--select", help="Which assets, as for assetops build; by default all.")
@click.option("--chunk", default=30, type=click.IntRange(1), help="Days in one run; 30.")
@click.option("--restart", is_flag=True, help="From the first day, though some are done.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def command(days: str, select: str | None, chunk: int, restart: bool, as_json: bool) -> None:
    """Rebuild the landing days FROM..TO in parts; what was stopped goes on where it was.

    Between two parts whoever waits for the warehouse has it. The last part publishes.
    """
    console = Console(stderr=as_json, highlight=False)
    with console.status("reading the project"):
        from assetops.cli.running import load_definitions

        platform = enter_platform()
        definitions = load_definitions(platform.settings.root)
    backfill = Backfill(platform, definitions, days, select, console)
    outcome = backfill.run(chunk, restart=restart)
    if as_json:
        facts = {"backfill": backfill.id, "days": days, "left": len(backfill.left())}
        click.echo(json.dumps({**facts, "last": outcome.as_json()}, default=str))
    if outcome.exit_code:
        raise SystemExit(outcome.exit_code)


class Backfill:
    """A range of landing days that is rebuilt; what is done is known from Dagster's runs."""

    def __init__(
        self,
        platform: "Platform",
        definitions: "dg.Definitions",
        days: str,
        select: str | None,
        console: Console,
    ) -> None:
        from assetops.cli.days import landed_in

        self.days: Sequence[date] = landed_in(platform, days)
        self._platform, self._definitions, self._console = platform, definitions, console
        self._select = select
        self._of = f"{days} of {select or 'all'} in {platform.settings.env.value}"
        self.id = ""

    def run(self, chunk: int, *, restart: bool = False) -> "Outcome":
        """Run what is left, part by part; return what became of the last, or of a bad one."""
        self.id = "" if restart else self._unfinished()
        left = self.left()
        if self.id:
            done = len(self.days) - len(left)
            self._say(f"Going on with backfill {self.id}: {done} of {len(self.days)} days are done")
        self.id = self.id or uuid4().hex[:8]
        while True:
            outcome = self._run_part(part := left[:chunk], last=len(left) <= chunk)
            left = self.left()
            self._tell(outcome, part, left)
            if outcome.exit_code or not left:
                return outcome
            # Who waits for the warehouse looks more often than this.
            time.sleep(_GIVE_WAY_SECONDS)

    def left(self) -> list[date]:
        """Return the days that no run of this backfill has built."""
        from assetops.cli.days import FROM_TAG, TO_TAG
        from assetops.cli.instance import open_instance

        if not self.id:
            return list(self.days)
        import dagster as dg

        built = dg.RunsFilter(tags={ID_TAG: self.id}, statuses=[dg.DagsterRunStatus.SUCCESS])
        with open_instance(self._platform.settings) as instance:
            spans = [(r.tags[FROM_TAG], r.tags[TO_TAG]) for r in instance.get_runs(built)]
        return [d for d in self.days if not any(a <= str(d) <= b for a, b in spans)]

    def _unfinished(self) -> str:
        """Return the id of the newest backfill of these days, if it has not come to its end."""
        import dagster as dg

        from assetops.cli.instance import open_instance

        with open_instance(self._platform.settings) as instance:
            runs = instance.get_runs(dg.RunsFilter(tags={OF_TAG: self._of}), limit=1)
        if not runs:
            return ""
        self.id = runs[0].tags[ID_TAG]
        return self.id if self.left() else ""

    def _run_part(self, part: Sequence[date], *, last: bool) -> "Outcome":
        import dagster as dg
        from dagster._core.storage.tags import PRIORITY_TAG

        from assetops.build import BUILD_JOB
        from assetops.cli.days import FROM_TAG, TO_TAG
        from assetops.cli.progress import Progress
        from assetops.cli.running import run_job, selected
        from assetops.model import BACKFILL_PRIORITY

        started = time.monotonic()
        job = self._definitions.resolve_job_def(BUILD_JOB)
        keys = set(job.asset_layer.selected_asset_keys)
        if self._select:
            keys = set(selected(self._definitions, self._select))
        if not last:
            # Consumers see the days together, and releases to go back to are not used up.
            published = self._platform.project.published()
            keys -= {dg.AssetKey(dataset.published_key) for dataset in published}
        tags = {
            FROM_TAG: str(part[0]),
            TO_TAG: str(part[-1]),
            ID_TAG: self.id,
            OF_TAG: self._of,
            PRIORITY_TAG: BACKFILL_PRIORITY,
        }
        progress = Progress(self._console)
        outcome = run_job(self._platform, progress, job, tags, asset_selection=sorted(keys))
        outcome.seconds = time.monotonic() - started
        return outcome

    def _tell(self, outcome: "Outcome", part: Sequence[date], left: Sequence[date]) -> None:
        for failure in outcome.failures:
            self._say(f"\n{failure.step} failed:\n{failure.reason}", style="red")
        count = f"{len(part)} day{'s' * (len(part) != 1)}"
        ended = "done" if outcome.exit_code == 0 else "not done"
        self._say(f"{part[0]}..{part[-1]}: {count} {ended} in {outcome.seconds:.1f} s")
        if outcome.exit_code:
            self._say(
                f"{outcome.verdict()}\nMend what is named above, and run the command again: it "
                f"goes on with the {len(left)} day{'s' * (len(left) != 1)} that are left."
            )
        elif not left:
            self._say(f"\nBackfill {self.id} is done. {outcome.publication.rstrip(',')}.")

    def _say(self, words: str, style: str | None = None) -> None:
        self._console.print(words, markup=False, soft_wrap=True, style=style)
