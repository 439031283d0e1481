"""`assetops profile` as its user meets it: with a suite, without one, before a first load."""

import json
import os
from typing import Any

import pytest
from click.testing import CliRunner, Result

from assetops.cli import group
from assetops.errors import AssetOpsError
from assetops.quality.suites import load_suites


def profile(shop: Any, *words: str) -> Result:
    os.chdir(shop.root)
    return CliRunner().invoke(group, ["profile", *words], catch_exceptions=False)


def suite_file(shop: Any, address: str) -> Any:
    return shop.root / f"gx/expectations/{address}.json"


def test_without_a_suite_the_draft_is_shown_and_kept_when_asked_for(shop) -> None:
    file = suite_file(shop, "retail/orders")
    file.unlink()
    said = profile(shop, "retail/orders").output
    assert "raw.orders" in said and "To keep them" in said
    assert not file.exists()
    said = profile(shop, "retail/orders", "--write").output
    assert "Wrote" in said and "Next: assetops check retail/orders" in said
    loaded = load_suites(shop.platform.project)["retail/orders"]
    assert len(loaded.expectations) == len(json.loads(file.read_text())["expectations"]) > 15


def test_a_written_suite_stays_as_it_is_and_the_difference_is_shown(shop) -> None:
    file = suite_file(shop, "marts/customers")
    before = file.read_text()
    said = profile(shop, "marts/customers", "--write").output
    assert "The draft would add" in said
    assert "gx/drafts/marts/customers.json, which nothing loads" in said
    assert file.read_text() == before
    assert "marts/customers" in load_suites(shop.platform.project)


def test_a_draft_that_cannot_be_written_is_an_error_that_names_the_file(shop) -> None:
    (shop.root / "gx/drafts").write_text("in the way")
    with pytest.raises(AssetOpsError, match=r"gx/drafts/marts/customers\.json cannot be written"):
        profile(shop, "marts/customers", "--write")


def test_what_was_never_loaded_is_drafted_from_its_newest_file(shop) -> None:
    with shop.platform.warehouse.connect() as connection:
        connection.execute("drop table raw.order_items")
    told = json.loads(profile(shop, "retail/order_items", "--json").output)
    assert told["seen"].endswith(".parquet, its newest landing file")
    assert told["rows"] > 0
    assert "quantity_not_null" in {e["meta"]["name"] for e in told["suite"]["expectations"]}


def test_a_program_gets_the_suite_its_evidence_and_the_difference(shop) -> None:
    told = json.loads(profile(shop, "retail/orders", "--json", "--rows", "50").output)
    assert told["rows"] > 50
    assert "from a sample of 50" in told["seen"]
    assert told["statements"] == 3
    assert {change["what"] for change in told["difference"]} >= {"add", "tighter"}
    assert all(e["description"] for e in told["suite"]["expectations"])


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("retail/ordres", "No dataset is called retail/ordres. Did you mean retail/orders?"),
        ("retail/orders", "no file of it has landed"),
        ("marts/orders", "there is no marts.orders yet"),
    ],
)
def test_where_there_is_nothing_to_draft_from_the_error_says_so(
    empty_shop, address: str, message: str
) -> None:
    with pytest.raises(AssetOpsError) as error:
        profile(empty_shop, address)
    assert message in str(error.value)
    assert error.value.exit_code == 2
