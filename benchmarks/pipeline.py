"""How long a whole `assetops build` takes, against a bare `dbt build` of the same project and data.

Two cases: the first build of an empty environment, and one more day on top of it.

ours   `assetops build`, one cold process: finds and checks the landed files, loads them, runs dbt
       with its tests, trains the segments, checks the marts and publishes a release.
peer   `dbt build`, one cold process: models, snapshot and tests alone. Raw is loaded and the table
       of segments is there before the clock starts, and nothing is published after it.
limit  the peer, and one cold process in which DuckDB loads the same files and checks nothing: what
       anybody needs who does this with the same tools and no gates.

The runs alternate; a round's ratios are within that round.

    python benchmarks/pipeline.py [--small] [--json]
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from statistics import median

REPO = Path(__file__).parents[1]
START = date(2025, 3, 1)
FIRST, NEXT = "first build of {days} days", "one more day"
# In the order in which a build meets them: what is imported once costs nothing later.
IMPORTS = {
    "the command line, Dagster, its dbt": "assetops.cli.running",
    "Great Expectations": "assetops.quality.engine",
    "dbt": "dbt.cli.main",
    "scikit-learn": "sklearn.ensemble",
}
PARTS = {
    "ingest_": "ingest and pre-flight",
    "dbt": "dbt",
    "marts__": "Python assets",
    "gate_": "post-flight",
    "release": "publish",
}


class Shop:
    """One platform in a temporary folder, whose data can be put aside and brought back."""

    def __init__(self, root: Path) -> None:
        self.root, self.data = root, root / "data"
        self.landing = self.data / "dev/landing/retail"
        for name in ("dbt_project", "gx", "platform", "workspace.yaml", "dagster.yaml"):
            (root / name).symlink_to(REPO / name)

    def trade(self, days: int) -> None:
        """Let the files of the first days land; those that are there stay as they are."""
        program = "from retail.cli import main; main()"
        run(self, program, "simulate", "--start", str(START), "--days", str(days))

    def empty(self) -> None:
        """Leave nothing, as before the first file."""
        shutil.rmtree(self.data, ignore_errors=True)


def run(shop: Shop, program: str, *words: str, warehouse: Path | None = None) -> tuple[float, str]:
    """Run a Python program in a cold process; return its seconds and what it printed."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ASSETOPS_", "DAGSTER_"))}
    # Without bytecode every process would compile everything again.
    clean.pop("PYTHONDONTWRITEBYTECODE", None)
    clean |= {"PYTHONPATH": str(REPO / "platform"), "DO_NOT_TRACK": "1"}
    if warehouse:
        clean["ASSETOPS_WAREHOUSE"] = str(warehouse)
    command = [sys.executable, "-c", program, *words]
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=shop.root, env=clean, capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{' '.join(words) or program} failed:\n{done.stdout}\n{done.stderr}")
    return seconds, done.stdout


def ours(shop: Shop) -> tuple[float, dict[str, float]]:
    """Time a whole `assetops build`, and break it into parts by the events of its run."""
    begin = time.time()
    program = "from assetops.cli import main; main()"
    seconds, printed = run(shop, program, "build", "--json")
    return seconds, parts_of(shop, json.loads(printed)["run_id"], begin, begin + seconds)


def parts_of(shop: Shop, run_id: str, begin: float, end: float) -> dict[str, float]:
    """Return the seconds of each part of a run; its steps follow each other, so they add up."""
    import dagster as dg

    os.chdir(shop.root)
    with dg.DagsterInstance.from_config(str(shop.root)) as instance:
        ran = [s for s in instance.get_run_step_stats(run_id) if s.start_time and s.end_time]
    parts = {"start: imports, project, graph": min(s.start_time for s in ran) - begin}
    for step in ran:
        name = next(part for key, part in PARTS.items() if step.step_key.startswith(key))
        parts[name] = parts.get(name, 0.0) + step.end_time - step.start_time
    parts["end of the last step to exit"] = end - max(s.end_time for s in ran)
    parts["between steps"] = end - begin - sum(parts.values())
    return parts


def bare_dbt(shop: Shop, prepared: Path) -> float:
    """Time a cold `dbt build` on a copy of a prepared warehouse.

    On one without marts it parses the whole project, as the first of our builds has to.
    """
    work = shop.root / "bare"
    if prepared.stem == "fresh":
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(exist_ok=True)
    warehouse = Path(shutil.copy(prepared, work / "dev.duckdb"))
    folders = ["--project-dir", "dbt_project", "--profiles-dir", "dbt_project"]
    folders += ["--target-path", str(work / "target"), "--log-path", str(work / "logs")]
    program = "from dbt.cli.main import cli; cli()"
    return run(shop, program, "--quiet", "build", *folders, warehouse=warehouse)[0]


def bare_load(shop: Shop, days: str) -> float:
    """Time DuckDB reading the files of some days into an empty database."""
    database = shop.root / "load.duckdb"
    database.unlink(missing_ok=True)
    read = {".csv": "read_csv", ".parquet": "read_parquet", ".jsonl": "read_json"}
    statements = []
    for source in sorted(path for path in shop.landing.iterdir() if path.name[0] != "."):
        files = [str(file) for file in (source.glob(days) if source.is_dir() else [source])]
        if files:
            reader = f"{read[Path(files[0]).suffix]}({files})"
            statements.append(f"create table {source.stem} as select * from {reader}")
    program = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); [*map(c.execute, sys.argv[2:])]"
    return run(shop, program, str(database), *statements)[0]


