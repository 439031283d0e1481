"""One shop for all tests that only look at it."""

from pathlib import Path

import duckdb
import pytest
from tests.retail.landed import load, trade


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("landing")
    trade(out, days=120, orders_per_day=60)
    return out


@pytest.fixture(scope="session")
def landed(folder: Path) -> duckdb.DuckDBPyConnection:
    return load(folder)
