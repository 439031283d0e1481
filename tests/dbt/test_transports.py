"""Dagster is told the same, whichever way dbt is called."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_dbt import DbtCliResource, dbt_assets
from tests.dbt.school import build, events, recorded
from tests.processes import PLATFORM, forked_python

from assetops.cli.outcome import Outcome
from assetops.dbt import invoke
from assetops.dbt.invoke import Invocation, build_arguments
from assetops.errors import ConfigError
from assetops.opened import open_platform

pytestmark = pytest.mark.no_cover

Told = Mapping[str, list[Any]]


def built(school: Path, transport: str) -> tuple[Outcome, Told, list[str]]:
    """Return what a first build tells Dagster, by node, and what it logs."""
    forget(school)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSETOPS_DBT_TRANSPORT", transport)
        open_platform.cache_clear()
        outcome = build(school)
    return outcome, *told_in(school, outcome.run_id)


def forget(school: Path) -> None:
    for file in ("dbt_project/school.duckdb", "data/dev/dbt/unit_tests.json"):
        (school / file).unlink(missing_ok=True)


def told_in(school: Path, run_id: str) -> tuple[Told, list[str]]:
    log = recorded(school, run_id)
    said = [entry.user_message for entry in log if entry.dagster_event is None and entry.level > 20]
    file = school / "data/dev/dbt/runs" / run_id / "dbt/dbt.log"
    lines = re.findall(r"^[0-9:]{8}  (\d+ of \d+ .*)", file.read_text(), re.MULTILINE)
    assert any(" OK created sql table model main.ages " in line for line in lines)
    # The command has a console of its own.
    printed = [
        file.read_text() for file in school.glob(f"data/dagster/compute_logs/{run_id}/**/*.out")
    ]
    assert printed == [""]
    return events(log), sorted(_timeless(line) for line in (*said, *lines))


def _timeless(text: str) -> str:
    # dbt fills its lines with dots: one fewer behind the number of the tenth node to end.
    return re.sub(r"^\d+ of|in \d+\.\d+s|\.{2,}|runs/[0-9a-f-]{36}", "", text)


def _reasons(text: str) -> list[str]:
    # Nodes end in the order of dbt's threads.
    return sorted(_timeless(text).splitlines())


@pytest.fixture(scope="module")
def inside(school: Path) -> tuple[Outcome, Told, list[str]]:
    return built(school, "process")


def test_both_transports_tell_dagster_the_same_of_each_node(school: Path, inside: Any) -> None:
    outcome, told, said = inside
    (failure,) = outcome.failures

    apart, told_apart, said_apart = built(school, "subprocess")

    assert told_apart == told
    assert said_apart == said
    (failed,) = apart.failures
    assert _reasons(failed.reason) == _reasons(failure.reason)
    assert apart.exit_code == outcome.exit_code == 2
    # Or nothing would have been compared.
    ways = {one for kinds in told.values() for kind, one, *_ in kinds}
    assert ways == {"success", "pass", "warn", "fail"}
    assert {"pupils", "ages", "history", "kept", "oldest"} <= told.keys()
    assert told.keys().isdisjoint({"broken", "after_broken", "after_doubtful", "wrong", "grown"})
    assert "pupils_are_renamed: actual differs" in failure.reason
    assert "odd_has_height: Runtime Error" in failure.reason


# Says last what it has imported that it could do without, and that this can still be had.
COMMAND = """
import atexit, sys
def say():
    found = {"dbt", "dagster_dbt.cloud"} & sys.modules.keys()
    from dagster_dbt import DbtCliResource
    print(found, DbtCliResource.__name__, file=sys.stderr)
