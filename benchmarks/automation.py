"""How soon a run begins after what it waits for, against stock Dagster with its defaults.

arrival   a file is closed in landing: until the first step of the run that takes it in.
chain     an upstream asset is reported by API: until the first step of what follows from it.
day       the last file of a day of the example shop is in landing: until the day is published.
tick      one of 2,000 assets with 365 partitions is updated: the tick that asks for 209 others.
history   the same where 10,000 runs have made each of those partitions.

Ours runs under `assetops up`, the peer under `dagster dev`; a try begins when nothing runs. A tick
is evaluated in this process, on files as the root dagster.yaml has them, both sides in turn.

    python benchmarks/automation.py [--small] [--json] [--only arrival|chain|day|tick|history]
"""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
# This file is called as a package that others import.
sys.path = [folder for folder in sys.path if Path(folder).resolve() != HERE]
sys.path.insert(0, str(HERE / "automation_contest"))
from platforms import (  # noqa: E402 (it lies beside this script)
    ASSETOPS,
    DAGSTER,
    LANDING,
    LOST_SECONDS,
    PUBLISHED,
    Running,
    desk,
    kept_up,
    land,
    shop,
)
from ticks import ticks  # noqa: E402 (the same)

Tries = list[float | None]
# The median that is wanted, and the worst.
GOALS = {
    "arrival": (2.0, 5.0),
    "chain": (1.0, 3.0),
    "day": (10.0, None),
    "tick": (1.0, None),
    "history": (1.0, None),
}
SAID = {
    "arrival": "file closed → first step",
    "chain": "upstream made → first step",
    "day": "day landed → published",
    "tick": "update → decided",
    "history": "the same, long after",
}
CSV = "ticket_id,customer_id,opened_at,topic\n"


def written(file: Path, number: int) -> float:
    """Write a file of its own content, and return when it was closed."""
    rows = [f"{1000 * number + row},7,2026-01-07 01:15:00,delivery\n" for row in range(20)]
    with file.open("w") as writer:
        writer.write(CSV + "".join(rows))
    return time.time()


def arrivals(running: Running, file: Path, tries: int) -> Tries:
    """Close a file again and again."""
    taken: Tries = []
    for number in range(1, tries + 1):
        known = running.settled()
        closed = written(file, number)
        begun = running.first_step(known)
        taken.append(begun - closed if begun else None)
    return taken


def reports(running: Running, asset: str, tries: int) -> Tries:
    """Report an asset again and again."""
    taken: Tries = []
    for number in range(1, tries + 1):
        known = running.settled()
        before = time.time()
        running.report(asset, number)
        begun = running.first_step(known)
        taken.append(begun - before if begun else None)
    return taken


def stock(root: Path, measure: Callable[[Running], Tries]) -> Tries:
    """Measure the peer."""
    home = root / "stock"
    (home / "landing").mkdir(parents=True, exist_ok=True)
    shutil.copy2(HERE / "automation_contest/stock.py", home)
    words = ("dev", "-f", "stock.py")
    with kept_up(home, DAGSTER, *words, DAGSTER_HOME=str(home)) as running:
        return measure(running)


def arrival(root: Path, *, small: bool) -> dict[str, Tries]:
    """Measure files."""
    ours = desk(root)
    with kept_up(ours, ASSETOPS, "up") as running:
        taken = arrivals(
            running, ours / "landing/support/tickets/2026-01-07.csv", 3 if small else 50
        )
    file, some = root / "stock/landing/tickets.csv", 1 if small else 5
    return {"ours": taken, "peer": stock(root, lambda peer: arrivals(peer, file, some))}


def chain(root: Path, *, small: bool) -> dict[str, Tries]:
    """Measure reports."""
    with kept_up(desk(root), ASSETOPS, "up") as running:
        taken = reports(running, "crm/accounts", 3 if small else 50)
    some = 1 if small else 5
    return {"ours": taken, "peer": stock(root, lambda peer: reports(peer, "accounts", some))}


