"""Consumers see whole releases, whatever happens while they read."""

import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from tests.publish.shop import Shop, seen, start

READER = """
import sys; from pathlib import Path; from shop import seen
path, counts = Path(sys.argv[1]), set()
ends = False
# Once before anything happens, and once more when all has happened.
while not ends:
    ends = Path(sys.argv[2]).exists()
    days = seen(path)
    assert days["customers"] == days["orders"] and len(days["orders"]) == 1, days
    counts or print("reading", flush=True)
    counts |= days["orders"]
print(len(counts))
"""
WRITER = """
import os, signal, sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
connection.execute("update marts.orders set day = 99")
print("written", flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_reader_in_a_loop_sees_only_whole_releases_and_no_error(
    shop: Shop, tmp_path: Path
) -> None:
    shop.check()
    shop.publish()
    ids = [shop.releases.list()[0].id, shop.live_a_day(2).release.id]
    stop = tmp_path / "stop"
    reader = start(READER, shop.published, stop)
    assert reader.stdout and reader.stdout.readline() == "reading\n"
    for turn in range(60):
        shop.releases.switch(ids[turn % 2])
    shop.live_a_day(3)
    stop.touch()
    said, problems = reader.communicate()
    assert reader.returncode == 0, problems
    assert int(said) >= 2


def test_a_reader_keeps_the_release_it_opened(shop: Shop) -> None:
    shop.check()
    shop.publish()
    with duckdb.connect(shop.published, read_only=True) as connection:
        shop.live_a_day(2)
        assert connection.execute("select distinct day from marts.orders").fetchall() == [(1,)]
    with duckdb.connect() as connection:
        connection.execute(f"attach '{shop.published}' as shop (read_only)")
        shop.live_a_day(3)
        connection.execute(f"attach or replace '{shop.published}' as shop (read_only)")
        assert connection.execute("select distinct day from shop.marts.orders").fetchall() == [(3,)]


@pytest.mark.parametrize("when", ["before the switch", "after the switch"])
def test_a_consumer_that_writes_and_dies_harms_neither_the_next_release_nor_the_kept_one(
    shop: Shop, when: str
) -> None:
    shop.check()
    first = shop.publish().release
    shop.build(2)
    shop.check()
    # Root may write to a read-only file; with this anybody may.
    os.chmod(shop.published, 0o644)
    writer = start(WRITER, shop.published)
    assert writer.stdin and writer.stdout and writer.stdout.readline() == "open\n"

    def write() -> None:
        assert writer.stdin and writer.stdout
        writer.stdin.write("\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "written\n"

    if when == "before the switch":
        write()
    shop.publish()
    if when == "after the switch":
        write()
    assert seen(shop.published) == {"customers": {2}, "orders": {2}}
    writer.communicate("\n")
    assert writer.returncode == -9
    assert seen(shop.published) == {"customers": {2}, "orders": {2}}
    shop.releases.rollback(first.id)
    assert seen(shop.published) == {"customers": {1}, "orders": {1}}


def change_a_row(path: Path) -> None:
    os.chmod(path, 0o644)
    with duckdb.connect(path) as connection:
        connection.execute("update marts.orders set day = 99")


def leave_a_log(path: Path) -> None:
    path.resolve().with_name("warehouse.duckdb.wal").write_bytes(b"not of this file")


def put_a_file_in_its_place(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"mine")


@pytest.mark.parametrize(
    "harm",
    [Path.unlink, change_a_row, leave_a_log, put_a_file_in_its_place],
    ids=lambda harm: harm.__name__,
)
def test_the_next_start_shows_the_release_again_whatever_was_done_to_the_published_file(
    shop: Shop, harm: Callable[[Path], None]
) -> None:
    shop.check()
    release = shop.publish().release
    assert shop.releases.heal() == []
    harm(shop.published)
    assert shop.releases.heal() == [
        f"Published release {release.id} again: consumers saw another state."
    ]
    assert seen(shop.published) == {"customers": {1}, "orders": {1}}
    assert shop.releases.heal() == []


def test_a_log_beside_the_path_is_removed(shop: Shop) -> None:
    shop.check()
    shop.publish()
    log = shop.published.with_name("warehouse.duckdb.wal")
    log.write_bytes(b"of a DuckDB that does not follow links")
    assert len(shop.releases.heal()) == 1
    assert not log.exists()


def test_old_copies_go_when_no_reader_can_be_about_to_open_them(shop: Shop) -> None:
    for day in (1, 2, 3):
        shop.live_a_day(day)
    copies = shop.published.parent / ".copies"
    assert len(list(copies.iterdir())) == 3
    long_ago = shop.published.lstat().st_mtime - 3600
    os.utime(shop.published, (long_ago, long_ago), follow_symlinks=False)
    shop.releases.heal()
    assert [copy.name for copy in copies.iterdir()] == [shop.published.resolve().parent.name]
    assert seen(shop.published) == {"customers": {3}, "orders": {3}}
