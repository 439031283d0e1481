"""Processes are killed while files land: all that landed is published once, and every run ends.

`make faults` strikes each of them by itself, many times, on SQLite and on Postgres; CI some, once.
"""

import random
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from tests.faults import strikes
from tests.faults.house import House, pause
from tests.faults.server import Server
from tests.faults.strikes import HERE, OF_THE_SERVER, Strike, cases, killed_with_its_host

from assetops.cli.postgres_storage import PostgresStorage
from assetops.ledger import server as ledger_server

# The engine is measured where it is tested.
pytestmark = pytest.mark.no_cover


@pytest.mark.small_disk(needed=False)
def test_one_after_the_other_strikes(house: House, chance: random.Random):
    house.start()
    house.settle()
    house.land()
    house.kill(house.worker)
    house.kill(house.code_server)
    house.settle()
    house.land()
    pause(chance.uniform(0, 1.5))
    house.kill(house.daemon)
    for version in range(3):
        house.touch(version)
        pause(chance.uniform(0, 0.3))
    house.settle()
    house.land()
    if house.disk:
        step = chance.choice(("ingest_support_tickets", "dbt", "release"))
        strikes.disk_full(house, chance, step=step, seconds=1)
    pause(chance.uniform(0, 1.5))
    killed_with_its_host(house, chance)
    house.land()
    house.settle()
    house.assert_all_holds()
    house.stop()


def test_a_run_waits_for_a_server_that_restarts(server: Server, tmp_path: Path):
    """All that a run tells while the server is away is there once, when it is back."""

    @dg.asset
    def through_a_restart(context: dg.AssetExecutionContext) -> None:
        for number in range(3):
            server.stop()
            server.start_after(0.3)
            context.log.info(f"line {number}")

    config = {"postgres_url": server.database("waiting")}
    named = {"module": PostgresStorage.__module__, "class": PostgresStorage.__name__}
    overrides = {"storage": {"custom": {**named, "config": config}}}
    with dg.instance_for_test(overrides=overrides, temp_dir=str(tmp_path)) as instance:
        result = dg.materialize([through_a_restart], instance=instance)
        said = [entry.user_message for entry in instance.all_logs(result.run_id)]
        run = instance.get_run_by_id(result.run_id)
    assert result.success
    assert run is not None and run.status is dg.DagsterRunStatus.SUCCESS
    assert [line for line in said if line.startswith("line ")] == ["line 0", "line 1", "line 2"]


def test_what_assetops_up_has_started_waits_for_a_server_that_is_not_there_yet(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    url = sa.make_url(server.database("starting"))
    monkeypatch.setattr(ledger_server, "START_SECONDS", 0)
    server.stop()
    with pytest.raises(sa.exc.OperationalError):
        ledger_server.patient_engine(url).connect()
    monkeypatch.setenv("ASSETOPS_TEMPLATE", "somewhere")
    server.start_after(0.3)
    with ledger_server.patient_engine(url).connect() as connection:
        assert connection.scalar(sa.text("select 1")) == 1


@pytest.mark.faults
@pytest.mark.parametrize("strike", cases(HERE))
def test_struck_on_sqlite(house: House, chance: random.Random, strike: Strike):
    struck(house, chance, strike)


@pytest.mark.faults
@pytest.mark.parametrize("strike", cases(HERE | OF_THE_SERVER))
def test_struck_on_postgres(house_on_postgres: House, chance: random.Random, strike: Strike):
    struck(house_on_postgres, chance, strike)


def struck(house: House, chance: random.Random, strike: Strike) -> None:
    """Let files land, some of them bad, and let a fault strike at some instant of it."""
    house.start()
    house.settle()
    house.land()
    if strike not in strikes.AT_ONCE:
        pause(chance.uniform(0, 4))
    strike(house, chance)
    house.land()
    house.settle()
    # What is bad is held back, and so is what is published, until it is mended.
    house.land(bad=True)
    house.settle_bad(1)
    house.mend()
    house.settle()
    house.assert_all_holds(mended=1)
    house.stop()
