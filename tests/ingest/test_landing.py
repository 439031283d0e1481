"""What counts as landed: a file per day by its name, or one whole snapshot."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assetops.errors import ContractError
from assetops.ingest.landing import Landed, landed_files, nothing_landed
from assetops.model import Contract, Dataset, Kind, Relation
from assetops.zone.folder import Folder


def source(**ingest: Any) -> Dataset:
    return Dataset(
        key=("retail", "orders"),
        kind=Kind.SOURCE,
        unique_id="source.shop.retail.orders",
        relation=Relation(schema_name="raw", name="orders"),
        description="",
        file="models/_retail__sources.yml",
        contract=Contract.model_validate({"ingest": {"format": "csv", **ingest}}),
    )


DAILY = source(path="orders/{date}.csv", partition="daily")


def land(landing: Path, *names: str) -> None:
    for name in names:
        file = landing / "retail" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("id\n1\n")


def test_each_file_is_the_day_that_its_name_says(tmp_path: Path) -> None:
    land(tmp_path, "orders/2026-01-02.csv", "orders/2026-01-01.csv", "orders/notes.txt")
    files, faults = landed_files(DAILY, Folder(tmp_path))
    assert list(files) == [date(2026, 1, 1), date(2026, 1, 2)]
    assert faults == []


def test_a_file_that_is_still_being_written_has_not_landed(tmp_path: Path) -> None:
    land(tmp_path, "orders/.2026-01-01.csv")
    assert landed_files(DAILY, Folder(tmp_path)) == ({}, [])


@pytest.mark.parametrize("name", ["2026-13-01", "20260101", "2026-W01-1", "2026-1-1", "copy"])
def test_a_name_that_is_no_day_is_a_fault_and_the_others_land(tmp_path: Path, name: str) -> None:
    land(tmp_path, f"orders/{name}.csv", "orders/2026-01-01.csv")
    files, faults = landed_files(DAILY, Folder(tmp_path))
    assert list(files) == [date(2026, 1, 1)]
    assert len(faults) == 1
    assert name in faults[0]
    assert "expected orders/{date}.csv" in faults[0]


def test_a_day_that_has_not_come_is_a_fault(tmp_path: Path) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    land(tmp_path, f"orders/{tomorrow}.csv")
    _, faults = landed_files(DAILY, Folder(tmp_path))
    assert "has not come yet" in faults[0]


def test_a_batch_reaches_to_the_end_of_its_day(tmp_path: Path) -> None:
    land(tmp_path, "orders/2026-01-01.csv")
    files, _ = landed_files(DAILY, Folder(tmp_path))
    day = date(2026, 1, 1)
    with Landed(DAILY, files[day], day).at_hand() as batch:
        assert batch.as_of == datetime(2026, 1, 2)
    assert str(batch) == "retail/orders 2026-01-01"


def test_a_whole_snapshot_has_no_day(tmp_path: Path) -> None:
    land(tmp_path, "products.csv")
    files, _ = landed_files(source(path="products.csv"), Folder(tmp_path))
    assert list(files) == [None]


@pytest.mark.parametrize("path", ["../../etc/{date}.csv", "/etc/{date}.csv"])
def test_a_contract_cannot_reach_out_of_its_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(ContractError, match="leaves landing/retail/"):
        landed_files(source(path=path, partition="daily"), Folder(tmp_path))


@pytest.mark.parametrize(
    "ingest", [{"path": "orders/{date}.csv"}, {"path": "orders.csv", "partition": "daily"}]
)
def test_the_path_and_the_partitions_of_a_contract_agree(
    tmp_path: Path, ingest: dict[str, str]
) -> None:
    with pytest.raises(ContractError, match="a file per day has one"):
        landed_files(source(**ingest), Folder(tmp_path))


def test_where_nothing_has_landed_it_is_said_where_files_are_expected(tmp_path: Path) -> None:
    said = nothing_landed([DAILY, source(path="products.csv")], Folder(tmp_path))
    ingest = DAILY.contract.ingest
    assert ingest
    assert str(tmp_path / "retail" / ingest.path) in said
    assert f"{tmp_path}/retail/products.csv." in said
