"""Whatever fails behind the sources, consumers see the release before; a mistake is no bad data."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.end_to_end.conftest import Shop
from tests.end_to_end.observed import shown

# Builds upon builds, of what other tests measure already.
pytestmark = pytest.mark.no_cover


def change(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))


def impossible_bound(shop: Shop) -> None:
    file = shop.root / "gx/expectations/marts/orders_daily.json"
    suite = json.loads(file.read_text())
    suite["expectations"][0]["kwargs"]["min_value"] = 1_000_000
    file.write_text(json.dumps(suite))


def unknown_customer(shop: Shop) -> None:
    file = shop.file("orders")
    header, row, *rows = file.read_text().splitlines(keepends=True)
    cells = row.split(",")
    file.write_text("".join([header, ",".join([cells[0], "99999999", *cells[2:]]), *rows]))


def unknown_column(shop: Shop) -> None:
    file = shop.root / "dbt_project/models/intermediate/int_customers_current.sql"
    change(file, "    email,\n", "    e_mail as email,\n")


FAILURES: dict[str, tuple[Callable[[Shop], None], int, list[str]]] = {
    "a post-flight": (impossible_bound, 1, ["marts/orders_daily: ", "orders", "at least 1000000"]),
    "a dbt test": (
        unknown_customer,
        1,
        ["dbt_project/models/marts/orders.yml", "relationships_orders_customer_id", "Got 1 result"],
    ),
    "a model": (
        unknown_column,
        2,
        ["dbt_project/models/intermediate/int_customers_current.sql", '"e_mail"'],
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_if_one_thing_fails_every_mart_stays_at_the_release_before(behind, case):
    break_it, exit_code, words = FAILURES[case]
    break_it(behind)
    before, link = shown(behind, behind.published), os.readlink(behind.published)

    outcome = behind.build()

    said = "\n".join(failure.reason for failure in outcome.failures)
    assert outcome.exit_code == exit_code, said
    for word in words:
        assert word in said
    assert "Traceback" not in said
    assert os.readlink(behind.published) == link
    assert shown(behind, behind.published) == before
    assert len(behind.platform.releases.list()) == 1


def test_a_check_that_could_not_run_is_told_of_even_if_nothing_waits_for_it(shop):
    file = shop.root / "gx/expectations/marts/orders_daily.json"
    suite = json.loads(file.read_text())
    query = "select * from {batch} where cast('no. ' || orders as integer) > 0"
    kwargs, meta = {"unexpected_rows_query": query}, {"name": "odd"}
    odd = {"type": "unexpected_rows_expectation", "kwargs": kwargs, "severity": "warning"}
    suite["expectations"].append({**odd, "meta": meta})
    file.write_text(json.dumps(suite))

    outcome = shop.check("marts/orders_daily")

    (row,) = outcome.assets
    assert (outcome.exit_code, row.errored) == (0, 1)
    assert "1 errored" in outcome.verdict()
    (said,) = row.warnings
    assert said.startswith("marts/orders_daily: odd could not run: Conversion Error")


MISTAKES = {
    "a model that does not parse": (
        "dbt_project/models/marts/orders_daily.sql",
        '{{ ref("orders") }}',
        '{{ ref("orders" }}',
        ["models/marts/orders_daily.sql", "line 2"],
    ),
    "a suite": (
        "gx/expectations/marts/orders_daily.json",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_betwen",
        [
            "gx/expectations/marts/orders_daily.json:5",
            "Did you mean expect_column_values_to_be_between?",
        ],
    ),
    "a contract": (
        "dbt_project/models/marts/orders_daily.yml",
        "fresh_within:",
        "fresh_witin:",
        ["dbt_project/models/marts/orders_daily.yml", "fresh_witin", "Did you mean fresh_within?"],
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_ends_with_2_and_names_the_file_and_the_nearest_word(shop, case):
    file, before, after, words = MISTAKES[case]
    change(shop.root / file, before, after)
    link = os.readlink(shop.published)

    finished = shop.command("build")

    assert finished.returncode == 2, finished.stdout
    for word in words:
        assert word in finished.stderr
    assert "Traceback" not in finished.stderr
    assert os.readlink(shop.published) == link
