"""How soon runs begin, and how long a day takes, beside Airflow 3.3 with Cosmos.

arrival  a file is closed in landing: until the first step of the run that takes it in.
chain    an asset is reported by API: until the first step of what follows from it.
day      the last file of a day of the example shop is in landing: until consumers see the day.

Ours is measured by what `benchmarks/automation.py` has, and Airflow by the same functions. The two
take turns: one is started, measured and stopped, then the other.

    benchmarks/airflow/install.sh            # once: Airflow, in an environment of its own
    python benchmarks/airflow/compare.py [--small] [--json] [--only arrival|chain|day]
                                         [--environment .venv-airflow]
"""

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPO = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "automation_contest")]
from automation import SAID, Tries, arrivals, figures, published, reports  # noqa: E402
from instance import (  # noqa: E402
    PATIENCE_SECONDS,
    airflow_kept_up,
    called,
    database,
    installed,
    program,
)
from platforms import ASSETOPS, LANDING, PUBLISHED, desk, kept_up, land, shop  # noqa: E402

# Airflow's DAGs of the example shop: what dbt does watched by Cosmos, and Cosmos as it is.
MODES = {"airflow, dbt at once": "shop_watcher", "airflow, a task a model": "shop_local"}
Sides = dict[str, Tries]
Databases = Callable[[str], str]


def begins(
    root: Path, tools: Path, databases: Databases, rounds: int, tries: int, *, case: str
) -> Sides:
    """Measure how soon something begins after a file, or after an asset that it follows from."""
    ours, sides = desk(root), {"ours": [], "airflow": []}
    file = ours / "landing/support/tickets/2026-01-07.csv"
    for number in range(rounds):
        with kept_up(ours, ASSETOPS, "up") as running:
            if case == "arrival":
                sides["ours"] += arrivals(running, file, tries)
            else:
                sides["ours"] += reports(running, "crm/accounts", tries)
        home, url = root / f"airflow{number}", databases(f"{case}{number}")
        (home / "landing").mkdir(parents=True)
        with airflow_kept_up(home, tools, {"waiting.py": 2}, url, SHOP=str(home)) as peer:
            if case == "arrival":
                sides["airflow"] += arrivals(peer, home / "landing/tickets.csv", tries)
            else:
                sides["airflow"] += reports(peer, "accounts", tries)
    return sides


def day(root: Path, tools: Path, databases: Databases, rounds: int, *, orders: int) -> Sides:
    """Measure days, until consumers see them: two with ours, and one with each mode of Cosmos."""
    ours, aside, days = shop(root, rounds * len(MODES), orders)
    peer = other_shop(ours, aside, root / "peer", tools)
    sides: Sides = {"ours": [], **{mode: [] for mode in MODES}}
    for turn in range(rounds):
        some = days[turn * len(MODES) :][: len(MODES)]
        with kept_up(ours, ASSETOPS, "up") as running:
            for name in some:
                land_it = partial(land, aside, ours / LANDING, name)
                sides["ours"] += published(running, ours / PUBLISHED, land_it, PATIENCE_SECONDS)
        more = {"SHOP": str(peer), "ASSETOPS_WAREHOUSE": str(peer / "dev.duckdb")}
        home, url = root / f"airflow{turn}", databases(f"day{turn}")
        with airflow_kept_up(home, tools, {"shop.py": 2}, url, **more) as airflow:
            for name, (mode, dag) in zip(some, MODES.items(), strict=True):
                land_it = partial(land_day, peer, name, dag)
                file = peer / "published.duckdb"
                sides[mode] += published(airflow, file, land_it, PATIENCE_SECONDS)
            airflow.settled()
    agree(ours / PUBLISHED, peer / "published.duckdb")
    return sides


