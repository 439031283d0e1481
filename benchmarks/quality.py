"""How long a suite takes on a DuckDB table, against the query that an engineer writes by hand.

ours     `validate`: verdicts with failing counts, keys and samples.
written  one query with every aggregate, and one more for each sample that is needed: the limit.
stock    Great Expectations' own resolution of metrics and `batch.validate`, on our connection and
         dialect, since it does not run on DuckDB without them.
pandas   Great Expectations on a data frame of the same rows; loading it is not counted.

Every measurement is a cold process of its own, so that its memory is its own; the contestants
alternate, and DuckDB has the memory that the platform gives it by default. Memory is the highest
that the validation itself reached above the imports.

    python benchmarks/quality.py [--small] [--json] [--only CASE] [--rounds N]
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "quality_contest"))
from tables import make  # noqa: E402 (it lies beside this script)

ALL = ("ours", "written", "stock", "pandas")
TWO = ("ours", "written")
Figures = dict[str, float]


@dataclass(frozen=True)
class Case:
    """A table of some million rows, and what is to be reached on it."""

    name: str
    table: str
    millions: float
    contestants: tuple[str, ...]
    goal: float | None = None


CASES = [
    Case("12 pass", "good", 5, ALL, goal=1.10),
    Case("12, 3 fail", "bad", 5, ALL, goal=1.50),
    Case("200 pass", "wide", 5, ("ours", "written", "stock"), goal=1.50),
    *(Case(f"{n} M rows", "good", n, TWO) for n in (1, 5, 25, 50)),
]
SMALL = [
    Case("12 pass", "good", 0.5, ALL),
    Case("12, 3 fail", "bad", 0.5, ALL),
    Case("200 pass", "wide", 0.5, ("ours", "written", "stock")),
    *(Case(f"{n} M rows", "good", n, TWO) for n in (0.2, 1)),
]
FIRST = "import and first verdict"
FIRST_GOAL = 1.3
BARE = "import great_expectations"


def process(*command: str) -> str:
    """Run Python in a cold process; return what it printed."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ASSETOPS_")}
    # Without bytecode every process would compile everything again.
    clean.pop("PYTHONDONTWRITEBYTECODE", None)
    clean |= {"PYTHONPATH": str(HERE.parent / "platform"), "DO_NOT_TRACK": "1"}
    command = (sys.executable, *command)
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def measured(case: Case, contestant: str, file: Path) -> Figures:
    """Run one contestant once."""
    script = str(HERE / "quality_contest" / "contestants.py")
    printed = process(script, contestant, case.table, str(file))
    found: Figures = json.loads(printed.splitlines()[-1])
    return found


def whole(*command: str) -> Figures:
    """Time a whole process."""
    begin = time.perf_counter()
    process(*command)
    return {"seconds": time.perf_counter() - begin}


def race(runners: dict[str, Callable[[], Figures]], rounds: int, name: str) -> list[dict]:
    """Let every contestant run in turn, several times, and once before that to warm the files."""
    taken: list[dict] = []
    for number in range(rounds + 1):
        print(f"{name}: round {number} of {rounds}", file=sys.stderr)
        order = list(runners) if number % 2 else list(runners)[::-1]
        # The slow peers are known well enough after one round.
        found = {who: runners[who]() for who in order if number <= 1 or who != "pandas"}
        if number:
            taken.append(found)
    return taken