atexit.register(say)
from assetops.cli import main
main()
"""


def test_dbt_beside_a_cold_command_tells_the_same(school: Path, inside: Any) -> None:
    outcome, told, said = inside
    forget(school)
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "build", "--json"],
        cwd=school,
        env={"PYTHONPATH": str(PLATFORM), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr.splitlines()[-1] == "set() DbtCliResource", done.stderr
    apart = json.loads(done.stdout)
    assert told_in(school, apart["run_id"]) == (told, said)
    (failure,), (failed,) = outcome.failures, apart["failures"]
    assert _reasons(failed["reason"]) == _reasons(failure.reason)
    assert apart["exit_code"] == done.returncode == 2


def test_dagster_dbt_itself_tells_what_we_tell_with_three_exceptions(
    school: Path, inside: Any, tmp_path: Path, template: Path
) -> None:
    """The differences are those that docs/dbt.md lists."""
    _, told, _ = inside
    project = str(school / "dbt_project")
    (school / "dbt_project/school.duckdb").unlink()

    @dbt_assets(manifest=school / "data/dev/dbt/manifest.json")
    def stock(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        yield from dbt.cli(["build"], context=context, raise_on_error=False).stream()

    executable = tmp_path / "dbt"
    words = shlex.join([*forked_python(template), "-m", "dbt.cli.main"])
    executable.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    executable.chmod(0o755)
    dbt = DbtCliResource(project_dir=project, profiles_dir=project, dbt_executable=str(executable))
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [stock], instance=instance, resources={"dbt": dbt}, raise_on_error=False
        )
        theirs = dict(events(instance.all_logs(result.run_id)))

    # A test that could not run is no test that failed.
    assert [one for _, one, *_ in theirs.pop("odd odd_has_height")] == ["error"]
    # A test of several models has a place.
    assert [kind for kind, *_ in told["kept both"]] == ["ASSET_CHECK_EVALUATION"]
    ours = {node: kinds for node, kinds in told.items() if node != "kept both"}
    observed = [theirs[name].pop() for name in ("ages", "kept")]
    assert [kind for kind, *_ in observed] == ["ASSET_OBSERVATION"] * 2
    assert ours.keys() == theirs.keys()
    for node, kinds in theirs.items():
        assert [kind[:-1] for kind in kinds] == [kind[:-1] for kind in ours[node]]
        # We say more of each.
        assert all(a[-1].items() <= b[-1].items() for a, b in zip(kinds, ours[node], strict=True))


@pytest.mark.parametrize("compared", [0, 1_000_000])
def test_exactly_the_nodes_that_are_meant_are_selected_however_many_they_are(
    school: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compared: int
) -> None:
    from dbt.cli.main import dbtRunner

    monkeypatch.setattr(invoke, "_MOST_COMPARED", compared)
    project = open_platform(school).project
    found = project.manifest
    meant = {i for kind in ("nodes", "unit_tests") for i, n in found[kind].items() if "_" in i[-9:]}
    assert 5 <= len(meant) < len(found["nodes"])
    arguments = build_arguments(
        project.settings, nodes=meant, manifest=found, variables={}, artifacts=tmp_path
    )
    listed = dbtRunner().invoke(
        ["--quiet", "ls", *arguments[1:], "--output", "json", "--output-keys", "unique_id"]
    )
    assert {json.loads(line)["unique_id"] for line in listed.result or ()} == meant


SOME = {"doubtful", "after_doubtful", "accepted_values_doubtful_age__10", "wrong"}

# dbt Fusion cannot be had here: this one is dbt Core, which tells of its nodes as Fusion does.
FUSION = """#!{python}
import json, os, subprocess, sys
if "--version" in sys.argv:
    sys.exit(print("dbt-fusion 2.0.0"))
dbt = [*{forked}, "-m", "dbt.cli.main", *sys.argv[1:]]
environment = {{**os.environ, "DBT_LOG_LEVEL": "debug"}}
process = subprocess.Popen(dbt, stdout=subprocess.PIPE, text=True, env=environment)
for line in process.stdout:
    if not json.loads(line)["info"]["name"].endswith("Result"):
        print(line, end="", flush=True)
sys.exit(process.wait())
"""


def test_another_dbt_that_speaks_as_fusion_does_is_understood(
    school: Path, inside: Any, tmp_path: Path, template: Path
) -> None:
    _, told, _ = inside
    (school / "fusion").write_text(
        FUSION.format(python=sys.executable, forked=forked_python(template))
    )
    (school / "fusion").chmod(0o755)
    platform = open_platform(school)
    settings = platform.settings.model_copy(update={"dbt_executable": "./fusion"})
    manifest = json.loads((school / "data/dev/dbt/manifest.json").read_text())
    nodes = [i for i, n in manifest["nodes"].items() if n["name"] in SOME]
    arguments = build_arguments(
        settings,
        nodes=[*nodes, "unit_test.school.wrong.pupils_are_renamed"],
        manifest=manifest,
        variables={},
        artifacts=tmp_path,
    )
    invocation = Invocation(settings, arguments, "a run", tmp_path)
    found: dict[str, list[tuple[str, str]]] = {}
    for message in invocation.events():
        for event in message.to_default_asset_events(manifest):
            check = event.check_name if isinstance(event, dg.AssetCheckEvaluation) else ""
            name = f"{event.asset_key.to_user_string()} {check}".strip()
            kind = "ASSET_CHECK_EVALUATION" if check else "ASSET_MATERIALIZATION"
            found.setdefault(name, []).append((kind, event.metadata["status"].value))
    assert found == {node: [kind[:2] for kind in told[node]] for node in found}
    assert found.keys() == {"doubtful", "doubtful accepted_values_doubtful_age__10"}
    statuses = {node.split(".", 2)[2]: r.status for node, r in invocation.results.items()}
    assert statuses["wrong.pupils_are_renamed"] == "fail"
    assert statuses["wrong"] == statuses["after_doubtful"] == "skipped"


def test_a_dbt_that_is_not_there_is_named(school: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSETOPS_DBT_EXECUTABLE", "./no/dbt")
    open_platform.cache_clear()
    with pytest.raises(
        ConfigError, match=r"/no/dbt cannot be started: No such file.* dbt_executable"
    ):
        open_platform(school)
