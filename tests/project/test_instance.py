"""The development instance keeps its word: one history, in data/, with runs that queue and end."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.instance.config import PoolGranularity
from dagster._core.instance.ref import InstanceRef

ROOT = Path(__file__).parents[2]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance as `dagster dev` has it, started in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    ref = InstanceRef.from_dir(str(tmp_path), config_dir=str(ROOT))
    with dg.DagsterInstance.from_ref(ref) as instance:
        yield instance


def test_all_it_writes_is_under_data_dagster(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def something() -> None:
        print("to the compute log")

    assert dg.materialize([something], instance=instance).success
    assert [path.name for path in Path.cwd().iterdir()] == ["data"]
    assert [path.name for path in Path("data").iterdir()] == ["dagster"]
    assert list(Path("data/dagster/compute_logs").rglob("*.out"))


def test_runs_queue_and_a_pool_binds_whole_runs(instance: dg.DagsterInstance) -> None:
    concurrency = instance.get_concurrency_config()
    assert concurrency.pool_config.pool_granularity is PoolGranularity.RUN
    assert concurrency.pool_config.default_pool_limit == 1
    assert concurrency.run_queue_config is not None


def test_a_run_whose_host_died_is_ended(instance: dg.DagsterInstance) -> None:
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_max_runtime_seconds > 0
    assert instance.run_retries_enabled
    assert not instance.get_settings("run_retries")["retry_on_asset_or_op_failure"]


def test_ticks_are_not_kept_for_ever(instance: dg.DagsterInstance) -> None:
    for kind in InstigatorType:
        days = instance.get_tick_retention_settings(kind)
        assert min(days.values()) > 0, kind


def test_nothing_is_told_to_anybody(instance: dg.DagsterInstance) -> None:
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled


def test_productions_instance_differs_in_its_storage_alone() -> None:
    ours, production = (
        yaml.safe_load((ROOT / folder / "dagster.yaml").read_text()) for folder in (".", "deploy")
    )
    assert ours.pop("storage") != (storage := production.pop("storage"))
    assert production == ours
    # The password is in the environment alone.
    assert storage["custom"]["config"]["postgres_url"] == {"env": "ASSETOPS_POSTGRES_URL"}


def test_the_workspace_finds_the_business_by_path() -> None:
    (entry,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    location = entry["python_module"]
    module = ROOT / location["working_directory"] / location["module_name"].replace(".", "/")
    assert module.with_suffix(".py").exists()