def claim(name: str, rounds: list[dict], goal: float | None) -> dict[str, Any]:
    """Return one case as the object that `--json` prints."""
    seconds = {who: [r[who]["seconds"] for r in rounds if who in r] for who in rounds[0]}
    against = BARE if BARE in rounds[0] else "written"
    ratios = sorted(r["ours"]["seconds"] / r[against]["seconds"] for r in rounds)
    middle = {
        who: {
            key: round(median(r[who][key] for r in rounds if who in r), 3) for key in rounds[0][who]
        }
        for who in rounds[0]
    }
    return {
        "claim": f"a suite on DuckDB: {name}",
        "ours": round(median(seconds["ours"]), 3),
        "peer": round(median(seconds["stock"]), 3) if "stock" in seconds else None,
        "limit": round(median(seconds[against]), 3),
        "ratio": round(median(ratios), 2),
        "spread": [round(ratios[0], 2), round(ratios[-1], 2)],
        "CPU ratio": round(middle["ours"]["cpu"] / middle[against]["cpu"], 2)
        if "cpu" in middle["ours"]
        else None,
        "goal": goal,
        "unit": "s",
        "rounds": len(rounds),
        "contestants": middle,
    }


def table(claims: list[dict[str, Any]], machine: str) -> Iterable[str]:
    """Yield what a person reads."""
    yield (
        f"{'':<26}{'':<27}{'seconds':>8}{'CPU':>8}{'MB':>7}{'statements':>12}"
        f"{'ms Python/rule':>16}{'ours/limit':>20}{'CPU':>6}{'goal':>8}"
    )
    for found in claims:
        name, low, high = found["claim"].split(": ")[1], *found["spread"]
        for who, of in found["contestants"].items():
            line = f"{name:<26}{who:<27}{of['seconds']:>8.2f}"
            if "cpu" in of:
                each = 1000 * of["python"] / of["rules"]
                line += f"{of['cpu']:>8.2f}{of['memory']:>7.0f}{of['statements']:>12.0f}"
                line += f"{each:>16.2f}" if who in ("ours", "stock") else " " * 16
            else:
                line += " " * 43
            if who == "ours":
                goal = f"≤ {found['goal']}" if found["goal"] else ""
                cpu = f"{found['CPU ratio']:.2f}" if found["CPU ratio"] else ""
                line += f"{found['ratio']:>8.2f} ({low:.2f}-{high:.2f}){cpu:>6}{goal:>8}"
            yield line.rstrip()
            name = ""
    yield f"\n{machine}"


def main() -> None:
    """Measure, print, and leave nothing behind."""
    parser = argparse.ArgumentParser(description="suites on DuckDB")
    parser.add_argument("--small", action="store_true", help="few rows, one round, in a minute")
    parser.add_argument("--json", action="store_true", help="one object, for a program")
    parser.add_argument("--only", help="the cases whose name has this in it")
    parser.add_argument("--rounds", type=int, default=5)
    choice = parser.parse_args()
    cases, rounds = (SMALL, 1) if choice.small else (CASES, choice.rounds)
    load = os.getloadavg()[0]
    claims = []
    with tempfile.TemporaryDirectory(prefix="assetops-benchmark-") as folder:
        for case in cases:
            if choice.only and choice.only not in case.name:
                continue
            file = Path(folder) / f"{case.table}-{case.millions}.duckdb"
            if not file.exists():
                make(file, case.table, int(case.millions * 1e6))
            runners = {
                who: lambda who=who, case=case, file=file: measured(case, who, file)
                for who in case.contestants
            }
            found = race(runners, min(rounds, 3) if case.millions > 10 else rounds, case.name)
            claims.append(claim(case.name, found, case.goal))
        if not choice.only or choice.only in FIRST:
            claims.append(first(Path(folder) / "first.duckdb", rounds))
    loads = f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {loads}"
    if choice.json:
        print(json.dumps({"claims": claims, "machine": machine}, indent=2))
    else:
        print("\n".join(table(claims, machine)))


def first(file: Path, rounds: int) -> dict[str, Any]:
    """Race a cold process with its first verdict against the bare import."""
    make(file, "good", 1000)
    script = str(HERE / "quality_contest" / "contestants.py")
    runners = {
        "ours": lambda: whole(script, "ours", "good", str(file)),
        BARE: lambda: whole("-c", "import great_expectations"),
    }
    return claim(FIRST, race(runners, rounds, FIRST), FIRST_GOAL)


if __name__ == "__main__":
    main()
