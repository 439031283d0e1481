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


def lose_new_orders(shop: Shop, number: int) -> list[int]:
    """Give so many of yesterday's new orders a status that nobody knows; return which."""
    file = shop.file("orders")
    header, *lines = [line.split(",") for line in file.read_text().splitlines()]
    status, ordered = header.index("status"), header.index("ordered_at")
    new = [line for line in lines if line[ordered].startswith(str(YESTERDAY))][:number]
    for line in new:
        line[status] = "lost"
    file.write_text("\n".join(",".join(line) for line in [header, *lines]) + "\n")
    return [int(line[0]) for line in new]


def know_status(shop: Shop, status: str) -> None:
    file = shop.root / "gx/expectations/retail/orders.json"
    suite = json.loads(file.read_text())
    values = next(e for e in suite["expectations"] if "value_set" in e["kwargs"])
    values["kwargs"]["value_set"].append(status)
    file.write_text(json.dumps(suite))


def test_good_rows_are_published_bad_ones_wait_and_come_in_when_they_are_released(behind):
    let_bad_rows_wait(behind, "orders")
    lost = lose_new_orders(behind, 2)

    outcome = behind.build()

    assert outcome.exit_code == 0, outcome.failures
    row = next(row for row in outcome.assets if row.address == "retail/orders")
    assert row.held == 2
    assert any("2 rows are held back" in warning for warning in row.warnings)
    seen = f"select count(*) from marts.orders where order_id in ({lost[0]}, {lost[1]})"
    assert behind.consumed(seen) == [(0,)]
    schemas = "select distinct schema_name from duckdb_tables()"
    assert behind.consumed(schemas) == [("marts",)]
    (listed,) = answered(behind, "list")
    assert (listed["asset"], listed["held"]) == ("retail/orders", 2)

    know_status(behind, "lost")
    opened = Shop(behind.root)
    done = quarantine(opened, "release", "retail/orders", "--row", "1")
    assert done.exit_code == 0, done.output
    outcome = opened.build()

    assert outcome.exit_code == 0, outcome.failures
    assert behind.consumed(seen) == [(1,)]
