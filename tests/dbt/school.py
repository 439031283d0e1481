"""A small dbt project in which every kind of node ends in every way, in a root of its own."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Console

from assetops.build import build_definitions
from assetops.cli.outcome import Outcome
from assetops.cli.progress import Progress
from assetops.cli.running import run_build
from assetops.opened import open_platform

REPO = Path(__file__).parents[2]
# What differs from one run to the next.
_TIMES = ("Execution Duration", "invocation_id", "data docs", "rows_change")

FILES = {
    "dbt_project.yml": """
name: school
profile: school
flags: {send_anonymous_usage_stats: false}
models: {school: {+materialized: table}}
""",
    "profiles.yml": """
school:
  target: dev
  outputs:
    dev: {type: duckdb, path: school.duckdb, threads: 2}
""",
    "seeds/pupils.csv": "pupil,age\n1,10\n2,11\n3,12\n",
    "models/ages.sql": "select pupil, age from {{ ref('pupils') }}",
    "models/grown.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('ages') }}",
    "models/oldest.sql": "{{ config(materialized='view') }} select age from {{ ref('grown') }}",
    "models/kept.sql": """{{ config(materialized='incremental', unique_key='pupil') }}
select * from {{ ref('ages') }} {% if is_incremental() %} where age > 10 {% endif %}""",
    "snapshots/history.yml": """
snapshots:
  - name: history
    relation: ref('ages')
    config: {unique_key: pupil, strategy: check, check_cols: all}
""",
    "models/doubtful.sql": "select * from {{ ref('ages') }}",
    "models/after_doubtful.sql": "select * from {{ ref('doubtful') }}",
    "models/broken.sql": "select cast('x' || age as integer) as n from {{ ref('ages') }}",
    "models/after_broken.sql": "select * from {{ ref('broken') }}",
    "models/wrong.sql": "select pupil as id from {{ ref('ages') }}",
    "models/odd.sql": "select * from {{ ref('ages') }}",
    "tests/odd_has_height.sql": "select height from {{ ref('odd') }}",
    "tests/both.sql": "select 1 from {{ ref('ages') }} a, {{ ref('kept') }} k where a.age < 0",
    "models/all.yml": """
models:
  - name: ages
    columns:
      - name: pupil
        data_tests: [unique, not_null]
      - name: age
        data_tests:
          - accepted_values: {arguments: {values: [10, 11]}, config: {severity: warn}}
  - name: doubtful
    columns:
      - name: age
        data_tests: [accepted_values: {arguments: {values: [10]}}]
  - name: after_doubtful
    columns: [{name: age, data_tests: [not_null]}]
  - name: after_broken
    columns: [{name: n, data_tests: [not_null]}]
unit_tests:
  - name: pupils_have_ages
    model: ages
    given: [{input: ref('pupils'), rows: [{pupil: 1, age: 5}]}]
    expect: {rows: [{pupil: 1, age: 5}]}
  - name: pupils_are_renamed
    model: wrong
    given: [{input: ref('ages'), rows: [{pupil: 1}]}]
    expect: {rows: [{id: 2}]}
""",
}

_DEFINITIONS = """from pathlib import Path
from assetops import build_definitions
defs = build_definitions(Path(__file__).parent)
"""


def make_school(root: Path, **changed: str) -> Path:
    """Return a root with the project; `changed` adds or replaces models."""
    files = {**FILES, **{f"models/{name}.sql": sql for name, sql in changed.items()}}
    for name, text in files.items():
        file = root / "dbt_project" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    shutil.copy(REPO / "dagster.yaml", root)
    (root / "workspace.yaml").write_text("load_from: [python_module: {module_name: school}]\n")
    (root / "school.py").write_text(_DEFINITIONS)
    return root


def build(root: Path, progress: Progress | None = None, **options: Any) -> Outcome:
    """Build in this process, as `assetops build` does in its own."""
    platform, definitions = open_platform(root), build_definitions(root)
    return run_build(platform, definitions, progress or Progress(Console(quiet=True)), **options)


def ran(root: Path, run_id: str, step: str = "dbt") -> set[str]:
    """Return the names of the nodes that dbt was told to run in a step, as its artifacts say."""
    file = root / "data/dev/dbt/runs" / run_id / step / "run_results.json"
    return {r["unique_id"].split(".", 2)[2] for r in json.loads(file.read_text())["results"]}


def recorded(root: Path, run_id: str) -> list[dg.EventLogEntry]:
    """Return the event log of a run."""
    with dg.DagsterInstance.from_config(str(root)) as instance:
        return list(instance.all_logs(run_id))


def events(log: Iterable[dg.EventLogEntry]) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a log says of each asset and check, in order, without times and numbers of runs.

    Of each event: what it is, how it ended, its severity if it is a check's, and its metadata.
    """
    found: dict[str, list[tuple[Any, ...]]] = {}
    for entry in log:
        event = entry.dagster_event
        if event is None:
            continue
        if event.is_step_materialization:
            said: Any = event.step_materialization_data.materialization
            name, severity = said.asset_key.to_user_string(), None
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            said = event.asset_check_evaluation_data
            name = f"{said.asset_key.to_user_string()} {said.check_name}"
            severity = (said.passed, said.severity, said.blocking)
        elif event.event_type_value == "ASSET_OBSERVATION":
            said = event.asset_observation_data.asset_observation
            name, severity = said.asset_key.to_user_string(), None
        else:
            continue
        metadata = {key: value.value for key, value in said.metadata.items() if key not in _TIMES}
        told = (event.event_type_value, metadata["status"], severity, metadata)
        found.setdefault(name, []).append(told)
    return found
