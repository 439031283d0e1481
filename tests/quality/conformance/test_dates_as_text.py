"""Where the gates and stock GX differ: a date as the bound of a text column."""

from pathlib import Path

import duckdb
import great_expectations as gx
import great_expectations.expectations as gxe

import assetops.quality.gx  # noqa: F401  (registers add_duckdb)
from assetops.model import Status

ORDERS = (
    "create schema if not exists marts; create or replace table marts.orders as from (values "
    "(1, '2026-01-05'), (2, '2026-02-05'), (3, 'zzz')) as t(order_id, placed_on)"
)
BOUNDS = {"min_value": "2026-01-01", "max_value": "2026-01-31"}
AS_DATE = "select * replace (try_cast(placed_on as date) as placed_on) from marts.orders"


def test_at_a_gate_a_text_is_compared_as_text(database, judged, expecting) -> None:
    database.execute(ORDERS)
    kind = "expect_column_values_to_be_between"
    (verdict,) = judged(expecting(kind, column="placed_on", **BOUNDS)).values()
    assert (verdict.status, verdict.failing_rows) == (Status.FAILED, 2)


def test_in_stock_gx_it_errs_until_the_text_is_made_a_date(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "shop.duckdb") as connection:
        connection.execute(ORDERS)
    context = gx.get_context(mode="ephemeral")
    address = f"duckdb:///{tmp_path / 'shop.duckdb'}"
    source = context.data_sources.add_duckdb("shop", connection_string=address)
    table = source.add_table_asset("orders", table_name="orders", schema_name="marts")
    query = source.add_query_asset("dated", query=AS_DATE)
    rule = gxe.ExpectColumnValuesToBeBetween(column="placed_on", **BOUNDS)
    text, dated = (
        asset.add_batch_definition_whole_table("all").get_batch().validate(rule)
        for asset in (table, query)
    )
    assert "Cannot compare values of type VARCHAR and type DATE" in str(text.exception_info)
    assert (dated.result["unexpected_count"], dated.result["missing_count"]) == (1, 1)
