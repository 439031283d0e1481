"""A release is whole, verified, kept, and the way back."""

import os
import stat
from pathlib import Path

import duckdb
import pytest
from tests.publish.shop import AS_OF, Shop, seen, start

from assetops.errors import PublishError
from assetops.publish import history
from assetops.publish.contents import Verified


def test_consumers_see_the_published_marts_and_nothing_else(shop: Shop) -> None:
    shop.check()
    shop.publish()
    assert seen(shop.published) == {"customers": {1}, "orders": {1}}
    with duckdb.connect(shop.published, read_only=True) as connection:
        schemas = connection.execute("select distinct schema_name from duckdb_tables()").fetchall()
        views = connection.execute("from duckdb_views() where not internal").fetchall()
        comments = connection.execute(
            "select comment from duckdb_tables() where table_name = 'orders' union all "
            "select comment from duckdb_columns() where table_name = 'orders' and comment <> ''"
        ).fetchall()
        types = connection.execute("describe marts.orders").fetchall()
    assert (schemas, views) == ([("marts",)], [])
    assert comments == [("Every one of the shop's orders.",), ("The key.",)]
    assert [row[:2] for row in types] == [("id", "BIGINT"), ("day", "INTEGER"), ("text", "VARCHAR")]


def test_a_release_is_kept_read_only_with_its_manifest_and_what_was_verified(shop: Shop) -> None:
    shop.check(run_id="run-that-checked")
    release = shop.publish().release
    folder = shop.releases.folder / release.id
    assert {path.name for path in folder.iterdir()} == {
        "warehouse.duckdb",
        "columns.json",
        "manifest.json",
        "release.json",
    }
    assert (folder / "manifest.json").read_text() == shop.manifest.read_text()
    assert shop.releases.find(release.id) == release
    table = release.tables["orders"]
    assert (table.rows, table.data_as_of, table.verified_in) == (100, AS_OF, "run-that-checked")
    for file in (folder / "warehouse.duckdb", shop.published):
        assert stat.S_IMODE(file.stat().st_mode) == 0o444


def test_a_partial_publication_carries_the_other_tables(shop: Shop) -> None:
    shop.check()
    first = shop.publish().release
    second = shop.live_a_day(2, "orders").release
    assert seen(shop.published) == {"customers": {1}, "orders": {2}}
    assert second.tables["customers"] == first.tables["customers"]
    assert second.previous == first.id


def test_the_first_release_of_one_table_holds_that_table(shop: Shop) -> None:
    shop.check("orders")
    shop.publish("orders")
    assert seen(shop.published) == {"orders": {1}}


def test_a_table_that_is_no_longer_published_leaves_with_the_next_release(shop: Shop) -> None:
    shop.check()
    shop.publish()
    fewer = Shop(shop.settings.root, names=["orders"])
    assert fewer.publish("orders").event == "published"
    assert seen(shop.published) == {"orders": {1}}


def test_nothing_changed_makes_no_release_but_a_confirmation(shop: Shop) -> None:
    shop.check()
    first = shop.publish().release
    again = shop.publish()
    assert (again.event, again.release) == ("confirmed", first)
    assert [release.id for release in shop.releases.list()] == [first.id]
    assert [p["event"] for p in shop.ledger.publications()] == ["confirmed", "published"]


def test_what_changed_after_it_was_verified_is_not_published(shop: Shop) -> None:
    shop.check()
    shop.publish()
    stale = Verified(fingerprint="100-of-yesterday", verified_in="run-1")
    datasets = {d.key[-1]: d for d in shop.project.published()}
    with pytest.raises(PublishError, match="marts/orders is not what was verified"):
        shop.releases.make(
            shop.warehouse, datasets, {"orders": stale}, manifest=shop.manifest, run_id="run-2"
        )
    assert len(shop.releases.list()) == 1
    assert shop.leftovers() == []


def test_the_newest_releases_are_kept_and_always_the_pinned_one(tmp_path: Path) -> None:
    shop = Shop(tmp_path, kept=2)
    ids = [shop.live_a_day(day).release.id for day in (1, 2, 3)]
    assert [release.id for release in shop.releases.list()] == ids[1:]
    history.rollback(shop.releases, shop.ledger, ids[1])
    history.unpin(shop.releases, shop.ledger)
    ids += [shop.live_a_day(day).release.id for day in (4, 5)]
    assert [release.id for release in shop.releases.list()] == ids[-2:]
    with shop.ledger._engine.connect() as connection:
        remembered = connection.exec_driver_sql("select id from releases order by id").fetchall()
    assert [name for (name,) in remembered] == ids[-2:]


def test_releases_sort_by_time_even_if_many_are_made_in_one_second(shop: Shop) -> None:
    ids = [shop.live_a_day(day).release.id for day in (1, 2, 3)]
    assert ids == sorted(set(ids))


def test_a_rollback_pins_and_later_builds_verify_and_leave_it(shop: Shop) -> None:
    first, second = (shop.live_a_day(day).release for day in (1, 2))
    assert history.rollback(shop.releases, shop.ledger) == first
    assert seen(shop.published) == {"customers": {1}, "orders": {1}}
    held = shop.live_a_day(3)
    assert (held.event, held.release) == ("held", first)
    assert "pinned" in held.sentence()
    assert seen(shop.published) == {"customers": {1}, "orders": {1}}
    assert history.unpin(shop.releases, shop.ledger) == first
    assert seen(shop.published) == {"customers": {1}, "orders": {1}}
    third = shop.publish().release
    assert seen(shop.published) == {"customers": {3}, "orders": {3}}
    assert [r.id for r in shop.releases.list()] == [first.id, second.id, third.id]
    events = [publication["event"] for publication in shop.ledger.publications()]
    assert events == ["published", "unpinned", "held", "rolled back", "published", "published"]


