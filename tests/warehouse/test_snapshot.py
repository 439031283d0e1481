"""A table that is held still: copied under the lock, looked at without it, and then gone."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from assetops.errors import CheckCouldNotRun
from assetops.model import Relation
from assetops.warehouse import Warehouse, WarehouseLock
from assetops.warehouse.snapshot import Snapshots

NUMBERS = Relation(schema_name="marts", name="numbers")


def everything(rows: int) -> None:
    return None


def ten(rows: int) -> int:
    return 10


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    lock = WarehouseLock(tmp_path / "dev.lock", wait=0)
    warehouse = Warehouse(tmp_path / "dev.duckdb", lock, memory_limit="1GB")
    with warehouse.connect() as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.numbers as select i, i % 3 as k from range(1000) t(i)"
        )
    return warehouse


@pytest.fixture
def snapshots(tmp_path: Path, warehouse: Warehouse) -> Snapshots:
    return Snapshots(tmp_path / "snapshots", warehouse)


def sampled(snapshots: Snapshots, *, seed: int) -> list[tuple[int]]:
    with snapshots.of_warehouse(NUMBERS, ten, seed=seed) as still, still.open() as connection:
        assert (still.rows, still.looked_at, still.sampled_of) == (1000, 10, 1000)
        return connection.execute("select i from marts.numbers order by i").fetchall()


def test_while_it_is_looked_at_the_warehouse_is_free_for_others(
    snapshots: Snapshots, warehouse: Warehouse
) -> None:
    with snapshots.of_warehouse(NUMBERS, everything, seed=0) as still:
        assert warehouse.lock.path.read_text() == ""
        with warehouse.connect() as connection:
            connection.execute("delete from marts.numbers")
        with still.open() as connection:
            assert connection.execute("select count(*) from marts.numbers").fetchone() == (1000,)


def test_the_same_content_gives_the_same_sample_whatever_the_order_of_rows(
    snapshots: Snapshots, warehouse: Warehouse
) -> None:
    before = sampled(snapshots, seed=7)
    with warehouse.connect() as connection:
        connection.execute("set threads = 3")
        connection.execute(
            "create or replace table marts.numbers as from marts.numbers order by i desc"
        )
    assert sampled(snapshots, seed=7) == before
    assert sampled(snapshots, seed=8) != before


def test_a_sample_of_a_release_leaves_its_file_alone(
    snapshots: Snapshots, warehouse: Warehouse
) -> None:
    released = warehouse.path
    before = released.read_bytes()
    with snapshots.of_release(released, NUMBERS, "state", ten, seed=1) as still:
        assert still.file != released
        assert (still.state, still.sampled_of) == ("state", 1000)
    with snapshots.of_release(released, NUMBERS, "state", everything, seed=1) as still:
        assert still.file == released
        assert still.sampled_of is None
    assert released.read_bytes() == before


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Path]:
    """What a killed check leaves: a copy whose lock nobody holds."""
    place = tmp_path / "snapshots" / "dead"
    place.mkdir(parents=True)
    duckdb.connect(place / "snapshot.duckdb").close()
    place.with_name("dead.lock").touch()
    yield place


def test_nothing_is_left_and_what_a_killed_check_left_is_swept(
    snapshots: Snapshots, killed: Path, tmp_path: Path
) -> None:
    with snapshots.of_warehouse(NUMBERS, ten, seed=1) as still:
        assert still.file.exists()
        assert not killed.exists()
    assert list((tmp_path / "snapshots").iterdir()) == []


def test_a_copy_that_somebody_looks_at_is_not_swept(
    snapshots: Snapshots, warehouse: Warehouse, tmp_path: Path
) -> None:
    with snapshots.of_warehouse(NUMBERS, ten, seed=1) as still:
        with snapshots.of_warehouse(NUMBERS, ten, seed=2):
            assert still.file.exists()
        assert still.file.exists()


def test_a_table_that_is_not_there_could_not_be_looked_at(snapshots: Snapshots) -> None:
    missing = Relation(schema_name="marts", name="missing")
    with (
        pytest.raises(CheckCouldNotRun, match=r"marts\.missing is not there: build it first"),
        snapshots.of_warehouse(missing, ten, seed=0),
    ):
        pass
