"""The project's own suites: complete, each with its reason, and open to stock GX."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import great_expectations as gx
import pytest

import assetops.quality.gx  # noqa: F401  (registers add_duckdb)
from assetops.model import Relation, Severity, Status, Verdict
from assetops.project import Project
from assetops.quality.engine import Validator
from assetops.quality.suites import Suite, load_suites
from assetops.quality.suites.depth import Depth

ROOT = Path(__file__).parents[2]
REVENUE = Relation(schema_name="marts", name="revenue_daily")
USUAL = "revenue_as_usual_for_the_weekday"


@pytest.fixture(scope="module")
def suites(retail: Project) -> dict[str, Suite]:
    return load_suites(retail)


def test_every_source_and_every_published_mart_has_a_suite(
    retail: Project, suites: dict[str, Suite]
) -> None:
    wanted = {dataset.address for dataset in (*retail.ingested(), *retail.published())}
    assert set(suites) == wanted


def test_every_expectation_has_a_reason_and_says_its_severity(suites: dict[str, Suite]) -> None:
    for suite in suites.values():
        for expectation in suite.expectations:
            assert len(expectation.description) > 15, f"{suite.address}: {expectation.name}"
        written = json.loads(suite.path.read_text())["expectations"]
        assert all("severity" in entry for entry in written), suite.address


def test_stock_great_expectations_opens_the_folder_and_leaves_it_as_it_is(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "gx", tmp_path / "gx", ignore=shutil.ignore_patterns("uncommitted"))
    code = (
        "import great_expectations as gx, sys;"
        "context = gx.get_context(mode='file', project_root_dir=sys.argv[1]);"
        "print({s.name: len(s.expectations) for s in context.suites.all()})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = dict(eval(done.stdout.strip().splitlines()[-1]))
    files = sorted((ROOT / "gx" / "expectations").rglob("*.json"))
    assert found == {
        ".".join((path.parent.name, path.stem)): len(json.loads(path.read_text())["expectations"])
        for path in files
    }
    for path in (ROOT / "gx" / "great_expectations.yml", *files):
        assert (tmp_path / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


@pytest.fixture
def published(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(
            'create schema marts; create table marts."Odd Orders" as '
            "select i as order_id, 'o-' || i as code from range(10) as t(i)"
        )
    path.chmod(0o444)
    return path


def test_a_stock_checkpoint_runs_on_a_published_file(published: Path, tmp_path: Path) -> None:
    context = gx.get_context(mode="ephemeral")
    source = context.data_sources.add_duckdb(
        "published", connection_string=f"duckdb:///{published}?access_mode=read_only"
    )
    suite = context.suites.add(
        gx.ExpectationSuite(
            name="orders",
            expectations=[
                gx.expectations.ExpectColumnValuesToMatchRegex(column="code", regex=r"^o-\d$"),
                gx.expectations.ExpectColumnValuesToBeInSet(column="order_id", value_set=[1, 2]),
            ],
        )
    )
    table = source.add_table_asset("orders", table_name='"Odd Orders"', schema_name="marts")
    query = source.add_query_asset("few", query='select * from marts."Odd Orders" limit 5')
    for asset, failing in ((table, 8), (query, 3)):
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(
                name=asset.name,
                data=asset.add_batch_definition_whole_table("all"),
                suite=suite,
            )
        )
        checkpoint = gx.Checkpoint(
            name=asset.name, validation_definitions=[definition], result_format="SUMMARY"
        )
        outcome = context.checkpoints.add(checkpoint).run()
        (result,) = outcome.run_results.values()
        found = {r.expectation_config.type: r for r in result.results}
        assert found["expect_column_values_to_match_regex"].success
        unexpected = found["expect_column_values_to_be_in_set"].result["unexpected_count"]
        assert unexpected == failing


WEEK = (100, 95, 98, 105, 120, 130, 90)


@pytest.fixture
def revenue(suites: dict[str, Suite]) -> Iterator[Callable[..., dict[str, Verdict]]]:
    """Judge a revenue table of some days, where certain days are a multiple of the usual."""
    connection = duckdb.connect()
    connection.execute("create schema marts")

    def judge(
        days: int = 90, orders: int = 200, growth: float = 1.0, **unusual: float
    ) -> dict[str, Verdict]:
        last = date(2026, 3, 31)
        rows: list[tuple[Any, ...]] = []
        for ago in range(days):
            day = last - timedelta(days=ago)
            times = unusual.get(f"ago_{ago}", 1.0) * growth ** (ago // -30)
            amount = WEEK[day.weekday()] * times
            rows.append((day, orders, amount, 0, amount, amount, 0, datetime(2026, 4, 1)))
        connection.execute(
            "create or replace table marts.revenue_daily (revenue_date date, orders bigint, "
            "gross_revenue decimal(18, 2), discounts decimal(18, 2), revenue decimal(18, 2), "
            "online_revenue decimal(18, 2), shop_revenue decimal(18, 2), updated_at timestamp)"
        )
        connection.executemany("insert into marts.revenue_daily values (?,?,?,?,?,?,?,?)", rows)
        with Validator(connection.cursor) as validator:
            verdicts = validator.validate(
                REVENUE,
                suites["marts/revenue_daily"],
                parameters={"as_of": datetime(2026, 4, 1)},
            )
        return {verdict.check: verdict for verdict in verdicts}

    yield judge
    connection.close()


def failed(verdicts: dict[str, Verdict]) -> set[str]:
    assert not [v for v in verdicts.values() if v.status is Status.ERRORED]
    return {name for name, verdict in verdicts.items() if verdict.status is Status.FAILED}


def test_the_weeks_own_ups_and_downs_are_no_alarm(
    revenue: Callable[..., dict[str, Verdict]],
) -> None:
    # The last day is a Tuesday; a Sunday sells 30 % less than its Saturday.
    for days in (90, 88, 87, 30, 3, 1):
        assert failed(revenue(days)) == set()


@pytest.mark.parametrize(
    ("times", "critical"), [(0.49, True), (0.55, False), (1.75, False), (1.85, True)]
)
def test_a_day_far_from_its_weekdays_median_blocks(
    revenue: Callable[..., dict[str, Verdict]], times: float, critical: bool
) -> None:
    verdicts = revenue(ago_2=times)
    assert (USUAL in failed(verdicts)) is critical
    assert verdicts[USUAL].severity is Severity.CRITICAL
    if critical:
        (row,) = verdicts[USUAL].sample
        assert row["revenue_date"] == "2026-03-29"
        assert row["times_usual"] == pytest.approx(times, abs=0.01)


def test_one_feast_in_eight_weeks_does_not_move_the_usual(
    revenue: Callable[..., dict[str, Verdict]],
) -> None:
    assert failed(revenue(ago_9=5.0, ago_23=5.0)) <= {"revenue_month_over_month"}


def test_a_day_long_past_does_not_block_for_ever(
    revenue: Callable[..., dict[str, Verdict]],
) -> None:
    assert USUAL not in failed(revenue(ago_7=0.1))
    assert USUAL in failed(revenue(ago_6=0.1))


def test_nothing_is_usual_before_four_weeks(revenue: Callable[..., dict[str, Verdict]]) -> None:
    assert failed(revenue(days=28, ago_0=0.1)) == set()
    assert USUAL in failed(revenue(days=29, ago_0=0.1))


@pytest.mark.parametrize(
    ("times", "orders", "warns"),
    [(0.81, 200, False), (0.79, 200, True), (1.4, 200, False), (0.75, 20, False), (0.6, 20, True)],
)
def test_a_dip_from_one_day_to_the_next_warns(
    revenue: Callable[..., dict[str, Verdict]], times: float, orders: int, warns: bool
) -> None:
    verdicts = revenue(orders=orders, ago_0=times)
    assert ("revenue_day_over_day" in failed(verdicts)) is warns
    assert verdicts["revenue_day_over_day"].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("growth", "warns"), [(1.14, False), (1.17, True), (0.87, False), (0.83, True)]
)
def test_a_month_that_differs_from_the_last_warns(
    revenue: Callable[..., dict[str, Verdict]], growth: float, warns: bool
) -> None:
    verdicts = revenue(growth=growth)
    assert ("revenue_month_over_month" in failed(verdicts)) is warns
    assert verdicts["revenue_month_over_month"].severity is Severity.WARNING


def test_the_deep_checks_find_an_order_sent_twice_and_one_that_was_forgotten(
    suites: dict[str, Suite],
) -> None:
    orders = Relation(schema_name="marts", name="orders")
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.orders as from (values "
            "(1, 7, timestamp '2026-01-01 10:00:00', 1, 20.00, 'shipped'), "
            "(2, 7, timestamp '2026-02-10 10:00:00', 1, 20.00, 'delivered'), "
            "(3, 7, timestamp '2026-02-16 10:00:00', 1, 20.00, 'shipped')) "
            "as t(order_id, customer_id, ordered_at, store_id, order_total, status)"
        )
        with Validator(connection.cursor) as validator:

            def judged() -> dict[str, Verdict]:
                deep = suites["marts/orders"].part(Depth.DEEP)
                verdicts = validator.validate(orders, deep, parameters={})
                return {verdict.check: verdict for verdict in verdicts}

            assert failed(judged()) == {"old_orders_are_closed"}
            connection.execute("update marts.orders set status = 'cancelled' where order_id = 1")
            connection.execute(
                "insert into marts.orders "
                "select 4, * exclude (order_id) from marts.orders where order_id = 3"
            )
            assert failed(judged()) == {"no_order_sent_twice"}
