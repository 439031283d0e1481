"""The shop must be believable, and the same every time."""

import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from retail.cli import main
from retail.simulate.demand import demand
from retail.simulate.draws import spread
from retail.simulate.landing import as_jsonl, publish
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("landing")
    trade(out, days=120, orders_per_day=60)
    return out


@pytest.fixture(scope="module")
def landed(folder: Path) -> duckdb.DuckDBPyConnection:
    return load(folder)


def value(landed: duckdb.DuckDBPyConnection, query: str) -> float:
    row = landed.execute(query).fetchone()
    assert row is not None
    return float(row[0])


def test_the_same_arguments_write_the_same_bytes_whatever_the_hash_seed_and_threads(
    tmp_path: Path,
) -> None:
    written = []
    for hash_seed, threads in (("1", "1"), ("2", "4")):
        out = tmp_path / hash_seed
        script = ["-c", "from retail.cli import main; main()", "simulate", "--out", str(out)]
        subprocess.run(
            [sys.executable, *script, "--days", "6", "--start", "2025-09-01"],
            check=True,
            capture_output=True,
            env={
                **os.environ,
                "PYTHONPATH": str(PLATFORM),
                "PYTHONHASHSEED": hash_seed,
                "OMP_NUM_THREADS": threads,
            },
        )
        written.append(contents(out))
    assert written[0] == written[1]
    assert Counter(Path(path).suffix for path in written[0])[".parquet"] == 6


def test_another_seed_is_another_shop(tmp_path: Path) -> None:
    trade(tmp_path / "a", days=2, seed=1)
    trade(tmp_path / "b", days=2, seed=2)
    a, b = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert a.keys() == b.keys()
    assert [path for path in a if a[path] == b[path]] == ["stores.csv"]


@pytest.mark.parametrize("days", [1, 10, 90])
def test_one_more_day_leaves_every_earlier_file_as_it_was(tmp_path: Path, days: int) -> None:
    trade(tmp_path / "short", days=days)
    trade(tmp_path / "long", days=days + 1)
    short, long = contents(tmp_path / "short"), contents(tmp_path / "long")
    assert {path: long.get(path) for path in short} == short
    added = {str(Path(path).parent) for path in long.keys() - short.keys()}
    assert added == {"customers", "orders", "order_items", "web_events"}


