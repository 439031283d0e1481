"""Whether the daemon works is known without the UI, within two minutes."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat

from assetops.cli import run
from assetops.cli.heartbeat import verdict
from assetops.cli.housekeeping import tidy
from assetops.resident import alive


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance of a root."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.assetops]\n")
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def beat(instance: dg.DagsterInstance, at: float, *kinds: str) -> None:
    for kind in kinds:
        instance.add_daemon_heartbeat(DaemonHeartbeat(float(at), kind, "a daemon", []))


def test_a_daemon_that_is_gone_is_missed_within_two_minutes(instance: dg.DagsterInstance) -> None:
    kinds = instance.get_required_daemon_types()
    assert verdict(instance) == (False, "was never started")
    beat(instance, 1000, *kinds)
    assert verdict(instance, now=1031) == (True, "works, last heard of 31 s ago")
    # Two heartbeats were missed: the machine may be busy.
    assert verdict(instance, now=1090)[0]
    assert verdict(instance, now=1105) == (False, "was last heard of 105 s ago")
    assert verdict(instance, now=1000 + 3 * 3600) == (False, "was last heard of 3 hours ago")
    beat(instance, 4000, *kinds[1:])
    assert verdict(instance, now=4000) == (
        False,
        f"works in part; silent: {kinds[0]} 50 minutes",
    )


def test_a_monitor_reads_the_exit_code(
    instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", "--live"]) == 2
    assert capsys.readouterr().err == "The daemon was never started.\n"
    beat(instance, time.time(), *instance.get_required_daemon_types())
    assert run(["doctor", "--live"]) == 0
    assert capsys.readouterr().out.startswith("The daemon works, last heard of ")


def test_locks_of_runs_that_have_ended_are_removed_and_others_stay(
    instance: dg.DagsterInstance,
) -> None:
    @dg.asset
    def something() -> None:
        """Nothing."""

    root = instance.root_directory
    ended = dg.materialize([something], instance=instance).run_id
    job = dg.define_asset_job("job").resolve(
        asset_graph=dg.Definitions([something]).resolve_asset_graph()
    )
    started = instance.create_run_for_job(job).run_id
    for run_id in (ended, started):
        alive.follow(root, run_id, dg.DagsterEventType.RUN_START)
    tidy(instance)
    assert alive.known(root) == [started]
    assert os.listdir(Path(root, "alive")) == [started]
