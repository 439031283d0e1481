"""A backfill goes through its days in parts, and what was stopped goes on where it was."""

from datetime import timedelta

import dagster as dg
import pytest
from rich.console import Console
from tests.end_to_end.conftest import DAYS, YESTERDAY, Shop
from tests.end_to_end.observed import loads, new_loads, runs

from assetops.cli import backfill
from assetops.cli.days import FROM_TAG, TO_TAG
from assetops.cli.instance import open_instance

SELECT = 'key:"retail/orders" or key:"published/orders"'
FIRST = YESTERDAY - timedelta(days=DAYS - 1)


def part(shop: Shop) -> list[tuple[str, str, str, bool]]:
    """Return what the backfills' runs were about, oldest first, and whether they published."""
    with open_instance(shop.platform.settings) as instance:
        found = instance.get_runs(dg.RunsFilter(tags={backfill.OF_TAG: [OF]}))
    published = dg.AssetKey(["published", "orders"])
    return [
        (
            run.tags[backfill.ID_TAG],
            run.tags[FROM_TAG],
            run.tags[TO_TAG],
            published in (run.asset_selection or ()),
        )
        for run in reversed(found)
    ]


ASKED = f"{FIRST}..{YESTERDAY}"
OF = f"{ASKED} of {SELECT} in dev"


def day(number: int) -> str:
    return str(FIRST + timedelta(days=number))


def test_it_goes_on_with_what_is_left_and_publishes_at_the_end(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.root)
    monkeypatch.setattr(backfill, "_GIVE_WAY_SECONDS", 0)
    before, file = loads(shop), shop.file("orders", FIRST + timedelta(days=7))
    good = file.read_bytes()
    file.write_bytes(b"no orders\n1\n")

    def run(chunk: int) -> tuple[backfill.Backfill, int]:
        console = Console(quiet=True)
        asked = backfill.Backfill(shop.platform, shop.definitions, ASKED, SELECT, console)
        return asked, asked.run(chunk).exit_code

    stopped, code = run(5)
    assert (code, [str(left) for left in stopped.left()]) == (1, [day(n) for n in range(5, DAYS)])
    file.write_bytes(good)
    done, code = run(10)
    assert (code, done.left(), done.id) == (0, [], stopped.id)
    assert [found[1:] for found in part(shop)] == [
        (day(0), day(4), False),
        (day(5), day(9), False),
        (day(5), day(DAYS - 1), True),
    ]
    again = {load for load in new_loads(shop, before) if load[0] == "retail/orders"}
    assert again == {("retail/orders", day(number)) for number in range(DAYS)}
    assert len(runs(shop)) == 4

    # Once it is done, the same words mean another one.
    other, code = run(DAYS)
    assert (code, other.id == done.id) == (0, False)
