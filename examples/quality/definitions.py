"""A Dagster project of its own: an asset makes a table, and a suite says what it must be like."""

from pathlib import Path

import dagster as dg
import duckdb

from assetops.quality import suite_checks

HERE = Path(__file__).parent
DATABASE = HERE / "shop.duckdb"


@dg.asset
def orders() -> None:
    """Make a small table, in which one order has no customer's address."""
    with duckdb.connect(DATABASE) as connection:
        connection.execute(
            "create or replace table orders as from (values "
            "(1, 'ana@example.com', 10.50, 'paid'), (2, null, 24.00, 'paid'), "
            "(3, 'bob@example.com', 7.25, 'shipped')) as t(order_id, email, total, status)"
        )


@dg.asset(deps=[orders])
def report() -> None:
    """Come after the gate: it is not made while a critical check of orders fails."""
    with duckdb.connect(DATABASE) as connection:
        connection.execute("create or replace table report as select sum(total) from orders")


defs = dg.Definitions(
    assets=[orders, report],
    asset_checks=[
        suite_checks(
            "orders", HERE / "suites" / "orders.json", DATABASE, key=["order_id"], pii=["email"]
        )
    ],
)