def published(running: Running, file: Path, land_it: Callable[[], None], patience: int) -> Tries:
    """Land a day, and wait until another file is in the place of the one that consumers read."""
    known, before = running.settled(), file.stat().st_ino
    land_it()
    looked = landed = time.time()
    while (now := time.time()) - landed < patience:
        if file.stat().st_ino != before:
            return [now - landed]
        if now - looked > 2:
            looked = now
            if running.failed(known):
                sys.exit("The run of the day failed.")
        time.sleep(0.02)
    return [None]


def day(root: Path, *, small: bool) -> dict[str, Tries]:
    """Measure days, until consumers see them."""
    tries, orders = (2, 2000) if small else (10, 20_000)
    ours, aside, days = shop(root, tries, orders)
    file, taken = ours / PUBLISHED, []
    with kept_up(ours, ASSETOPS, "up") as running:
        for name in days:
            land_it = partial(land, aside, ours / LANDING, name)
            taken += published(running, file, land_it, LOST_SECONDS)
    return {"ours": taken}


def tick(root: Path, *, small: bool, runs: int = 100) -> dict[str, Tries]:
    """Measure the evaluation itself, after this many runs."""
    tries = {"ours": 3, "peer": 1} if small else {"ours": 10, "peer": 3}
    taken: dict[str, Tries] = {side: [] for side in tries}
    for side, seconds in ticks(root, runs, tries):
        taken[side].append(seconds)
    return taken


def history(root: Path, *, small: bool) -> dict[str, Tries]:
    """Measure the evaluation when much has happened."""
    return tick(root, small=small, runs=1000 if small else 10_000)


CASES: dict[str, Callable[..., dict[str, Tries]]] = {
    "arrival": arrival,
    "chain": chain,
    "day": day,
    "tick": tick,
    "history": history,
}


def figures(tries: Tries) -> dict[str, Any]:
    """Return the median and the worst of what was not lost, and how many were."""
    found = [seconds for seconds in tries if seconds is not None]
    return {
        "median": round(median(found), 2) if found else None,
        "worst": round(max(found), 2) if found else None,
        "tries": len(tries),
        "lost": len(tries) - len(found),
    }


def claim(name: str, sides: dict[str, Tries]) -> dict[str, Any]:
    """Return one case as the object that `--json` prints."""
    ours, peer = figures(sides["ours"]), figures(sides.get("peer", []))
    both = ours["median"] is not None and peer["median"] is not None
    return {
        "claim": SAID[name],
        "ours": ours,
        "peer": peer,
        "limit": None,
        "ratio": round(ours["median"] / peer["median"], 3) if both else None,
        "goal": GOALS[name],
        "unit": "s",
    }


def table(claims: list[dict[str, Any]], machine: str) -> Iterator[str]:
    """Yield what a person reads."""
    heads = ("median", "worst", "tries", "lost")
    yield f"{'seconds':<28}" + "".join(f"{head:>8}" for head in heads) + "    goal"
    for c in claims:
        for side in ("ours", "peer"):
            if c[side]["tries"]:
                said = f"{c['claim']:<28}" if side == "ours" else f"{'  stock Dagster':<28}"
                goal = " / ".join(f"≤ {g:g}" for g in c["goal"] if g) if side == "ours" else ""
                cells = (("-" if c[side][head] is None else c[side][head]) for head in heads)
                yield said + "".join(f"{cell:>8}" for cell in cells) + f"    {goal}"
    yield f"\n{machine}"


def main() -> None:
    """Measure, print, and leave nothing behind."""
    parser = argparse.ArgumentParser(description="how soon runs begin")
    parser.add_argument("--small", action="store_true", help="three tries, one of the peer's")
    parser.add_argument("--json", action="store_true", help="one object, for a program")
    parser.add_argument("--only", choices=tuple(CASES))
    choice = parser.parse_args()
    before, claims = os.getloadavg()[0], []
    for name, case in CASES.items():
        if choice.only in (None, name):
            print(name, file=sys.stderr)
            folder = Path(tempfile.mkdtemp(prefix="assetops-benchmark-")).resolve()
            try:
                claims.append(claim(name, case(folder, small=choice.small)))
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    loads = f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {loads}"
    if choice.json:
        print(json.dumps({"claims": claims, "machine": machine}, indent=2))
    else:
        print("\n".join(table(claims, machine)))


if __name__ == "__main__":
    main()