def test_a_silent_source_delivers_the_day_after_with_nothing_lost(
    folder: Path, landed: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    silent = trade(tmp_path, days=120, orders_per_day=60).silent
    assert {path.split("/")[0] for path in silent} == {"orders", "order_items", "web_events"}
    assert len(silent) <= 8
    for path in silent:
        source, day = path.split("/")[0], path.split("/")[1][:10]
        moment = "occurred_at" if source == "web_events" else "updated_at"
        assert not (folder / path).exists()
        held = f"from {source} where {moment}::date = '{day}'"
        assert value(landed, f"select count(*) {held}") > 50
        assert str(landed.execute(f"select min(_partition) {held}").fetchall()[0][0]) == str(
            date.fromisoformat(day) + timedelta(days=1)
        )


def test_a_source_is_never_silent_on_the_last_day_and_falls_silent_once_days_are_added(
    tmp_path: Path,
) -> None:
    whole = tmp_path / "whole"
    path = next(path for path in trade(whole, days=90).silent if path.startswith("orders/"))
    until = (date.fromisoformat(path[7:17]) - START).days + 1
    grown = tmp_path / "grown"
    assert path not in trade(grown, days=until).silent
    assert (grown / path).is_file()
    trade(grown, days=90)
    assert contents(grown) == contents(whole)


def test_every_file_has_the_columns_of_the_contract_in_order_and_no_quotes(folder: Path) -> None:
    for source in ("customers", "orders"):
        for path in (folder / source).iterdir():
            text = path.read_text("utf-8")
            assert text.startswith(COLUMNS[source] + "\n")
            assert text.endswith("\n")
            assert '"' not in text
    for source in ("products", "stores", "campaigns"):
        assert (folder / f"{source}.csv").read_text("utf-8").startswith(COLUMNS[source] + "\n")
    order = re.compile(
        rf"\d+,\d+,\d+,\d*,{MOMENT},(pending|confirmed|shipped|delivered|cancelled),"
        rf"\d+\.\d\d,\d+\.\d\d,{MOMENT}"
    )
    lines = (folder / f"orders/{START}.csv").read_text().splitlines()[1:]
    assert [line for line in lines if not order.fullmatch(line)] == []
    record = re.compile(
        rf"\d+,{MOMENT},(created|updated),[a-z]+\.[a-z]+\d+(-\d+)?@example\.(com|org|net),"
        r"[^,]+,[^,]+,\d+ [^,]+,[^,]+,[A-Z]{2},[A-Z]\d[A-Z] \d[A-Z]\d,(true|false)"
    )
    lines = (folder / f"customers/{START}.csv").read_text("utf-8").splitlines()[1:]
    assert [line for line in lines if not record.fullmatch(line)] == []


def test_items_are_typed_parquet_and_events_are_json_lines(folder: Path) -> None:
    schema = pq.read_schema(folder / f"order_items/{START}.parquet")
    assert dict(zip(schema.names, map(str, schema.types), strict=True)) == {
        "order_id": "int64",
        "line_number": "int32",
        "product_id": "int64",
        "quantity": "int32",
        "unit_price": "decimal128(12, 2)",
        "updated_at": "timestamp[us]",
    }
    kinds: dict[str, set[type]] = {}
    for line in (folder / f"web_events/{START}.jsonl").read_text().splitlines():
        event = json.loads(line)
        assert ",".join(event) == COLUMNS["web_events"]
        assert re.fullmatch(MOMENT, event["occurred_at"])
        for name, content in event.items():
            kinds.setdefault(name, set()).add(type(content))
    nullable = {"customer_id", "product_id", "campaign_id"}
    assert {name for name, found in kinds.items() if found == {int, type(None)}} == nullable
    assert all(kinds[name] == {str} for name in kinds.keys() - nullable)


def test_json_lines_keep_missing_numbers_apart_from_texts() -> None:
    table = pa.table({"a": pa.array([1, None]), "b": ["x", "é"]})
    lines = as_jsonl(table).to_pybytes().decode().splitlines()
    assert list(map(json.loads, lines)) == [{"a": 1, "b": "x"}, {"a": None, "b": "é"}]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("orders", "order_id, _partition"),
        ("order_items", "order_id, line_number, _partition"),
        ("customers", "customer_id, changed_at"),
        ("web_events", "event_id"),
    ],
)
def test_a_key_is_unique_inside_a_file(
    landed: duckdb.DuckDBPyConnection, table: str, key: str
) -> None:
    query = f"select count(*) - count(distinct ({key})) from {table}"
    assert value(landed, query) == 0


@pytest.mark.parametrize(
    ("table", "moment"),
    [
        ("orders", "updated_at"),
        ("order_items", "updated_at"),
        ("customers", "changed_at"),
        ("web_events", "occurred_at"),
    ],
)
def test_a_file_knows_nothing_of_the_days_after_it_and_a_share_lands_late(
    landed: duckdb.DuckDBPyConnection, table: str, moment: str
) -> None:
    assert value(landed, f"select max({moment}::date - _partition) from {table}") <= 0
    fresh = f"from {table} where _partition > '{START}'"  # the first day brings the customer base
    late = value(landed, f"select avg(({moment}::date < _partition)::int) {fresh}")
    assert 0 < late < 0.2


