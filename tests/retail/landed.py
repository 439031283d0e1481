"""A shop that has traded, and its landing files as tables, for the tests of the simulator."""

import hashlib
from datetime import date
from pathlib import Path

import duckdb
from click.testing import CliRunner, Result

from retail.cli import main
from retail.simulate.plan import Plan
from retail.simulate.shop import Report, simulate

START = date(2025, 9, 1)
PLATFORM = Path(__file__).parents[2] / "platform"
COLUMNS = {
    "customers": "customer_id,changed_at,change,email,first_name,last_name,address,city,"
    "province,postal_code,marketing_opt_in",
    "products": "product_id,name,category,unit_cost,unit_price,launched_on,discontinued_on",
    "stores": "store_id,name,city,province,channel,opened_on",
    "campaigns": "campaign_id,name,channel,starts_on,ends_on,budget,target_segment",
    "orders": "order_id,customer_id,store_id,campaign_id,ordered_at,status,discount,"
    "order_total,updated_at",
    "web_events": "event_id,occurred_at,event_type,session_id,customer_id,product_id,"
    "campaign_id,page,device",
}
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def trade(out: Path, *, days: int, orders_per_day: int = 20, seed: int = 7) -> Report:
    plan = Plan(START, days, orders_per_day, seed)
    return simulate(plan, out, lambda: None)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["simulate", *map(str, arguments)])


def load(folder: Path) -> duckdb.DuckDBPyConnection:
    """Return the landed rows as tables, with the landing day as `_partition`."""
    connection = duckdb.connect()
    money = "{'discount': 'DECIMAL(12,2)', 'order_total': 'DECIMAL(12,2)'}"
    events = (
        "{event_id: 'VARCHAR', occurred_at: 'TIMESTAMP', event_type: 'VARCHAR', "
        "session_id: 'VARCHAR', customer_id: 'BIGINT', product_id: 'BIGINT', "
        "campaign_id: 'BIGINT', page: 'VARCHAR', device: 'VARCHAR'}"
    )
    readers = {
        "customers": f"read_csv('{folder}/customers/*.csv', header = true, filename = true)",
        "orders": f"read_csv('{folder}/orders/*.csv', header = true, filename = true, "
        f"types = {money})",
        "order_items": f"read_parquet('{folder}/order_items/*.parquet', filename = true)",
        "web_events": f"read_json('{folder}/web_events/*.jsonl', filename = true, "
        f"format = 'newline_delimited', columns = {events})",
    }
    for table, reader in readers.items():
        connection.execute(
            f"create table {table} as select * exclude filename, "
            rf"regexp_extract(filename, '(\d{{4}}-\d\d-\d\d)\.', 1)::date as _partition "
            f"from {reader}"
        )
    for table in ("products", "stores", "campaigns"):
        connection.execute(f"create table {table} as from read_csv('{folder}/{table}.csv')")
    connection.execute(
        "create view newest as select * from orders qualify row_number() over "
        "(partition by order_id order by updated_at desc, _partition desc) = 1"
    )
    return connection


def value(landed: duckdb.DuckDBPyConnection, query: str) -> float:
    row = landed.execute(query).fetchone()
    assert row is not None
    return float(row[0])
