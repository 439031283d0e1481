"""Data Docs: which pages there are, made from the ledger when they are asked for.

A page costs nothing until somebody opens it, however many runs there have been.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any
from urllib.parse import quote

from assetops.history import CheckedRun, History
from assetops.model import Dataset
from assetops.quality.data_docs.rendering import SAFE, WHOLE, render
from assetops.quality.data_docs.suite_page import notes_on, sections_of
from assetops.quality.promises import promises_of
from assetops.quality.score import RUNS, graded_checks, score_of, sparkline, trend_of
from assetops.quality.suites import Suite

__all__ = ["SAFE", "DataDocs"]

_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class DataDocs:
    """The pages of one environment.

    Args:
        env: Whose results these are.
        history: Where they are read from.
        datasets: By address.
        suites: By dataset address.
        runs_shown: How many of a dataset's newest runs are listed, and written.
    """

    env: str
    history: History
    datasets: Mapping[str, Dataset]
    suites: Mapping[str, Suite]
    runs_shown: int

    def page(self, path: str) -> str | None:
        """Return the page at a path such as `index.html`, or None if there is no such page."""
        parts = path.strip("/").split("/")
        if parts[-1] == "index.html":
            parts.pop()
        if parts in ([], [""]):
            return self._index()
        named = "/".join(parts[1:]) + "/"
        address = next((a for a in self.datasets if named.startswith(f"{a}/")), None)
        if address is None:
            return None
        match [parts[0], *parts[1 + len(address.split("/")) :]]:
            case ["expectations"]:
                return self._suite(address)
            case ["validations"]:
                return self._asset(address)
            case ["validations", run_id]:
                return self._moved(address, run_id)
            case ["validations", run_id, partition]:
                return self._run(address, run_id, None if partition == WHOLE else partition)
        return None

    def write(self, folder: Path) -> int:
        """Write the site into a folder: only the pages that are new. Return how many runs were.

        Runs that are no longer among a dataset's newest are removed from it.
        """
        written = 0
        for address in self.datasets:
            runs = self.history.checked_runs(address, limit=self.runs_shown)
            home = folder / "validations" / address
            for run in runs:
                page = home / run.run_id / (run.partition or WHOLE) / "index.html"
                # A run that was not over when its page was written has results since.
                if page.exists() and page.stat().st_mtime >= run.at.replace(tzinfo=UTC).timestamp():
                    continue
                _write(page, self._run(address, run.run_id, run.partition))
                written += 1
            for run_id in {run.run_id for run in runs}:
                _write(home / run_id / "index.html", self._moved(address, run_id))
            if runs or self._promised(address):
                _write(home / "index.html", self._asset(address))
                _write(folder / "expectations" / address / "index.html", self._suite(address))
            _remove_others(home, {run.run_id for run in runs})
        _write(folder / "index.html", self._index())
        return written

    def _index(self) -> str:
        rows = [row for address in sorted(self.datasets) for row in self._summary(address)]
        return render("index.html", home="", env=self.env, rows=rows)

    def _summary(self, address: str) -> Iterator[dict[str, Any]]:
        newest = self.history.checked_runs(address, limit=1)
        promised = self._promised(address)
        if newest or promised:
            yield {
                "address": address,
                "checks": promised,
                "counts": newest[0].counts if newest else {},
                "at": newest[0].at.strftime(_TIME) if newest else "",
                **self._graded(address),
            }

    def _promised(self, address: str) -> int:
        return sum(1 for _ in promises_of(self.datasets[address], self.suites.get(address)))

    def _suite(self, address: str) -> str:
        suite = self.suites.get(address)
        # Only what `write` keeps is linked to: a mark may be older.
        kept = {_place(run) for run in self.history.checked_runs(address, limit=self.runs_shown)}
        return render(
            "suite.html",
            home="../" * (1 + len(address.split("/"))),
            address=address,
            description=self.datasets[address].description,
            suite=f"gx/expectations/{address}.json" if suite else None,
            notes=list(notes_on(suite)),
            sections=sections_of(self.datasets[address], suite, self.history),
            linked={place: _path(address, place) for place in kept},
        )

    def _graded(self, address: str) -> dict[str, Any]:
        checks = graded_checks(self.datasets[address], self.suites.get(address))
        stood, outcomes = self.history.outcomes(address, runs=RUNS)
        latest = stood | {outcome.check: outcome.status for outcome in outcomes}
        score = score_of(checks, latest)
        parts = [f"{d} {_shown(s)}" for d, s in score.dimensions.items()]
        return {
            "score": _shown(score.score),
            "dimensions": ", ".join(parts),
            "trend": sparkline(run["score"] for run in trend_of(checks, stood, outcomes)),
        }

    def _asset(self, address: str, *, missing: str | None = None, below: int = 0) -> str:
        runs = self.history.checked_runs(address, limit=self.runs_shown)
        return render(
            "asset.html",
            home="../" * (1 + len(address.split("/")) + below),
            address=address,
            description=self.datasets[address].description,
            missing=missing,
            kept=self.runs_shown,
            runs=[
                {
                    "run_id": run.run_id,
                    "partition": run.partition,
                    "at": run.at.strftime(_TIME),
                    "counts": run.counts,
                    "path": _path(address, _place(run)),
                }
                for run in runs
            ],
            **self._graded(address),
        )

    def _moved(self, address: str, run_id: str) -> str:
        """Lead to a run's page; where it checked several partitions, to the first that is bad."""
        parts = self.history.parts_of(address, run_id)
        if not parts:
            return self._asset(address, missing=run_id, below=1)
        to = parts[0].partition or WHOLE
        home = "../" * (2 + len(address.split("/")))
        return render("moved.html", home=home, to=f"{quote(to)}/index.html")

    def _run(self, address: str, run_id: str, partition: str | None) -> str:
        found = self.history.results_in(address, run_id, partition)
        if not found:
            return self._asset(address, missing=run_id, below=2)
        # Great Expectations takes seconds to import: only who opens such a page pays for it.
        from assetops.quality.data_docs.pages import run_page

        dataset = self.datasets[address]
        run = next(p for p in self.history.parts_of(address, run_id) if p.partition == partition)
        facts = {
            "home": "../" * (3 + len(address.split("/"))),
            "address": address,
            "run_id": run_id,
            "partition": partition,
            "at": run.at.strftime(_TIME),
            "counts": run.counts,
        }
        private = {column.name for column in dataset.columns if column.pii}
        return run_page(facts, [verdict for verdict, _ in found], pii=private)


def _place(run: CheckedRun) -> tuple[str, str]:
    return run.run_id, run.partition or WHOLE


def _path(address: str, place: tuple[str, str]) -> str:
    return "/".join(["validations", *map(quote, (address, *place)), "index.html"])


def _shown(score: float | None) -> str:
    return "none" if score is None else f"{score:g}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.write_text(text, "utf-8")
    aside.replace(path)


def _remove_others(home: Path, kept: set[str]) -> None:
    """Remove the runs that are no longer kept; nothing that does not look like a run of ours."""
    for folder in home.iterdir() if home.is_dir() else ():
        if folder.name not in kept and _RUN_ID.fullmatch(folder.name):
            shutil.rmtree(folder)
