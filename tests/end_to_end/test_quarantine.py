"""Bad rows wait in quarantine while the good ones are published, until somebody decides."""

import json
import os
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.end_to_end.conftest import YESTERDAY, Shop

from assetops.cli import group

pytestmark = pytest.mark.no_cover


def quarantine(shop: Shop, *words: str) -> Result:
    os.chdir(shop.root)
    return CliRunner().invoke(group, ["quarantine", *words])


def answered(shop: Shop, *words: str) -> Any:
    return json.loads(quarantine(shop, *words, "--json").stdout)


def let_bad_rows_wait(shop: Shop, source: str) -> None:
    """Make a source's contract say `on_bad_rows: quarantine`."""
    file = shop.root / "dbt_project/models/staging/retail/_retail__sources.yml"
    before, entry, after = file.read_text().partition(f"\n      - name: {source}\n")
    assert entry
    after = after.replace("on_bad_rows: block", "on_bad_rows: quarantine", 1)
    file.write_text(before + entry + after)


def new_orders(shop: Shop, number: int) -> list[int]:
    """Return so many orders of which yesterday's file has the first version."""
    header, *lines = [line.split(",") for line in shop.file("orders").read_text().splitlines()]
    ordered = header.index("ordered_at")
    return [int(line[0]) for line in lines if line[ordered].startswith(str(YESTERDAY))][:number]


def suspect(shop: Shop, *orders: int) -> None:
    """Let the suite of the orders expect that these never come."""
    file = shop.root / "gx/expectations/retail/orders.json"
    suite = json.loads(file.read_text())
    kept = [e for e in suite["expectations"] if e.get("meta") != {"name": "not_suspect"}]
    expectation = {
        "type": "expect_column_values_to_not_be_in_set",
        "kwargs": {"column": "order_id", "value_set": list(orders)},
        "severity": "critical",
        "meta": {"name": "not_suspect"},
    }
    file.write_text(json.dumps(suite | {"expectations": [*kept, expectation]}))


def test_good_rows_are_published_bad_ones_wait_and_come_in_when_they_are_released(shop):
    let_bad_rows_wait(shop, "orders")
    first, second = new_orders(shop, 2)
    suspect(shop, first, second)
    seen = f"select order_id from marts.orders where order_id in ({first}, {second})"
    assert len(shop.consumed(seen)) == 2

    outcome = shop.build(partition=str(YESTERDAY))

    assert outcome.exit_code == 0, outcome.failures
    row = next(row for row in outcome.assets if row.address == "retail/orders")
    assert row.held == 2
    assert any("2 rows are held back" in warning for warning in row.warnings)
    assert shop.consumed(seen) == []
    schemas = "select distinct schema_name from duckdb_tables()"
    assert shop.consumed(schemas) == [("marts",)]
    (listed,) = answered(shop, "list")
    assert listed == {"asset": "retail/orders", "held": 2, "reasons": {"not_suspect": 2}}

    suspect(shop, second)
    done = shop.command("quarantine", "release", "retail/orders", "--all")

    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines() == ["row 2 stays held: it still breaks not_suspect"]
    assert done.stdout == "1 row of retail/orders went back into raw. Next: assetops build\n"
    outcome = shop.build()
    assert outcome.exit_code == 0, outcome.failures
    assert shop.consumed(seen) == [(first,)]


def test_a_command_that_is_not_whole_or_names_nothing_ends_with_2_and_says_what_to_do(shop):
    for words, said in {
        ("release", "retail/orders"): "Say which rows: --row ID",
        ("discard", "retail/orders", "--all"): "--why is missing",
        ("release", "retail/orders", "--row", "7"): "retail/orders has no held row 7",
        ("release", "marts/orders", "--all"): "is built from other data",
        ("show", "retail/order"): "Did you mean retail/orders?",
    }.items():
        done = quarantine(shop, *words)
        code = getattr(done.exception, "exit_code", done.exit_code)
        assert code == 2, done.output
        assert said in f"{done.output}{done.exception}"
