"""What dbt costs under the platform, against bare `dbt build` and stock dagster-dbt.

The project is generated: 13 models in three layers with 27 tests, and for the load of a code
location many more with two tests each. `assetops init` puts a platform around it.

cold      `assetops build`, one process, recorded in the instance and published, against bare
          `dbt build` with its parse cache warm; beside it `dagster asset materialize` with stock
          dagster-dbt.
resident  a run launched by GraphQL under `assetops up`, from the request to its success, against
          the same bare `dbt build`; then one model and its tests, against bare dbt's.
gates     the run again with ten models gated by a critical suite, against ten suites of the same
          checks as warnings, which cut nothing. The other side is our own: no peer can do it.
load      a process that loads the code location and all its jobs, against stock dagster-dbt's.

The runs alternate; a round's ratios are within that round.

    python benchmarks/dbt.py [--small] [--json] [--only cold|resident|gates|load]
"""

import argparse
import json
import os
import platform
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
# This file is called as a package that others import.
sys.path = [folder for folder in sys.path if Path(folder).resolve() != HERE]
sys.path.insert(0, str(HERE / "dbt_contest"))
from contestants import ONE, Bench  # noqa: E402 (they lie beside this script)
from resident import up  # noqa: E402

LAYERS = (4, 4, 5)
Rounds = list[dict[str, float]]


def cold(bench: Bench, rounds: int) -> dict[str, Rounds]:
    """Compare cold processes."""
    bench.cold()
    bench.bare()
    taken = [
        {"ours": bench.cold(), "peer": bench.bare(), "stock": bench.materialized()}
        for _ in range(rounds)
    ]
    return {"a cold build": taken}


def resident(bench: Bench, rounds: int) -> dict[str, Rounds]:
    """Compare runs of a resident platform with cold dbt."""
    whole, one = [], []
    with up(bench.ours) as running:
        for _ in range(rounds):
            whole.append({"ours": running.run(), "peer": bench.bare()})
            one.append({"ours": running.run(ONE), "peer": bench.bare("--select", ONE)})
    return {"a run of a resident platform": whole, "one model and its tests": one}


def gates(bench: Bench, rounds: int) -> dict[str, Rounds]:
    """Compare ten gates that cut the graph with ten suites that do not."""
    sides: dict[str, list[float]] = {}
    for severity in ("warning", "critical") * 2:
        bench.gate(severity, 10)
        with up(bench.ours) as running:
            sides.setdefault(severity, []).extend(running.run() for _ in range((rounds + 1) // 2))
    pairs = zip(sides["critical"], sides["warning"], strict=True)
    return {"split at ten gates": [{"ours": ours, "peer": peer} for ours, peer in pairs]}


def load(bench: Bench, rounds: int) -> Rounds:
    """Compare loads of the code location."""
    bench.parse()
    bench.load()
    return [dict(zip(("ours", "peer"), bench.load(), strict=True)) for _ in range(rounds)]


GOALS = {
    "a cold build": 1.0,
    "a run of a resident platform": 0.6,
    "one model and its tests": 0.5,
    "split at ten gates": 1.1,
    "load of 200 models": None,
    "load of 1000 models": 0.8,
    "load of 5000 models": 0.5,
}


def claim(name: str, rounds: Rounds) -> dict[str, Any]:
    """Return one case as the object that `--json` prints."""
    ratios = sorted(r["ours"] / r["peer"] for r in rounds)
    stock = [r["stock"] for r in rounds if "stock" in r]
    return {
        "claim": name,
        "ours": round(median(r["ours"] for r in rounds), 2),
        "peer": round(median(r["peer"] for r in rounds), 2),
        **({"stock": round(median(stock), 2)} if stock else {}),
        "limit": None,
        "ratio": round(median(ratios), 2),
        "spread": [round(ratios[0], 2), round(ratios[-1], 2)],
        "goal": GOALS[name],
        "unit": "s",
        "rounds": len(rounds),
    }


def measured(root: Path, only: str | None, *, small: bool) -> dict[str, Rounds]:
    """Run all cases, or the one that is asked for."""
    rounds = 1 if small else 5
    cases: dict[str, Callable[[Bench, int], dict[str, Rounds]]]
    cases = {"cold": cold, "resident": resident, "gates": gates}
    taken: dict[str, Rounds] = {}
    bench = Bench(root / "thirteen", LAYERS, 27)
    bench.parse()
    for name, case in cases.items():
        if only in (None, name) and not (small and name == "gates" and not only):
            print(name, file=sys.stderr)
            taken |= case(bench, rounds)
    if only in (None, "load"):
        for models in (200,) if small else (1000, 5000):
            print(f"load of {models}", file=sys.stderr)
            layers = (models // 10,) * 10
            many = Bench(root / f"of_{models}", layers, 2 * models)
            taken[f"load of {models} models"] = load(many, rounds)
    return taken


def table(claims: list[dict[str, Any]], machine: str) -> Iterator[str]:
    """Yield what a person reads."""
    yield f"{'seconds, medians':<32}{'ours':>8}{'peer':>8}{'stock':>8}{'ours/peer':>22}{'goal':>6}"
    for c in claims:
        ratio = f"{c['ratio']:.2f} ({c['spread'][0]:.2f} to {c['spread'][1]:.2f})"
        stock = f"{c['stock']:.2f}" if "stock" in c else ""
        times = f"{c['ours']:>8.2f}{c['peer']:>8.2f}{stock:>8}"
        yield f"{c['claim']:<32}{times}{ratio:>22}{c['goal'] or '':>6}"
    yield f"\n{claims[0]['rounds']} rounds; {machine}"


def main() -> None:
    """Measure, print, and leave nothing behind."""
    parser = argparse.ArgumentParser(description="dbt under the platform against bare dbt")
    parser.add_argument("--small", action="store_true", help="one round, 200 models, no gates")
    parser.add_argument("--json", action="store_true", help="one object, for a program")
    parser.add_argument("--only", choices=("cold", "resident", "gates", "load"))
    choice = parser.parse_args()
    before = os.getloadavg()[0]
    folder = Path(tempfile.mkdtemp(prefix="assetops-benchmark-")).resolve()
    try:
        taken = measured(folder, choice.only, small=choice.small)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    claims = [claim(name, found) for name, found in taken.items()]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    loads = f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after"
    cpu = f"{used.ru_utime + used.ru_stime:.0f} s of CPU"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {cpu}, {loads}"
    if choice.json:
        print(json.dumps({"claims": claims, "machine": machine}, indent=2))
    else:
        print("\n".join(table(claims, machine)))


if __name__ == "__main__":
    main()