def test_totals_match_the_newest_items_that_had_landed_on_every_day(
    landed: duckdb.DuckDBPyConnection,
) -> None:
    wrong = """
        with days as (select distinct _partition as day from orders),
        o as (
            select day, order_id, discount, order_total from days join orders on _partition <= day
            qualify row_number() over (partition by day, order_id
                order by updated_at desc, _partition desc) = 1
        ),
        i as (
            select day, order_id, quantity * unit_price as price
            from days join order_items on _partition <= day
            qualify row_number() over (partition by day, order_id, line_number
                order by updated_at desc, _partition desc) = 1
        ),
        goods as (select day, order_id, sum(price) as goods from i group by all)
        select count(*) from o full join goods using (day, order_id)
        where (goods - discount = order_total and order_total > 0 and discount >= 0) is not true
    """
    assert value(landed, wrong) == 0


def test_a_correction_lands_the_order_and_its_line_with_one_time(
    landed: duckdb.DuckDBPyConnection,
) -> None:
    corrected = """
        select count(*) from order_items i join orders o using (order_id, _partition)
        where i.updated_at > o.ordered_at and o.updated_at >= i.updated_at
    """
    assert value(landed, corrected) == value(
        landed,
        "select count(*) from order_items i where updated_at > "
        "(select min(ordered_at) from orders o where o.order_id = i.order_id)",
    )
    days_later = """
        select avg((i._partition > o.ordered_at::date)::int)
        from order_items i join newest o using (order_id) where i.updated_at > o.ordered_at
    """
    assert value(landed, days_later) > 0.95
    share = f"({corrected}) / (select count(*) from newest)"
    assert 0.01 < value(landed, f"select {share}") < 0.04


def test_whom_and_what_a_row_names_has_landed_by_then(landed: duckdb.DuckDBPyConnection) -> None:
    known = """
        select count(*) from {table} t left join
            (select customer_id, min(_partition) as since from customers
             where change = 'created' group by all) c using (customer_id)
        where t.customer_id is not null and (c.since <= t._partition) is not true
    """
    assert value(landed, known.format(table="orders")) == 0
    assert value(landed, known.format(table="web_events")) == 0
    for table, names in (("orders", "stores"), ("orders", "campaigns"), ("web_events", "campaigns"),
                         ("order_items", "products"), ("web_events", "products")):  # fmt: skip
        key = f"{names[:-1]}_id"
        lost = f"select count(*) from {table} anti join {names} using ({key}) where {key} > 0"
        assert value(landed, lost) == 0
    assert value(landed, "select count(*) from order_items anti join newest using (order_id)") == 0


def test_products_and_campaigns_are_used_only_while_they_run(
    landed: duckdb.DuckDBPyConnection,
) -> None:
    outside = "count_if(ordered_at::date not between starts_on and ends_on)"
    assert value(landed, f"select {outside} from newest join campaigns using (campaign_id)") == 0
    off_sale = """
        select count_if(ordered_at::date < launched_on or ordered_at::date >= discontinued_on)
        from newest join order_items using (order_id) join products using (product_id)
    """
    assert value(landed, off_sale) == 0
    assert value(landed, "select count(discontinued_on) from products") > 0


def test_campaigns_bring_orders_and_mail_only_those_who_agreed(
    landed: duckdb.DuckDBPyConnection,
) -> None:
    share = value(landed, "select count(campaign_id) / count(*) from newest")
    assert 0.02 < share < 0.2
    assert value(landed, "select count(campaign_id) from web_events") > 0
    refused = """
        select count(*) from newest join campaigns using (campaign_id)
        where channel = 'email' and customer_id not in
            (select customer_id from customers where marketing_opt_in)
    """
    assert value(landed, refused) == 0


def test_orders_move_on_and_some_are_cancelled_days_later(
    landed: duckdb.DuckDBPyConnection,
) -> None:
    old = f"from newest where ordered_at < '{START + timedelta(days=100)}'"
    shares = dict(landed.execute(f"select status, count(*) {old} group by 1").fetchall())
    assert shares.keys() == {"delivered", "cancelled"}
    assert 0.03 < shares["cancelled"] / sum(shares.values()) < 0.05
    assert value(landed, "select count(distinct status) from orders") == 5
    days = "avg((updated_at::date > ordered_at::date)::int) from newest where status = 'cancelled'"
    assert value(landed, f"select {days}") > 0.7


