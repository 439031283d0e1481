"""A fingerprint identifies content: its rows, values and columns, and not their order on disk."""

from pathlib import Path

import pandas as pd
import pytest

from assetops.model import Relation
from assetops.warehouse import Warehouse, WarehouseLock

TABLE = Relation(schema_name="marts", name='a "quoted" name')


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    lock = WarehouseLock(tmp_path / "lock", wait=1)
    return Warehouse(tmp_path / "dev.duckdb", lock, memory_limit="1GB")


def written(warehouse: Warehouse, **columns: list[object]) -> str:
    return warehouse.write_frame(TABLE, pd.DataFrame(columns))


def test_the_order_of_rows_does_not_matter(warehouse: Warehouse) -> None:
    first = written(warehouse, id=[1, 2], name=["a", "b"])
    assert written(warehouse, id=[2, 1], name=["b", "a"]) == first
    assert warehouse.fingerprint(TABLE) == first


def test_a_value_a_duplicate_and_a_column_name_do(warehouse: Warehouse) -> None:
    found = {
        written(warehouse, id=[1, 2], name=["a", "b"]),
        written(warehouse, id=[1, 2], name=["b", "a"]),
        written(warehouse, id=[1, 2, 2], name=["a", "b", "b"]),
        written(warehouse, id=[1, 2, 2, 2], name=["a", "b", "b", "b"]),
        written(warehouse, key=[1, 2], name=["a", "b"]),
    }
    assert len(found) == 5


def test_columns_and_existence_are_told_without_guessing(warehouse: Warehouse) -> None:
    assert not warehouse.exists(TABLE)
    written(warehouse, id=[1])
    assert warehouse.exists(TABLE)
    assert warehouse.columns(TABLE) == [("id", "BIGINT")]
    assert len(warehouse.read_frame(f"select * from {TABLE.quoted}")) == 1