def test_a_rollback_never_goes_to_a_release_that_was_rolled_back_from(shop: Shop) -> None:
    first, bad = (shop.live_a_day(day).release for day in (1, 2))
    history.rollback(shop.releases, shop.ledger)
    history.unpin(shop.releases, shop.ledger)
    shop.live_a_day(3)
    assert history.rollback(shop.releases, shop.ledger) == first
    assert history.rollback(shop.releases, shop.ledger, bad.id) == bad


def test_a_rollback_does_not_wait_for_a_build_that_holds_the_warehouse(shop: Shop) -> None:
    for day in (1, 2):
        shop.live_a_day(day)
    with shop.warehouse.hold("a long build"):
        script = (
            "import sys; from pathlib import Path; from shop import Shop\n"
            "Shop(Path(sys.argv[1])).releases.rollback()"
        )
        process = start(script, shop.settings.root)
        assert process.wait(timeout=15) == 0
    assert seen(shop.published) == {"customers": {1}, "orders": {1}}


def test_what_the_release_list_shows(shop: Shop) -> None:
    assert history.release_rows(shop.releases) == []
    shop.check()
    shop.publish()
    shop.live_a_day(2, "orders")
    newest, oldest = history.release_rows(shop.releases)
    assert (newest.tables, newest.rows, newest.changed) == (2, 200, ("orders",))
    assert (newest.current, newest.pinned, oldest.current) == (True, False, False)
    history.rollback(shop.releases, shop.ledger)
    newest, oldest = history.release_rows(shop.releases)
    assert (newest.current, oldest.current, oldest.pinned) == (False, True, True)


def test_the_ledger_learns_of_a_switch_that_a_kill_left_unrecorded(shop: Shop) -> None:
    first, second = (shop.live_a_day(day).release for day in (1, 2))
    shop.releases.rollback()
    history.remember(shop.releases, shop.ledger)
    newest = shop.ledger.publications(limit=1)[0]
    assert (newest["release"], newest["event"]) == (first.id, "rolled back")
    shop.releases.switch(second.id)
    history.remember(shop.releases, shop.ledger)
    newest = shop.ledger.publications(limit=1)[0]
    assert (newest["release"], newest["event"]) == (second.id, "published")


# ------------------------------------------------------------------------ what cannot be done


def test_going_back_says_what_there_is_to_go_back_to(shop: Shop) -> None:
    with pytest.raises(PublishError, match="Nothing is published yet"):
        shop.releases.rollback()
    with pytest.raises(PublishError, match=r"No release x is kept .* `assetops build` makes one"):
        shop.releases.rollback("x")
    shop.check()
    first = shop.publish().release.id
    with pytest.raises(PublishError, match=f"{first} followed no other release"):
        shop.releases.rollback()
    with pytest.raises(PublishError, match=f"Did you mean {first}"):
        shop.releases.rollback(first[:-1])
    with pytest.raises(PublishError, match=f"Nothing is pinned: {first} is published"):
        shop.releases.unpin()


def test_a_damaged_release_is_not_gone_back_to(shop: Shop) -> None:
    first, _ = (shop.live_a_day(day).release for day in (1, 2))
    file = shop.releases.file(first.id)
    os.chmod(file, 0o644)
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(PublishError, match=f"{first.id}/warehouse.duckdb"):
        shop.releases.rollback()
    assert seen(shop.published) == {"customers": {2}, "orders": {2}}
    assert not shop.releases.pinned


@pytest.mark.parametrize("name", ["current.json", "{id}/release.json"])
def test_a_malformed_file_is_named_with_its_mend(shop: Shop, name: str) -> None:
    shop.check()
    file = shop.releases.folder / name.format(id=shop.publish().release.id)
    file.write_text("{")
    with pytest.raises(PublishError, match=f"{file.name} is malformed. Remove"):
        shop.releases.heal()


def test_without_the_intention_no_release_is_lost_and_one_can_be_chosen(shop: Shop) -> None:
    first, second = (shop.live_a_day(day).release for day in (1, 2))
    (shop.releases.folder / "current.json").unlink()
    shop.releases.heal()
    history.rollback(shop.releases, shop.ledger, first.id)
    shop.releases.heal()
    assert list(shop.releases.list()) == [first, second]


def test_a_full_disk_is_named_and_switches_nothing(shop: Shop) -> None:
    shop.check()
    first = shop.publish().release
    shop.build(2, rows=300_000)
    shop.check()
    script = (
        "import resource, sys; from pathlib import Path; from shop import Shop\n"
        "shop = Shop(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)\n"
        "shop.publish()"
    )
    problems = start(script, shop.settings.root, 700_000).communicate()[1]
    assert "PublishError" in problems
    assert ".building-" in problems
    assert seen(shop.published) == {"customers": {1}, "orders": {1}}
    assert shop.releases.current() == first
    assert shop.leftovers() == []


def test_a_file_in_the_way_is_named(shop: Shop) -> None:
    shop.check()
    shop.releases.folder.write_text("not a folder")
    with pytest.raises(PublishError, match="data/dev/releases"):
        shop.publish()
