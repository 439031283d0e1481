"""Data Docs: which pages there are, made from the ledger when they are asked for.

A page costs nothing until somebody opens it, however many runs there have been.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader

from assetops.history import CheckedRun, History
from assetops.model import Dataset, Status
from assetops.quality.score import RUNS, graded_checks, score_of, sparkline, trend_of
from assetops.quality.suites import Suite

_WHOLE = "all"
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
        if parts[0] != "validations" or address is None:
            return None
        match parts[1 + len(address.split("/")) :]:
            case []:
                return self._asset(address)
            case [run_id]:
                return self._moved(address, run_id)
            case [run_id, partition]:
                return self._run(address, run_id, None if partition == _WHOLE else partition)
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
                page = home / run.run_id / (run.partition or _WHOLE) / "index.html"
                # A run that was not over when its page was written has results since.
                if page.exists() and page.stat().st_mtime >= run.at.replace(tzinfo=UTC).timestamp():
                    continue
                _write(page, self._run(address, run.run_id, run.partition))
                written += 1
            for run_id in {run.run_id for run in runs}:
                _write(home / run_id / "index.html", self._moved(address, run_id))
            if runs:
                _write(home / "index.html", self._asset(address))
            _remove_others(home, {run.run_id for run in runs})
        _write(folder / "index.html", self._index())
        return written

    def _index(self) -> str:
        rows = [row for address in sorted(self.datasets) for row in self._summary(address)]
        return _render("index.html", home="", env=self.env, rows=rows)

    def _summary(self, address: str) -> Iterator[dict[str, Any]]:
        newest = self.history.checked_runs(address, limit=1)
        if newest:
            yield {
                "address": address,
                "newest": _result(newest[0]),
                "status": _status(newest[0]).value,
                "at": newest[0].at.strftime(_TIME),
                **self._graded(address),
            }

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
        return _render(
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
                    "result": _result(run),
                    "status": _status(run).value,
                    "path": f"validations/{quote(address)}/{_place(run)}/index.html",
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
        to = parts[0].partition or _WHOLE
        home = "../" * (2 + len(address.split("/")))
        return _render("moved.html", home=home, to=f"{quote(to)}/index.html")

    def _run(self, address: str, run_id: str, partition: str | None) -> str:
        found = self.history.results_in(address, run_id, partition)
        if not found:
            return self._asset(address, missing=run_id, below=2)
        # Great Expectations takes seconds to import: only who opens such a page pays for it.
        from assetops.quality.data_docs.pages import run_page

        run = CheckedRun(
            run_id=run_id,
            partition=partition,
            at=max(at for _, at in found),
            statuses={verdict.check: verdict.status for verdict, _ in found},
        )
        private = {column.name for column in self.datasets[address].columns if column.pii}
        facts = {
            "home": "../" * (3 + len(address.split("/"))),
            "address": address,
            "run_id": run_id,
            "partition": partition,
            "at": run.at.strftime(_TIME),
            "result": _result(run),
            "status": _status(run).value,
        }
        return run_page(facts, [verdict for verdict, _ in found], pii=private)


def _place(run: CheckedRun) -> str:
    return f"{quote(run.run_id)}/{quote(run.partition or _WHOLE)}"


def _status(run: CheckedRun) -> Status:
    worst = (Status.FAILED, Status.ERRORED)
    return next((status for status in worst if run.count(status)), Status.PASSED)


def _result(run: CheckedRun) -> str:
    counts = {status: run.count(status) for status in Status}
    return ", ".join(f"{count} {status.value}" for status, count in counts.items() if count)


def _shown(score: float | None) -> str:
    return "none" if score is None else f"{score:g}"


def _render(template: str, **facts: Any) -> str:
    return _templates().get_template(template).render(**facts)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("assetops.quality.data_docs", "templates"),
        autoescape=True,
        trim_blocks=True,
    )


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