def test_some_versions_land_out_of_order(landed: duckdb.DuckDBPyConnection) -> None:
    overtaken = """
        select count(*) from (select updated_at < max(updated_at) over (partition by order_id
            order by _partition rows between unbounded preceding and 1 preceding) as late
            from orders) where late
    """
    assert value(landed, overtaken) > 0


def test_customers_differ_return_and_leave(landed: duckdb.DuckDBPyConnection) -> None:
    counts = [n for (n,) in landed.execute(
        "select count(*) from newest group by customer_id").fetchall()]  # fmt: skip
    assert statistics.median(counts) <= 2
    assert 10 < max(counts) < 60
    assert sum(n == 1 for n in counts) > len(counts) / 4
    gone = """
        select avg((latest < date '2025-11-01')::int) from (
            select max(ordered_at) as latest, count_if(ordered_at < date '2025-10-15') as early
            from newest group by customer_id) where early >= 4
    """
    assert 0.02 < value(landed, gone) < 0.5


def test_customers_change_their_details_one_by_one(landed: duckdb.DuckDBPyConnection) -> None:
    changes = landed.execute("""
        select email <> lag(email) over w as mailed, address <> lag(address) over w as moved,
            marketing_opt_in <> lag(marketing_opt_in) over w as decided
        from customers window w as (partition by customer_id order by changed_at)
        qualify change = 'updated'
    """).fetchall()
    assert len(changes) > 50
    assert {sum(change) for change in changes} == {1}
    assert all(any(column) for column in zip(*changes, strict=True))
    first = "row_number() over (partition by customer_id order by changed_at) = 1"
    odd = f"select count(*) from (from customers qualify ({first}) <> (change = 'created'))"
    assert value(landed, odd) == 0
    assert value(landed, "select max(n) from (select count(distinct customer_id) n "
                         "from customers group by email)") == 1  # fmt: skip


def test_visits_lead_to_orders_and_some_do_not(landed: duckdb.DuckDBPyConnection) -> None:
    per_order = "(select count(*) from web_events) / (select count(*) from newest)"
    assert 3 < value(landed, f"select {per_order}") < 5
    paths = landed.execute("""
        select path, count(*) from (select list(event_type order by occurred_at) as path
        from web_events group by session_id) group by path order by 2 desc
    """).fetchall()
    assert paths[0][0] == ["page_view", "add_to_cart", "checkout", "purchase"]
    assert ["page_view"] in [path for path, _ in paths]


@pytest.mark.parametrize(("orders_per_day", "seed"), [(20, 7), (20, 1), (200, 7)])
def test_revenue_stays_near_the_same_weekday_of_the_last_eight_weeks(
    tmp_path: Path, orders_per_day: int, seed: int
) -> None:
    trade(tmp_path, days=200, orders_per_day=orders_per_day, seed=seed)
    revenue = [float(total) for (total,) in load(tmp_path).execute(
        "select sum(order_total) from newest where status <> 'cancelled' "
        "group by ordered_at::date order by ordered_at::date").fetchall()]  # fmt: skip
    assert len(revenue) == 200
    ratios = [
        revenue[day] / statistics.median(revenue[max(day % 7, day - 56) : day : 7])
        for day in range(7, 200)
    ]
    assert 0.5 < min(ratios) < max(ratios) < 2.0


def test_demand_grows_and_follows_the_week_and_the_year_without_jumps() -> None:
    year = [START + timedelta(days=day) for day in range(730)]
    level = {day: demand(day, START) for day in year}
    assert demand(START.replace(year=2026), START) / demand(START, START) == pytest.approx(
        1.2, rel=0.1
    )
    weekdays = [demand(date(2025, 10, 6 + day), START) for day in range(7)]
    assert weekdays.index(max(weekdays)) == 5
    assert 1.3 < max(weekdays) / min(weekdays) < 1.6
    christmas = sum(level[date(2025, 12, day)] for day in range(1, 22))
    assert christmas / sum(level[date(2025, 10, day)] for day in range(1, 22)) > 1.15
    jumps = [level[day] / level[day - timedelta(days=7)] for day in year[7:]]
    assert 0.9 < min(jumps) < max(jumps) < 1.1


