"""Platforms that run while a benchmark lands files and reports assets, ours and the peer's."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPO = HERE.parents[1]
ASSETOPS = "from assetops.cli import main; main()"
RETAIL = "from retail.cli import main; main()"
DAGSTER = "from dagster._cli import main; main()"
# Of the example shop.
LANDING = Path("data/dev/landing/retail")
PUBLISHED = Path("data/dev/published/warehouse.duckdb")
# Longer than any default of the peer's: what has not begun by then never will.
LOST_SECONDS = 90
NEWEST = """{runsOrError(limit: 1) {... on Runs {results {runId status
stepStats {stepKey startTime}}}}}"""


def environment(**more: str) -> dict[str, str]:
    """Return a clean environment; without bytecode every process would compile everything again."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ASSETOPS_", "DAGSTER_"))}
    clean.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**clean, "PYTHONPATH": str(REPO / "platform"), "DO_NOT_TRACK": "1", **more}


def called(folder: Path, program: str, *words: str) -> None:
    """Run a program to its end."""
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stdout}{done.stderr}")


class Running:
    """A platform with its webserver."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Return what the webserver answers."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def report(self, asset: str, number: int) -> None:
        """Say that an asset was made."""
        self.post(f"/report_asset_materialization/{asset}", data_version=str(number))

    def newest(self) -> dict[str, Any]:
        """Return the run that was asked for last."""
        runs = self.post("/graphql", query=NEWEST)["data"]["runsOrError"]["results"]
        return runs[0] if runs else {"runId": None, "status": "SUCCESS"}

    def settled(self) -> str | None:
        """Wait until nothing runs and nothing new is asked for, and return the newest run's id."""
        quiet, known = time.monotonic(), self.newest()["runId"]
        while time.monotonic() - quiet < 2:
            run = self.newest()
            if run["runId"] != known or run["status"] not in ("SUCCESS", "FAILURE", "CANCELED"):
                quiet, known = time.monotonic(), run["runId"]
            time.sleep(0.2)
        return known

    def failed(self, known: str | None) -> bool:
        """Tell whether a run other than the known one has failed."""
        run = self.newest()
        return run["runId"] != known and run["status"] == "FAILURE"

    def first_step(self, known: str | None) -> float | None:
        """Wait for a run other than the known one, and return when its first step started."""
        until = time.monotonic() + LOST_SECONDS
        while time.monotonic() < until:
            run = self.newest()
            if run["runId"] != known and run["status"] in ("SUCCESS", "FAILURE"):
                if run["status"] == "FAILURE":
                    sys.exit(f"The run {run['runId']} failed.")
                return min(float(step["startTime"]) for step in run["stepStats"])
            # Seldom, so that looking takes little of the machine.
            time.sleep(0.25)
        return None


def free_ports() -> tuple[int, int]:
    """Return two ports that nobody listens at."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


@contextmanager
def kept_up(folder: Path, program: str, *words: str, **more: str) -> Iterator[Running]:
    """Keep a platform running, and end all that it has started."""
    port, docs = free_ports()
    more |= {"ASSETOPS_DATA_DOCS_URL": f"http://127.0.0.1:{docs}"}
    command = [sys.executable, "-c", program, *words, "--port", str(port)]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(**more),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        running = Running(folder, port)
        for _ in range(600):
            try:
                running.newest()
                break
            except OSError:
                if process.poll() is not None:
                    sys.exit(f"It ended: {(folder / 'log.txt').read_text()}")
                time.sleep(0.2)
        else:
            sys.exit(f"It did not answer: {(folder / 'log.txt').read_text()}")
        # Its daemon has begun when it has looked once, and what it asked for is done.
        time.sleep(15)
        running.settled()
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            # Children of `dagster dev` may outlive it.
            if process.poll() is None or program == DAGSTER:
                with_it(process.pid)


def with_it(group: int) -> None:
    """End what is left of a session."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def desk(folder: Path) -> Path:
    """Return a small platform of ours: files of a help desk, and a source that others report."""
    root = folder / "desk"
    called(folder, ASSETOPS, "init", str(root))
    models = root / "dbt_project/models/staging/crm"
    models.mkdir()
    (models / "_crm__sources.yml").write_text(
        "sources:\n- name: crm\n  tables:\n  - name: accounts\n    description: Reported.\n"
    )
    (models / "stg_crm__accounts.sql").write_text(
        # A view would show the news by itself, and not be made again.
        "{{ config(materialized='table') }}\n"
        "-- depends_on: {{ source('crm', 'accounts') }}\nselect 1 as account_id\n"
    )
    return root


def shop(folder: Path, days: int, orders: int) -> tuple[Path, Path, list[str]]:
    """Return the example shop with three days landed, and where the days after those wait."""
    root, aside = folder / "shop", folder / "aside"
    root.mkdir()
    for name in ("dbt_project", "gx"):
        shutil.copytree(REPO / name, root / name, ignore=shutil.ignore_patterns("target", "logs"))
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy2(REPO / name, root / name)
    (root / "platform").symlink_to(REPO / "platform")
    first = date.today() - timedelta(days=days + 4)
    words = [f"--days={days + 3}", f"--orders-per-day={orders}", f"--start={first}"]
    called(folder, RETAIL, "simulate", *words, f"--out={aside}")
    named = [str(first + timedelta(days=number)) for number in range(days + 3)]
    for day in named[:3]:
        land(aside, root / LANDING, day)
    called(root, ASSETOPS, "build")
    return root, aside, named[3:]


def land(aside: Path, landing: Path, day: str) -> None:
    """Move what waits for a day, and what has no day, into landing."""
    for file in sorted(aside.rglob("*")):
        if file.is_file() and (file.name.startswith(day) or not file.name[:1].isdigit()):
            place = landing / file.relative_to(aside)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.rename(place)
