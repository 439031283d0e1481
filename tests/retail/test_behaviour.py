"""The shop is believable: what customers, orders and visits do over time."""

import statistics
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest
from tests.retail.landed import START, load, trade, value

from retail.simulate.demand import demand
from retail.simulate.draws import spread


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