def for_dbt(shop: Shop, name: str, *, marts: Path | None = None) -> Path:
    """Return what bare dbt starts from: raw and the segments as they are, and marts of before."""
    import duckdb

    path = shop.root / f"{name}.duckdb"
    path.unlink(missing_ok=True)
    if marts:
        shutil.copy(marts, path)
    with duckdb.connect(path) as connection:
        connection.execute(f"attach '{shop.data / 'dev/dev.duckdb'}' as whole (read_only)")
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'whole' "
            "and (schema_name = 'raw' or table_name = 'customer_segments')"
        ).fetchall()
        for schema, table in tables:
            connection.execute(f"create schema if not exists {schema}")
            connection.execute(
                f"create or replace table {schema}.{table} as from whole.{schema}.{table}"
            )
    return path


def measure(shop: Shop, days: int, rounds: int) -> dict[str, list[dict]]:
    """Run all contestants in turn, several times."""
    taken: dict[str, list[dict]] = {FIRST.format(days=days): [], NEXT: []}
    first, following = taken.values()
    for number in range(1, rounds + 1):
        print(f"round {number} of {rounds}", file=sys.stderr)
        shop.empty()
        shop.trade(days)
        built = ours(shop)
        peer = bare_dbt(shop, for_dbt(shop, "fresh"))
        first.append(figures(built, peer, bare_load(shop, "*")))
        before = Path(shutil.copy(shop.data / "dev/dev.duckdb", shop.root / "before.duckdb"))
        shop.trade(days + 1)
        built = ours(shop)
        # What it has parsed is what it has before the next day, as ours has.
        peer = bare_dbt(shop, for_dbt(shop, "behind", marts=before))
        last = START + timedelta(days=days)
        following.append(figures(built, peer, bare_load(shop, f"{last}.*")))
    return taken


def figures(built: tuple[float, dict[str, float]], peer: float, load: float) -> dict:
    """Return one round of one case."""
    return {"ours": built[0], "peer": peer, "limit": peer + load, "parts": built[1]}


def import_costs(shop: Shop, times: int) -> dict[str, float]:
    """Time what each package adds to a cold process, whichever part of a build it falls into."""
    program = "import importlib, sys, time\nfor name in sys.argv[1:]:\n"
    program += " t = time.time(); importlib.import_module(name); print(time.time() - t)"
    taken = [run(shop, program, *IMPORTS.values())[1].split() for _ in range(times)]
    return {
        name: round(median(float(run[number]) for run in taken), 2)
        for number, name in enumerate(IMPORTS)
    }


def claim(name: str, rounds: list[dict]) -> dict:
    """Return one case as the object that `--json` prints."""
    middle = {key: median(r[key] for r in rounds) for key in ("ours", "peer", "limit")}
    ratios = sorted(r["ours"] / r["peer"] for r in rounds)
    parts = {part: median(r["parts"].get(part, 0) for r in rounds) for part in rounds[0]["parts"]}
    return {
        "claim": f"assetops build against dbt build: {name}",
        **{key: round(value, 2) for key, value in middle.items()},
        "ratio": round(median(ratios), 2),
        "spread": [round(ratios[0], 2), round(ratios[-1], 2)],
        "ratio to limit": round(median(r["ours"] / r["limit"] for r in rounds), 2),
        "goal": None,
        "unit": "s",
        "rounds": len(rounds),
        "parts": {part: round(seconds, 2) for part, seconds in parts.items()},
    }


def table(claims: list[dict], imports: dict[str, float], machine: str) -> Iterable[str]:
    """Yield what a person reads."""
    head = f"{'seconds, medians':<28}{'ours':>8}{'dbt':>8}{'limit':>8}"
    yield f"{head}{'ours/dbt':>20}{'ours/limit':>12}"
    for c in claims:
        ratio = f"{c['ratio']:.2f} ({c['spread'][0]:.2f} to {c['spread'][1]:.2f})"
        times = "".join(f"{c[key]:>8.1f}" for key in ("ours", "peer", "limit"))
        name = c["claim"].split(": ")[1]
        yield f"{name:<28}{times}{ratio:>20}{c['ratio to limit']:>12.2f}"
    yield ""
    yield f"{'ours in parts':<36}" + "".join(f"{c['claim'].split(': ')[1]:>24}" for c in claims)
    for part in claims[0]["parts"]:
        yield f"  {part:<34}" + "".join(f"{c['parts'].get(part, 0):>24.2f}" for c in claims)
    yield "of these, the imports of"
    for name, seconds in imports.items():
        yield f"  {name:<34}{seconds:>24.2f}"
    yield f"\n{claims[0]['rounds']} rounds; {machine}"


def main() -> None:
    """Measure, print, and leave nothing behind."""
    parser = argparse.ArgumentParser(description="assetops build against dbt build")
    parser.add_argument("--small", action="store_true", help="a week, one round, within a minute")
    parser.add_argument("--json", action="store_true", help="one object, for a program")
    choice = parser.parse_args()
    days, rounds = (7, 1) if choice.small else (90, 5)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="assetops-benchmark-") as folder:
        shop = Shop(Path(folder).resolve())
        # First, so that the disk's cache has what every contestant imports.
        imports = import_costs(shop, times=rounds)
        taken = measure(shop, days, rounds)
        os.chdir(REPO)
    claims = [claim(name, found) for name, found in taken.items()]
    loads = f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {loads}"
    if choice.json:
        print(json.dumps({"claims": claims, "imports": imports, "machine": machine}, indent=2))
    else:
        print("\n".join(table(claims, imports, machine)))


if __name__ == "__main__":
    main()
