"""What has landed comes in once, day by day or all at once, and the result is the same."""

import os
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.end_to_end.conftest import DAYS, YESTERDAY, Shop, simulate
from tests.end_to_end.observed import (
    DAILY,
    contents,
    loads,
    new_loads,
    partitions,
    published_events,
    runs,
)

from assetops.errors import AssetOpsError

FIRST = YESTERDAY - timedelta(days=DAYS - 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def landed(shop: Shop, *days: date) -> list[tuple[str, str]]:
    """Return the sources and days of the daily files that have landed, of some days or of all."""
    files = (file for source in DAILY for file in (shop.landing / source).iterdir())
    found = sorted((f"retail/{file.parent.name}", file.name.split(".")[0]) for file in files)
    return [load for load in found if not days or load[1] in map(str, days)]


def assert_dagster_knows(shop: Shop, loaded: list[tuple[str, str]]) -> None:
    """Check that exactly these days of the sources, and of the mart, count as materialised."""
    for source in DAILY:
        days = {day for address, day in loaded if address == f"retail/{source}"}
        assert partitions(shop, "retail", source) == days, source
    made_from = ("retail/orders", "retail/order_items")
    days = {day for address, day in loaded if address in made_from}
    assert partitions(shop, "marts", "orders") == days


def days_of(came: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the loads of daily sources; a whole snapshot has no day."""
    return [load for load in came if load[1]]


def built(shop: Shop, **options: str) -> str:
    """Build, and return what became of the publication."""
    outcome = shop.build(**options)
    assert outcome.exit_code == 0, outcome.failures
    return outcome.publication.split()[0]


def releases(shop: Shop) -> list[str]:
    return [release.id for release in shop.platform.releases.list()]


def full_rebuild_changes_nothing(shop: Shop) -> bool:
    """Say whether an empty warehouse, built from all that has landed, is what is published."""
    shop.platform.settings.warehouse.unlink()
    return built(shop) == "Nothing"


def test_a_gap_stays_visible_until_its_files_land_however_late(empty_shop):
    shop, late = empty_shop, day(5)
    simulate(shop.root, DAYS, start=FIRST)
    everything = landed(shop)
    files = [f for s in DAILY if s != "customers" for f in (shop.landing / s).glob(f"{late}.*")]
    away = [file.rename(shop.root / f"{file.parent.name}{file.suffix}") for file in files]
    its_own = sorted(set(everything) - set(landed(shop)))

    # A later day may correct an order whose items never came: then the gates hold all back.
    assert shop.build().exit_code in (0, 1)
    assert len(runs(shop)) == 1
    assert_dagster_knows(shop, landed(shop))

    before = loads(shop)
    for file, place in zip(files, away, strict=True):
        place.rename(file)
    assert built(shop) == "Release"
    assert new_loads(shop, before) == its_own
    assert_dagster_knows(shop, everything)
    assert full_rebuild_changes_nothing(shop)


def test_rebuilding_days_loads_exactly_those_in_one_run_and_changes_nothing(shop):
    before, tables = loads(shop), contents(shop)
    told, made = published_events(shop), releases(shop)

    assert built(shop, partition=str(day(3))) == "Nothing"
    assert new_loads(shop, before) == landed(shop, day(3))
    assert contents(shop) == tables

    before = loads(shop)
    assert built(shop, partition=f"{day(0)}..{YESTERDAY}") == "Nothing"
    assert new_loads(shop, before) == landed(shop)
    assert contents(shop) == tables
    assert (published_events(shop), releases(shop)) == (told, made)
    assert len(runs(shop)) == 3


def test_the_same_files_again_are_no_new_batches(shop):
    before, tables, told = loads(shop), contents(shop, "raw", "marts"), published_events(shop)
    for file in shop.landing.glob("*/*"):
        os.utime(file)
    assert built(shop) == "Nothing"
    assert loads(shop) == before
    assert contents(shop, "raw", "marts") == tables
    assert published_events(shop) == told


def test_other_content_under_the_same_name_replaces_its_day(shop):
    file, before = shop.file("orders", day(9)), loads(shop)
    header, *rows = file.read_text().splitlines(keepends=True)
    only_here = [row.split(",")[0] for row in rows if row.split(",")[5] == "pending"][-2:]
    kept = [row for row in rows if row.split(",")[0] not in only_here]
    assert len(kept) == len(rows) - 2
    file.write_text(header + "".join(kept))

    outcome = shop.build()
    assert outcome.exit_code == 0, outcome.failures
    assert new_loads(shop, before) == [("retail/orders", str(day(9)))]
    sql = f"select count(*) from raw.orders where _partition = '{day(9)}'"
    assert shop.private(sql) == [(len(kept),)]
    assert full_rebuild_changes_nothing(shop)


def test_a_bad_day_holds_back_what_is_published_and_no_other_day(behind):
    before, release = loads(behind), os.readlink(behind.published)
    bad, good = day(DAYS - 2), day(DAYS - 1)
    file = behind.file("orders", bad)
    content = file.read_bytes()
    file.write_bytes(content.replace(b"shipped", b"teleported").replace(b"pending", b"lost"))

    outcome = behind.build()
    assert outcome.exit_code == 1
    assert f"{bad}.csv" in outcome.failures[0].reason
    expected = [load for load in landed(behind, bad, good) if load != ("retail/orders", str(bad))]
    assert days_of(new_loads(behind, before)) == expected
    assert os.readlink(behind.published) == release
    assert str(bad) not in partitions(behind, "retail", "orders")

    file.write_bytes(content)
    assert built(behind) == "Release"
    assert days_of(new_loads(behind, before)) == landed(behind, bad, good)
    assert_dagster_knows(behind, landed(behind))


def test_a_file_whose_name_is_no_landed_day_is_named_and_the_others_load(behind):
    before, release = loads(behind), os.readlink(behind.published)
    expected = landed(behind, day(DAYS - 2), day(DAYS - 1))
    file = behind.file("orders")
    for name in ("2999-01-01", "2026-02-30", "yesterday"):
        shutil.copy(file, file.with_name(f"{name}.csv"))
    outcome = behind.build()
    assert outcome.exit_code == 1
    assert outcome.failures[0].reason.splitlines() == [
        "2026-02-30.csv: '2026-02-30' is no day: expected orders/{date}.csv with a date such as "
        "2026-01-31. Rename or remove the file.",
        "2999-01-01.csv: 2999-01-01 has not come yet. Rename or remove the file.",
        "yesterday.csv: 'yesterday' is no day: expected orders/{date}.csv with a date such as "
        "2026-01-31. Rename or remove the file.",
    ]
    assert days_of(new_loads(behind, before)) == expected
    assert os.readlink(behind.published) == release


def test_days_built_one_by_one_equal_all_in_one_run(empty_shop, tmp_path: Path):
    shop, number = empty_shop, 4
    whole = tmp_path / "whole"
    simulate(whole, number, start=day(0))
    source = whole / "data/dev/landing/retail"
    for today in (str(day(n)) for n in range(number)):
        later = [d for d in (str(day(n)) for n in range(number)) if d > today]
        shutil.copytree(
            source,
            shop.landing,
            ignore=lambda _, names, later=later: [n for n in names if n.split(".")[0] in later],
            dirs_exist_ok=True,
        )
        assert built(shop) == "Release"
        assert str(today) in partitions(shop, "marts", "orders")
    assert full_rebuild_changes_nothing(shop)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("2001-01-01", "no file has landed there; landed are days from {first} to {last}."),
        ("2001-01-01..2001-02-01", "no file has landed there; landed are days from"),
        ("{last}..{first}", "it ends before it begins."),
        ("tomorrow", "expected a day such as 2026-01-31, or two as FROM..TO."),
    ],
)
def test_days_that_never_landed_are_refused(shop, asked, said):
    names = {"first": FIRST, "last": YESTERDAY}
    with pytest.raises(AssetOpsError) as caught:
        shop.build(partition=asked.format(**names))
    assert f"--partition {asked.format(**names)}: {said.format(**names)}" in str(caught.value)
    assert caught.value.exit_code == 2
