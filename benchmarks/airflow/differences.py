"""What docs/airflow.md says that Airflow does otherwise, shown by an Airflow that runs.

    python benchmarks/airflow/differences.py [--environment .venv-airflow]

Ends with 1 if one of it is not so. What the platform does instead is shown by the tests that the
page names.
"""

import argparse
import sys
import tempfile
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "automation_contest"))
from instance import Airflow, airflow_kept_up, database, installed  # noqa: E402

# Twice as long as the slowest of what is expected has ever taken here; a trigger looks every 5 s.
SECONDS = 20


def runs(airflow: Airflow, dag: str) -> int:
    """Return how many runs a DAG has had, when nothing more is asked for."""
    time.sleep(SECONDS)
    airflow.settled()
    found: int = airflow.asked(f"/api/v2/dags/{dag}/dagRuns")["total_entries"]
    return found


def pause(airflow: Airflow, dag: str, paused: bool) -> None:
    """Stop a DAG's schedule, or let it go on."""
    path = f"/api/v2/dags/{dag}?update_mask=is_paused"
    airflow.asked(path, method="PATCH", is_paused=paused)


def what_comes_while_a_dag_is_paused_is_not_caught_up(airflow: Airflow, _: Path) -> bool:
    """An event is reported while the DAG that follows from it is paused."""
    before = runs(airflow, "chain")
    pause(airflow, "chain", True)
    airflow.report("accounts", 1)
    pause(airflow, "chain", False)
    return runs(airflow, "chain") == before


def ten_events_are_joined(airflow: Airflow, _: Path) -> bool:
    """Events come while a run that follows from them waits."""
    before = runs(airflow, "chain")
    for number in range(10):
        airflow.report("accounts", number)
    return runs(airflow, "chain") - before < 10


def a_file_is_taken_while_it_is_written(airflow: Airflow, landing: Path) -> bool:
    """A writer has written half of its file, and goes on."""
    before = runs(airflow, "arrival")
    file = landing / "tickets.csv"
    with file.open("w") as writer:
        writer.write("half of it")
        writer.flush()
        return runs(airflow, "arrival") == before + 1 and not file.exists()


def a_list_of_assets_waits_for_all(airflow: Airflow, _: Path) -> bool:
    """One of two parents has news."""
    before = runs(airflow, "of_two")
    airflow.report("orders", 1)
    alone = runs(airflow, "of_two")
    airflow.report("customers", 1)
    return (alone, runs(airflow, "of_two")) == (before, before + 1)


def a_late_part_alone_starts_nothing(airflow: Airflow, _: Path) -> bool:
    """At least two of three hours are waited for, and the third comes later."""
    for hour in ("01", "02"):
        airflow.report("hours", 1, partition_key=hour)
    early = runs(airflow, "of_hours")
    airflow.report("hours", 1, partition_key="03")
    return (early, runs(airflow, "of_hours")) == (1, 1)


def what_follows_assets_has_no_backfill(airflow: Airflow, _: Path) -> bool:
    """A backfill is asked for of a DAG that follows assets."""
    days = {"from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-03T00:00:00Z"}
    try:
        airflow.asked("/api/v2/backfills", dag_id="chain", **days)
    except urllib.error.HTTPError as refusal:
        print(f"    {refusal.code}: {refusal.read().decode()[:160]}")
        return True
    return False


SHOWN: tuple[Callable[[Airflow, Path], bool], ...] = (
    ten_events_are_joined,
    what_comes_while_a_dag_is_paused_is_not_caught_up,
    a_list_of_assets_waits_for_all,
    a_late_part_alone_starts_nothing,
    a_file_is_taken_while_it_is_written,
    what_follows_assets_has_no_backfill,
)


def main() -> None:
    """Show each, and leave nothing behind."""
    parser = argparse.ArgumentParser(description="what Airflow does otherwise")
    parser.add_argument("--environment", type=Path, default=HERE.parents[1] / ".venv-airflow")
    tools, wrong = installed(parser.parse_args().environment), 0
    with tempfile.TemporaryDirectory(prefix="assetops-benchmark-") as folder:
        home = Path(folder).resolve() / "airflow"
        (home / "landing").mkdir(parents=True)
        dags = {"waiting.py": 2, "differences.py": 2}
        with (
            database(Path(folder)) as databases,
            airflow_kept_up(home, tools, dags, databases("shown"), SHOP=str(home)) as airflow,
        ):
            for show in SHOWN:
                so = show(airflow, home / "landing")
                wrong += not so
                print(f"{'so' if so else 'NOT SO':<8}{show.__name__.replace('_', ' ')}", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