def other_shop(ours: Path, aside: Path, peer: Path, tools: Path) -> Path:
    """Return a folder with the same shop for Airflow: its data, its dbt project, what will land."""
    shutil.copytree(ours / LANDING, peer / "landing")
    shutil.copytree(aside, peer / "aside")
    shutil.copytree(ours / "dbt_project", peer / "dbt_project")
    shutil.copy2(ours / "data/dev/dev.duckdb", peer)
    shutil.copy2(ours / PUBLISHED, peer / "published.duckdb")
    folders = [f"{option}={peer}/dbt_project" for option in ("--project-dir", "--profiles-dir")]
    dbt = [program(tools, "dbt"), "parse", *folders, f"--log-path={peer}/logs"]
    called(dbt, ASSETOPS_WAREHOUSE=str(peer / "dev.duckdb"))
    return peer


def land_day(peer: Path, name: str, dag: str) -> None:
    """Land a day for Airflow, and the file that says that the day is complete."""
    land(peer / "aside", peer / "landing", name)
    (peer / f"landing/{dag}.complete").touch()


def agree(ours: Path, theirs: Path) -> None:
    """Say so if the two have not published the same."""
    import duckdb

    query = "select count(*), sum(revenue), max(order_date) from marts.orders"
    found = []
    for file in (ours, theirs):
        with duckdb.connect(str(file), read_only=True) as connection:
            found.append(connection.execute(query).fetchone())
    if found[0] != found[1]:
        print(f"They have NOT published the same: {found}", file=sys.stderr)


def measured(name: str, tools: Path, small: bool) -> Sides:
    """Measure a case in a folder of its own, and leave nothing behind."""
    root = Path(tempfile.mkdtemp(prefix="assetops-benchmark-")).resolve()
    try:
        with database(root) as databases:
            if name == "day":
                rounds, orders = (1, 2000) if small else (3, 20_000)
                return day(root, tools, databases, rounds, orders=orders)
            rounds, tries = (1, 3) if small else (2, 10)
            return begins(root, tools, databases, rounds, tries, case=name)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def claims(name: str, sides: Sides) -> Iterator[dict[str, Any]]:
    """Yield one case, once for each peer, as the objects that `--json` prints."""
    ours = figures(sides["ours"])
    for side, tries in sides.items():
        peer = figures(tries)
        if side != "ours":
            both = ours["median"] is not None and peer["median"]
            yield {
                "claim": f"{SAID[name]}; peer: {side}",
                "ours": ours,
                "peer": peer,
                "limit": None,
                "ratio": round(ours["median"] / peer["median"], 3) if both else None,
                "goal": None,
                "unit": "s",
            }


def main() -> None:
    """Measure, print, and leave nothing behind."""
    parser = argparse.ArgumentParser(description="beside Airflow 3.3 with Cosmos")
    parser.add_argument("--small", action="store_true", help="three tries, one small day")
    parser.add_argument("--json", action="store_true", help="one object, for a program")
    parser.add_argument("--only", choices=("arrival", "chain", "day"))
    parser.add_argument("--environment", type=Path, default=REPO / ".venv-airflow")
    choice = parser.parse_args()
    # Whoever ends this wants all that it has started to end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tools = installed(choice.environment)
    before, found, begun = os.getloadavg()[0], [], time.time()
    for name in ("arrival", "chain", "day"):
        if choice.only in (None, name):
            print(name, file=sys.stderr)
            found += claims(name, measured(name, tools, choice.small))
    loads = f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after"
    took = f"{(time.time() - begun) / 60:.0f} minutes"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {loads}, {took}"
    if choice.json:
        print(json.dumps({"claims": found, "machine": machine}, indent=2))
        return
    print(f"{'seconds: median, worst (lost)':<64}{'ours':>16}{'peer':>18}{'ratio':>8}")
    for claim in found:
        cells = [
            f"{side['median']}, {side['worst']} ({side['lost']})"
            for side in (claim["ours"], claim["peer"])
        ]
        print(f"{claim['claim']:<64}{cells[0]:>16}{cells[1]:>18}{claim['ratio'] or '-':>8}")
    print(f"\n{machine}")


if __name__ == "__main__":
    main()
