"""Production's instance: Dagster's storage in a real Postgres, with a pool and with patience."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.dagster_run import DagsterRunStatus
from tests.postgres import end_connections, new_database

from assetops.cli.instance import open_instance
from assetops.cli.postgres_storage import PostgresStorage
from assetops.errors import ConfigError
from assetops.ledger import Ledger, server
from assetops.model import Severity, Status, Verdict
from assetops.settings import Settings, load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"


@dg.asset(tags={"kind": "tried"})
def something() -> dg.MaterializeResult[Any]:
    """Nothing."""
    return dg.MaterializeResult(metadata={"rows": 3}, tags={"tried": "yes"})


@dg.asset_check(asset=something)
def there_is_something() -> dg.AssetCheckResult:
    """Nothing is checked."""
    return dg.AssetCheckResult(passed=True)


@pytest.fixture(scope="module")
def url(postgres_server: sa.URL) -> str:
    return new_database(postgres_server, "dagster")


@pytest.fixture
def settings(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation in production: its instance is that of deploy/."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(DEPLOY))
    monkeypatch.setenv("ASSETOPS_POSTGRES_URL", url)
    return load_settings(tmp_path)


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with open_instance(settings) as instance:
        yield instance


def test_a_run_is_recorded_with_all_it_has_to_tell(instance: dg.DagsterInstance) -> None:
    result = dg.materialize([something, there_is_something], instance=instance)
    assert result.success
    run = instance.get_run_by_id(result.run_id)
    assert run is not None and run.status is DagsterRunStatus.SUCCESS
    event = instance.get_latest_materialization_event(dg.AssetKey("something"))
    assert event is not None and event.run_id == result.run_id
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["rows"].value == 3
    (check,) = instance.event_log_storage.get_asset_check_execution_history(
        check_key=there_is_something.check_key, limit=5
    )
    assert check.run_id == result.run_id


def test_all_instances_of_a_process_share_a_few_connections(
    settings: Settings, instance: dg.DagsterInstance, url: str
) -> None:
    for _ in range(3):
        with open_instance(settings) as other:
            dg.materialize([something], instance=other)
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        mine = connection.scalar(
            sa.text("select count(*) from pg_stat_activity where application_name = :name"),
            {"name": f"assetops {os.getpid()}"},
        )
    assert mine is not None and 0 < mine <= 2


def test_a_server_that_has_ended_all_connections_is_asked_again(
    instance: dg.DagsterInstance, url: str
) -> None:
    dg.materialize([something], instance=instance)
    end_connections(url)
    assert instance.get_runs_count() > 0


def test_an_event_whose_storing_was_cut_off_is_there_once(
    instance: dg.DagsterInstance, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is cut between the event's row and what Dagster's index says of it."""
    log = instance.event_log_storage
    stored, cuts = type(log)._store_asset_event_tags, []

    def cut(self: Any, connection: sa.Connection, *rest: Any) -> None:
        if not cuts:
            cuts.append(True)
            end_connections(url)
        stored(self, connection, *rest)

    monkeypatch.setattr(type(log), "_store_asset_event_tags", cut)
    result = dg.materialize([something], instance=instance)
    assert result.success and cuts
    materialized = instance.all_logs(
        result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    assert len(materialized) == 1
    newest = instance.fetch_materializations(dg.AssetKey("something"), limit=1).records[0]
    assert newest.run_id == result.run_id


def test_the_ledger_lives_in_the_same_database(url: str) -> None:
    ledger = Ledger(url)
    end_connections(url)
    verdict = Verdict(check="not_null", severity=Severity.CRITICAL, status=Status.PASSED)
    ledger.record_results("marts/customers", [verdict], state="a", run_id="1")
    assert ledger.results_on("marts/customers", "a") == {"not_null": verdict}
    assert [v for v, _, _ in Ledger(url).latest_results("marts/customers")] == [verdict]


def test_the_storage_may_be_named_in_parts(url: str, tmp_path: Path) -> None:
    address = sa.make_url(url)
    parts = {
        "username": address.username,
        "hostname": address.host or "",
        "db_name": address.database,
        "params": dict(address.query),
    }
    config = {"postgres_db": parts, "connections": 3}
    overrides = {
        "storage": {
            "custom": {
                "module": PostgresStorage.__module__,
                "class": PostgresStorage.__name__,
                "config": config,
            }
        }
    }
    with dg.instance_for_test(overrides=overrides, temp_dir=str(tmp_path)) as instance:
        assert isinstance(instance.get_runs_count(), int)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "ASSETOPS_POSTGRES_URL is not set"),
        ("no url: secret", "URL"),
        ("postgresql://me:secret@127.0.0.1:1/none", "Connection refused"),
    ],
)
def test_what_is_wrong_with_the_url_is_said_without_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, written: str, said: str
) -> None:
    monkeypatch.setattr(server, "START_SECONDS", 0)
    monkeypatch.setenv("ASSETOPS_POSTGRES_URL", written)
    if not written:
        monkeypatch.delenv("ASSETOPS_POSTGRES_URL")
    with pytest.raises(ConfigError, match=said) as raised:
        open_instance(settings)
    assert "secret" not in str(raised.value)
    assert str(DEPLOY / "dagster.yaml") in str(raised.value)
