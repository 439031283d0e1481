"""A build that is killed leaves what was; the next one heals, and consumers never notice."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.end_to_end.observed import (
    DAILY,
    contents,
    ended,
    instance_of,
    loads,
    partitions,
    reader,
    runs,
    shown,
    start,
)
from tests.processes import Process

# Builds upon builds, of what other tests measure already.
pytestmark = pytest.mark.no_cover

# When a build is killed: once a step has begun or an asset is there, at a call of a function with
# the text among its arguments.
Instant = tuple[str, str, str]
INSTANTS: dict[str, list[Instant]] = {
    "ingestion": [
        # The rows are in, the journal's entry is not: nothing is committed.
        ("ingest_retail_orders", "record", ""),
        # Committed, and nobody has been told.
        ("ingest_retail_orders", "record_results", "retail/orders"),
        # Every batch is in, and the step has not ended.
        ("ingest_retail_web_events", "_raise_for", ""),
    ],
    "dbt": [
        # The model's rows are there, what they were made from is not remembered.
        ("dbt", "execute", "insert into dev._assetops.consumed_loads"),
        # Staging is new, the mart is old.
        ("dbt", "execute", 'delete from "dev"."marts"."orders"'),
        # The mart is built and Dagster told; none of its tests has run, no verdict is remembered.
        ("marts/orders", "", ""),
    ],
    "publication": [
        # It is decided what consumers are to see, and they do not see it yet.
        ("release", "reveal", ""),
        # They see it, and nobody has been told.
        ("release", "record_publication", ""),
    ],
}

CONSUMER = """
import os, signal, sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("create table mine as select 1 as a")
os.kill(os.getpid(), signal.SIGKILL)
"""


class Killer:
    """Starts builds that kill themselves."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def build(self, root: Path, instant: Instant) -> int:
        self.process.stdin.write("\t".join((str(root), *instant)) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def killer(built) -> Iterator[Killer]:
    script = Path(__file__).with_name("killed_build.py")
    process = start(built, str(script))
    assert process.stdout.readline() == "ready\n"
    yield Killer(process)
    process.communicate()


@pytest.mark.parametrize("phase", INSTANTS)
def test_the_build_after_a_kill_heals_and_consumers_see_only_whole_releases(
    built, behind, killer, tmp_path, phase
):
    before = shown(behind, behind.published)
    if phase == "publication":
        # Its log lies beside the published file now.
        os.chmod(behind.published, 0o644)
        assert ended(start(behind, "-c", CONSUMER, str(behind.published)))[0] == -signal.SIGKILL
        assert behind.published.resolve().with_name("warehouse.duckdb.wal").exists()

    with reader(behind, tmp_path / "stop") as seen:
        for instant in INSTANTS[phase]:
            assert killer.build(behind.root, instant) == -signal.SIGKILL, instant
        outcome = behind.build()
        assert outcome.exit_code == 0, outcome.failures
        after = shown(behind, behind.published)

    assert after == shown(built, built.published)
    assert set(seen) == {before, after}
    assert contents(behind) == contents(built)
    assert_everything_is_told(behind, kills=len(INSTANTS[phase]))


def assert_everything_is_told(shop, *, kills: int) -> None:
    """Check that each batch came in once, that Dagster knows it, and that all runs ended."""
    came = list(loads(shop).values())
    assert len(came) == len(set(came))
    for source in DAILY:
        days = {day for loaded, day in came if loaded == f"retail/{source}"}
        assert partitions(shop, "retail", source) == days
    made_from = ("retail/orders", "retail/order_items")
    days = {day for loaded, day in came if loaded in made_from}
    assert partitions(shop, "marts", "orders") == days
    statuses = [run.status.value for run in runs(shop)]
    assert statuses == ["SUCCESS", *["FAILURE"] * kills, "SUCCESS"]
    with instance_of(shop) as instance:
        known = {
            key.path[-1]: instance.get_latest_materialization_event(key).asset_materialization
            for key in instance.get_asset_keys(prefix=["published"])
        }
    current = shop.platform.releases.current()
    assert {name: event.tags["dagster/data_version"] for name, event in known.items()} == (
        current.fingerprints
    )
    leftovers = [*shop.platform.releases.folder.glob(".*"), *shop.published.parent.glob(".*.new")]
    assert leftovers == []
