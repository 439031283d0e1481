"""What has landed comes in once, day by day or all at once, and the result is the same."""

import os
import shutil
from datetime import date, timedelta

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

# Builds upon builds, of what other tests measure already.
pytestmark = pytest.mark.no_cover

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


def build(shop: Shop, **options: str) -> str:
    """Build, and return what became of the publication."""
    outcome = shop.build(**options)
    assert outcome.exit_code == 0, outcome.failures
    return outcome.publication.split()[0]


def releases(shop: Shop) -> list[str]:
    return [release.id for release in shop.platform.releases.list()]


def full_rebuild_changes_nothing(shop: Shop) -> bool:
    """Say whether an empty warehouse, built from all that has landed, is what is published."""
    shop.platform.settings.warehouse.unlink()
    return build(shop) == "Nothing"


def test_a_gap_stays_visible_until_its_files_land_however_late(built, empty_shop):
    shop, late = empty_shop, day(4)
    shutil.copytree(built.landing, shop.landing)
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
    assert build(shop) == "Release"
    assert new_loads(shop, before) == its_own
    assert_dagster_knows(shop, everything)
    assert contents(shop) == contents(built)


def test_days_are_rebuilt_in_one_run_and_the_same_files_again_are_no_news(shop):
    before, tables = loads(shop), contents(shop)
    told, made = published_events(shop), releases(shop)
    days = [day(number) for number in range(2, 6)]

    assert build(shop, partition=f"{days[0]}..{days[-1]}") == "Nothing"
    assert new_loads(shop, before) == landed(shop, *days)
    assert len(runs(shop)) == 2

    before = loads(shop)
    for file in shop.landing.glob("*/*"):
        os.utime(file)
    assert build(shop) == "Nothing"
    assert loads(shop) == before
    assert contents(shop) == tables
    assert (published_events(shop), releases(shop)) == (told, made)


def test_other_content_under_the_same_name_replaces_its_day(shop):
    only_here = shop.private(
        "select cast(order_id as varchar) from raw.orders group by order_id "
        f"having count(*) = 1 and max(_partition) = '{YESTERDAY}' order by order_id limit 2"
    )
    gone = [order_id for (order_id,) in only_here]
    assert len(gone) == 2
    file, before = shop.file("orders"), loads(shop)
    header, *rows = file.read_text().splitlines(keepends=True)
    kept = [row for row in rows if row.split(",")[0] not in gone]
    file.write_text(header + "".join(kept))

    assert build(shop, partition=str(YESTERDAY)) == "Release"
    assert new_loads(shop, before) == landed(shop, YESTERDAY)
    sql = "select count(*) from raw.orders where _partition = "
    assert shop.private(f"{sql} '{YESTERDAY}'") == [(len(kept),)]
    assert shop.consumed(f"select * from marts.orders where order_id in ({','.join(gone)})") == []
    assert full_rebuild_changes_nothing(shop)


def test_a_bad_day_holds_back_what_is_published_and_no_other_day(behind):
    before, release = loads(behind), os.readlink(behind.published)
    bad, good = day(DAYS - 2), day(DAYS - 1)
    expected = landed(behind, bad, good)
    file = behind.file("orders", bad)
    content = file.read_bytes()
    file.write_bytes(content.replace(b"shipped", b"teleported").replace(b"pending", b"lost"))
    odd = [file.with_name(f"{name}.csv") for name in ("2026-02-30", "2999-01-01", "yesterday")]
    for path in odd:
        path.write_bytes(content)

    outcome = behind.build()
    assert outcome.exit_code == 1
    reasons = outcome.failures[0].reason.splitlines()
    mend = "Rename or remove the file."
    no_day = f"is no day: expected orders/{{date}}.csv with a date such as 2026-01-31. {mend}"
    assert reasons[:3] == [
        f"2026-02-30.csv: '2026-02-30' {no_day}",
        f"2999-01-01.csv: 2999-01-01 has not come yet. {mend}",
        f"yesterday.csv: 'yesterday' {no_day}",
    ]
    for word in (f"retail/orders {bad}", f"{bad}.csv", "status_in_set", "teleported"):
        assert word in reasons[3]
    came = [load for load in expected if load != ("retail/orders", str(bad))]
    assert days_of(new_loads(behind, before)) == came
    assert str(bad) not in partitions(behind, "retail", "orders")
    assert os.readlink(behind.published) == release

    file.write_bytes(content)
    for path in odd:
        path.unlink()
    assert build(behind) == "Release"
    assert days_of(new_loads(behind, before)) == expected
    assert_dagster_knows(behind, landed(behind))


def test_days_built_one_by_one_from_far_equal_all_in_one_run(empty_shop, tmp_path, monkeypatch):
    shop, number = empty_shop, 3
    # Read by fsspec, as from a store.
    monkeypatch.setenv("ASSETOPS_LANDING", f"local://{shop.landing.parent}")
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
        assert build(shop) == "Release"
        assert str(today) in partitions(shop, "marts", "orders")
    assert list((shop.platform.settings.home / "fetched").iterdir()) == []
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
