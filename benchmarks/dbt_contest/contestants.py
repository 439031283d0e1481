"""A generated dbt project, a platform of ours around it, and a stock one beside it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).parents[2]
ONE = "model_12"
ASSETOPS = "from assetops.cli import main; main()"
DBT = "from dbt.cli.main import cli; cli()"
DAGSTER = "from dagster._cli import main; main()"
STOCK = """
from pathlib import Path
import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets
PROJECT = Path({project!r})
@dbt_assets(manifest=PROJECT / "target/manifest.json")
def everything(context: dg.AssetExecutionContext, dbt: DbtCliResource):
    yield from dbt.cli(["build"], context=context).stream()
dbt = DbtCliResource(project_dir=str(PROJECT), profiles_dir=str(PROJECT), dbt_executable={dbt!r})
defs = dg.Definitions([everything], resources={{"dbt": dbt}}, jobs=[dg.define_asset_job("build")])
"""
LOAD = "import sys; sys.path[:0] = sys.argv[1:2]; import {module}; "
LOAD += "{module}.defs.get_repository_def().load_all_definitions()"


def generate(project: Path, layers: tuple[int, ...], tests: int) -> None:
    """Write a dbt project on DuckDB whose models each read two of the layer before."""
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text(
        "name: generated\nversion: 1.0.0\nprofile: generated\n"
        "flags: {send_anonymous_usage_stats: false}\n"
        "models: {generated: {+materialized: table}}\n"
    )
    (project / "profiles.yml").write_text(
        "generated:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n"
        f"      path: {project.parent / 'warehouse.duckdb'}\n      threads: 2\n"
    )
    above: list[str] = []
    named, left = 0, tests
    for layer in layers:
        names = [f"model_{named + number}" for number in range(layer)]
        for number, name in enumerate(names):
            sql = "select range as id, range % 7 as value from range(1000)"
            if above:
                first, second = (above[(number + n) % len(above)] for n in (0, 1))
                sql = f"select l.id, l.value + r.value as value from {{{{ ref('{first}') }}}} as l "
                sql += f"inner join {{{{ ref('{second}') }}}} as r on l.id = r.id"
            (project / "models" / f"{name}.sql").write_text(sql)
            checks = ["unique", "not_null"][: min(left, 2)]
            left -= len(checks)
            columns = f"    - {{name: id, data_tests: [{', '.join(checks)}]}}\n"
            if name == ONE and left:
                columns += "    - {name: value, data_tests: [not_null]}\n"
            text = f"models:\n- name: {name}\n  description: A model.\n  columns:\n{columns}"
            (project / "models" / f"{name}.yml").write_text(text)
        named, above = named + layer, names


def run(folder: Path, program: str, *words: str, **more: str) -> float:
    """Run a Python program in a cold process; return its seconds."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ASSETOPS_", "DAGSTER_"))}
    # Without bytecode every process would compile everything again.
    clean.pop("PYTHONDONTWRITEBYTECODE", None)
    clean |= {"PYTHONPATH": str(REPO / "platform"), "DO_NOT_TRACK": "1", **more}
    begin = time.perf_counter()
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{' '.join(words) or program} failed:\n{done.stdout}\n{done.stderr}")
    return seconds


class Bench:
    """One generated project, a platform of ours around it, and a stock one beside it."""

    def __init__(self, root: Path, layers: tuple[int, ...], tests: int) -> None:
        self.root, self.ours, self.stock = root, root / "ours", root / "stock"
        self.project = root / "project"
        generate(self.project, layers, tests)
        run(root, ASSETOPS, "init", str(self.ours), "--dbt-project", str(self.project))
        self.stock.mkdir()
        words = {"project": str(self.project), "dbt": str(Path(sys.executable).parent / "dbt")}
        (self.stock / "stock_defs.py").write_text(STOCK.format(**words))

    def bare(self, *words: str) -> float:
        """Time bare dbt, its parse cache warm."""
        folders = ("--project-dir", str(self.project), "--profiles-dir", str(self.project))
        return run(self.root, DBT, "--quiet", "build", *folders, *words)

    def parse(self) -> None:
        """Let bare dbt and stock dagster-dbt have their manifest."""
        folders = ("--project-dir", str(self.project), "--profiles-dir", str(self.project))
        run(self.root, DBT, "--quiet", "parse", *folders)

    def cold(self) -> float:
        """Time `assetops build`."""
        return run(self.ours, ASSETOPS, "build")

    def materialized(self) -> float:
        """Time stock dagster-dbt, recorded in an instance of its own."""
        words = ("asset", "materialize", "--select", "*", "-m", "stock_defs")
        more = {"DAGSTER_HOME": str(self.stock), "PYTHONPATH": str(self.stock)}
        return run(self.stock, DAGSTER, *words, **more)

    def gate(self, severity: str, models: int) -> None:
        """Put a suite of one expectation behind the first models."""
        for number in range(models):
            file = self.ours / "gx" / "expectations" / f"model_{number}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            kind, kwargs = "expect_table_row_count_to_be_between", {"min_value": 1}
            expectation = {"type": kind, "kwargs": kwargs, "severity": severity}
            file.write_text(json.dumps({"name": file.stem, "expectations": [expectation]}))

    def load(self) -> tuple[float, float]:
        """Time loading the code location: ours, and stock dagster-dbt's."""
        (definitions,) = self.ours.glob("platform/*/definitions.py")
        module = f"{definitions.parent.name}.definitions"
        ours = run(self.ours, LOAD.format(module=module), str(self.ours / "platform"))
        return ours, run(self.stock, LOAD.format(module="stock_defs"), str(self.stock))