def test_spread_draws_fill_every_slice_once() -> None:
    draws = spread(np.random.default_rng(0), 50)
    assert sorted((draws * 50).astype(int)) == list(range(50))


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_beside_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "orders" / "2025-09-01.csv"
    publish(path, pa.py_buffer(b"old"))
    with pytest.raises(TypeError):
        publish(path, "no bytes")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--days", "0"], ["'--days'", "0 is too small; give 1 or more"]),
        (["--days", "many"], ["'--days'", "'many'"]),
        (["--days", "99999999999"], ["--days reaches beyond the calendar"]),
        (["--days", "40000"], ["give --start 1980-01-01 or later"]),
        (["--days", "9999999", "--start", "2025-01-01"], ["--days reaches beyond the calendar"]),
        (["--orders-per-day", "-3"], ["'--orders-per-day'", "give 1 or more"]),
        (["--orders-per-day", "9999999"], ["'--orders-per-day'", "give 1000000 or less"]),
        (["--start", "2025-13-01"], ["'--start'", "'2025-13-01' is not a date", "2026-01-31"]),
        (["--start", "1066-10-14"], ["first day is 1066-10-14; give --start 1980-01-01 or later"]),
        (["--seed", "-1"], ["'--seed'", "give 0 or more"]),
    ],
)
def test_a_bad_argument_is_named_with_its_mend(
    tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    result = command("--out", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert [word for word in words if word not in said] == []
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_an_out_path_that_is_a_file_or_lies_under_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        result = command("--days", "1", "--out", out)
        assert result.exit_code == 2
        said = " ".join(result.output.split())
        assert "cannot be written (a file is in the way); name a folder that can" in said
    assert (tmp_path / "file").read_text() == "mine"


def test_the_command_ends_yesterday_says_what_it_wrote_and_what_is_next(tmp_path: Path) -> None:
    result = command("--days", "3", "--orders-per-day", "20", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    days = sorted(path.stem for path in (tmp_path / "orders").iterdir())
    assert days == [str(yesterday - timedelta(days=back)) for back in (2, 1, 0)]
    assert "web_events" in result.output
    assert "assetops build" in result.output


def test_without_a_start_the_shop_of_the_folder_goes_on_until_yesterday(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    begun = ("--start", str(today - timedelta(days=6)), "--orders-per-day", "20")
    assert command(*begun, "--days", "4", "--out", tmp_path).exit_code == 0
    before = contents(tmp_path)
    result = command("--days", "5", "--orders-per-day", "20", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    after = contents(tmp_path)
    assert {path: after[path] for path in before} == before
    assert len(list((tmp_path / "orders").iterdir())) == 6


@pytest.mark.parametrize(
    "other", [["--seed", "8"], ["--orders-per-day", "21"], ["--start", "2025-08-31"]]
)
def test_two_shops_do_not_share_a_folder(tmp_path: Path, other: list[str]) -> None:
    shop = ("--days", "1", "--start", str(START), "--orders-per-day", "20", "--out", tmp_path)
    assert command(*shop).exit_code == 0
    before = contents(tmp_path)
    result = command(*shop, *other)
    assert result.exit_code == 2
    assert "holds another shop (--start 2025-09-01" in " ".join(result.output.split())
    assert contents(tmp_path) == before


def test_a_marker_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".shop.json").write_text("{")
    result = command("--days", "1", "--out", tmp_path)
    assert result.exit_code == 2
    assert ".shop.json cannot be read" in result.output


@pytest.mark.parametrize("module", ["retail", "retail.cli"])
def test_importing_the_command_loads_nothing_heavy(module: str) -> None:
    heavy = "numpy pandas pyarrow sklearn rich great_expectations dbt dagster".split()
    script = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PLATFORM)},
    )
    assert found.stdout.strip() == "[]"
