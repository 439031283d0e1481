"""What is to come in from far: each content is fetched once, and known without another journey."""

import shutil
from datetime import date
from pathlib import Path

import pytest
from tests.ingest.conftest import DAY, Source
from tests.zone.slow import Slow

from assetops.ingest.landing import landed_files, landing_days
from assetops.ingest.pending import pending, remember
from assetops.ledger.landed import Memory
from assetops.zone.far import Far


@pytest.fixture
def source(tmp_path: Path) -> Source:
    Slow.asked.clear()
    return Source(tmp_path)


def bring_in(source: Source) -> list[str]:
    """Bring in what is pending from far, as the asset does; return what was loaded."""
    zone = Far(f"slow://{source.landing}", source.settings.home / "fetched")
    memory, loaded = Memory(source.loader.ledger), []
    files, _ = landed_files(source.dataset, zone)
    for file in pending(source.dataset, files, source.warehouse, memory):
        with file.at_hand() as batch:
            remember(memory, file, batch)
            if batch.fingerprint != file.stands:
                assert not source.loader.load(source.dataset, batch, run_id="a run").reasons
                loaded.append(str(batch))
    return loaded


def test_a_far_file_is_fetched_once_and_loaded_once(source: Source) -> None:
    source.land(["1,ana@example.com,5,paid"])
    assert bring_in(source) == [f"retail/orders {DAY}"]
    assert Slow.asked["get"] == 1
    assert bring_in(source) == []
    assert Slow.asked["get"] == 1


def test_a_file_that_was_put_there_again_is_fetched_and_not_loaded(source: Source) -> None:
    source.land(["1,ana@example.com,5,paid"])
    bring_in(source)
    source.land(["1,ana@example.com,5,paid"])
    assert bring_in(source) == []
    assert Slow.asked["get"] == 2
    source.land(["1,ana@example.com,7,paid"])
    assert bring_in(source) == [f"retail/orders {DAY}"]


def test_a_zone_that_is_away_leaves_the_days_that_were_seen(source: Source) -> None:
    source.land(["1,ana@example.com,5,paid"])
    bring_in(source)
    shutil.move(source.landing, source.landing.with_name("away"))
    zone = Far(f"slow://{source.landing}", source.settings.home / "fetched")
    days = landing_days([source.dataset], zone, Memory(source.loader.ledger))
    assert days.get_partition_keys(current_time=None)[0] == str(DAY)
    assert date.fromisoformat(days.get_partition_keys()[-1]) > DAY
