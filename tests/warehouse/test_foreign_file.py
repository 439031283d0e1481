"""A warehouse that a dbt profile names which does not know us: read as that profile has it."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from assetops.errors import AssetOpsError
from assetops.model import Relation
from assetops.warehouse import Warehouse, WarehouseLock

LINES, RATES = (Relation(schema_name="main", name=name) for name in ("lines", "Rates"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "lines.csv").write_text("id\n1\n2\n")
    with duckdb.connect(tmp_path / "other.duckdb") as connection:
        connection.execute("create table rates as select 1.5 as rate")
    return tmp_path


@pytest.fixture
def warehouse(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    attach = f"attach if not exists '{folder / 'other.duckdb'}' as other (read_only)"
    with monkeypatch.context() as there:
        # As dbt makes views: where it was started, and with what it has attached.
        there.chdir(folder)
        with duckdb.connect("shop.duckdb") as connection:
            connection.execute(attach)
            connection.execute("create view lines as select * from 'data/lines.csv'")
            connection.execute('create view "Rates" as select * from other.main.rates')
    yield Warehouse(
        folder / "shop.duckdb",
        WarehouseLock(folder / "shop.lock", wait=0),
        memory_limit="80%",
        foreign=folder,
        session=["set threads = 1", "load no_such_extension", attach],
    )


def test_views_are_read_as_dbt_reads_them(warehouse: Warehouse) -> None:
    assert warehouse.fingerprint(LINES).startswith("2-")
    assert warehouse.fingerprint(RATES).startswith("1-")
    # DuckDB takes no notice of case, and neither do we.
    assert warehouse.columns(Relation(schema_name="MAIN", name="rates")) == [
        ("rate", "DECIMAL(2,1)")
    ]


def test_what_the_profile_sets_stays_and_what_it_does_not_is_not_set(warehouse: Warehouse) -> None:
    with duckdb.connect() as untouched, warehouse.connect() as connection:
        usual = untouched.execute("select current_setting('memory_limit')").fetchone()
        assert connection.execute("select current_setting('memory_limit')").fetchone() == usual
        assert connection.execute("select current_setting('threads')").fetchone() == (1,)


def test_dbt_may_open_it_with_options_of_its_own_once_it_is_lent(warehouse: Warehouse) -> None:
    with warehouse.hold("a run"), warehouse.lent():
        duckdb.connect(warehouse.path, config={"threads": 3}).close()


def test_a_view_that_only_dbt_can_read_is_named_with_a_mend(
    warehouse: Warehouse, folder: Path
) -> None:
    (folder / "data" / "lines.csv").unlink()
    with pytest.raises(AssetOpsError) as caught:
        warehouse.fingerprint(LINES)
    assert "main.lines cannot be read: IO Error: No files found" in str(caught.value)
    assert str(caught.value).endswith("or say of it `publish: false`.")
