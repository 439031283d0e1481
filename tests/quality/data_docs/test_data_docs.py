"""Data Docs: pages of what is in the ledger, with nothing private and nothing that runs in them."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from tests.quality.data_docs.results import RUN, text_of, verdict

from assetops.cli.docs_server import serve
from assetops.ledger.tables import RESULTS
from assetops.model import Status
from assetops.quality.data_docs import SAFE
from assetops.settings import Settings

PAGE = f"validations/marts/orders/{RUN}/all/index.html"
SCRIPT = "<script>alert(1)</script>"


def run_number(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def test_a_page_says_what_each_expectation_found(docs, record, judged, expecting) -> None:
    found = judged(
        expecting("expect_column_values_to_be_in_set", column="status", value_set=["paid"]),
        expecting("expect_column_values_to_not_be_null", column="order_id"),
        expecting("expect_table_row_count_to_be_between", min_value=1, max_value=9),
        expecting("expect_table_columns_to_match_set", column_set=["order_id"], exact_match=False),
        expecting("expect_column_max_to_be_between", column="nowhere", max_value=1),
        expecting("unexpected_rows_expectation", unexpected_rows_query="select 1 from {batch}"),
    )
    record(*found.values(), verdict("unique_orders_order_id", "failed", expected="once"))
    page = docs.page(PAGE)
    assert "3 passed, 3 failed, 1 errored" in text_of(page)
    assert "values must belong to this set" in page
    assert "1 unexpected values found. 25% of 4 total rows." in page
    assert re.search(r"<td>3</td>\s*<td>lost</td>", page)
    assert "SELECT" in page.partition("The SQL that finds them")[2]
    assert "raised an exception" in page
    assert "failed unique_orders_order_id critical Expected once." in text_of(page)
    assert "Great Expectations could not" not in page


def test_what_blocks_comes_before_what_does_not(docs, record) -> None:
    record(verdict("odd", "failed", severity="warning"), verdict("bad", "failed"), verdict("fine"))
    said = text_of(docs.page(PAGE)).partition("What did not pass")[2]
    assert "1 passed, 1 warned, 1 failed" in text_of(docs.page(PAGE))
    assert 0 < said.index("failed bad critical") < said.index("warned odd warning")


def test_a_page_says_what_gx_could_not_render(docs, record, caplog) -> None:
    unknown = verdict("odd", "failed", expected="calm", expectation="expect_no_such_thing")
    # A quantile is a number between 0 and 1, as GX's renderer takes for granted.
    kind = "expect_column_quantile_values_to_be_between"
    ranges = {"quantiles": ["the middle"], "value_ranges": [[1, 2]]}
    raising = verdict(
        "middle",
        expected="so",
        expectation=kind,
        arguments={"column": "total", "quantile_ranges": ranges},
    )
    kind = "expect_column_values_to_not_be_null"
    fine = verdict("fine", expectation=kind, arguments={"column": "total"}, failing_rows=0, rows=2)
    record(unknown, raising, fine)
    page = text_of(docs.page(PAGE))
    assert "Great Expectations could not render odd, middle. They are listed here" in page
    assert "values must never be null" in page
    assert "passed middle critical so" in page
    assert "Traceback" not in caplog.text


def test_no_value_runs_in_a_page(docs, record, database, judged, expecting) -> None:
    database.execute("update marts.orders set status = ? where order_id = 1", [SCRIPT])
    kind = "expect_column_values_to_be_in_set"
    found = judged(expecting(kind, column="status", value_set=["paid", SCRIPT * 2]))
    other = verdict("own", "failed", expected=SCRIPT, observed=SCRIPT)
    distinct = verdict(
        "distinct",
        "failed",
        observed=[SCRIPT],
        expectation="expect_column_distinct_values_to_be_in_set",
        arguments={"column": "status", "value_set": [SCRIPT]},
    )
    errored = distinct.model_copy(
        update={"check": "e", "status": Status.ERRORED, "error": SCRIPT, "observed": None}
    )
    unknown = verdict("u", "failed", expected=SCRIPT, expectation="expect_no_such_thing")
    record(*found.values(), other, distinct, errored, unknown)
    page = docs.page(PAGE)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 10


def test_a_page_names_no_other_host(docs, record) -> None:
    record(verdict("a"))
    assert "//" not in "".join(docs.page(path) for path in (PAGE, "index.html"))


def test_private_values_are_on_no_page(docs, record, judged, expecting) -> None:
    rule = expecting("expect_column_values_to_match_regex", column="email", regex="@")
    (masked,) = judged(rule, pii=("email",)).values()
    # Given before the column was declared private.
    (bare,) = judged(rule).values()
    assert "no address" in bare.model_dump_json()
    record(masked, bare.model_copy(update={"check": "before"}))
    page = docs.page(PAGE)
    assert "no address" not in page
    assert "•••" in page


def test_a_link_from_a_check_leads_to_the_results_of_its_run(docs, record) -> None:
    record(verdict("a"), partition="2026-01-01")
    record(verdict("a", "failed"), partition="2026-01-02")
    link = Settings(root=Path(), data_docs_url="http://docs").data_docs_page("marts/orders", RUN)
    moved = docs.page(link.removeprefix("http://docs/"))
    assert 'content="0; url=2026-01-02/index.html"' in moved
    there = docs.page(f"validations/marts/orders/{RUN}/2026-01-02/index.html")
    assert "1 failed" in text_of(there)


def test_a_run_that_is_forgotten_leads_to_the_datasets_newest_runs(docs, ledger, record) -> None:
    record(verdict("a"))
    page = docs.page(f"validations/marts/orders/{run_number(7)}/index.html")
    assert f"The run {run_number(7)} is not in the ledger" in page
    assert f"../../../../validations/marts/orders/{RUN}/all/index.html" in page


@pytest.mark.parametrize(
    "path", ["validations/marts/nothing/index.html", "other", "validations", "marts/orders/x/y/z"]
)
def test_there_is_no_other_page(docs, path: str) -> None:
    assert docs.page(path) is None


def test_the_site_as_files_has_no_dead_link_and_only_new_pages_are_written(
    docs, record, tmp_path: Path
) -> None:
    record(verdict("a"), run=run_number(1))
    record(verdict("a"), run=run_number(2), partition="2026-01-02")
    site = tmp_path / "site"
    assert docs.write(site) == 2
    assert (site / "expectations/marts/orders/index.html").is_file()
    for page in site.rglob("*.html"):
        # A file has no header: it says itself what it may load, before it loads anything.
        head = unescape(page.read_text()).partition("<style>")[0]
        assert f'"Content-Security-Policy" content="{SAFE}"' in head
        for link in re.findall(r'(?:href="|url=)([^"#]+)"', page.read_text()):
            assert (page.parent / link).resolve().is_file(), f"{page}: {link}"
    assert docs.write(site) == 0
    record(verdict("b", "failed"), run=run_number(2), partition="2026-01-02")
    assert docs.write(site) == 1


def test_three_thousand_runs_cost_no_more_than_the_newest(docs, ledger, tmp_path: Path) -> None:
    at = datetime.now(UTC).replace(tzinfo=None)
    found = verdict("a", expectation="expect_table_row_count_to_be_between", observed=4)
    row = {"asset": "marts/orders", "partition": None, "severity": "critical", "at": at}
    with ledger.connect() as connection:
        rows = [
            {
                **row,
                "check": f"check {check}",
                "state": run_number(number),
                "run_id": run_number(number),
                "status": "passed",
                "verdict": found.model_copy(update={"check": f"check {check}"}).model_dump_json(),
            }
            for number in range(3000)
            for check in range(5)
        ]
        connection.execute(RESULTS.insert(), rows)
        connection.commit()
    site = tmp_path / "site"
    stale = site / "validations/marts/orders" / run_number(1)
    mine = site / "validations/marts/orders/notes"
    stale.mkdir(parents=True)
    mine.mkdir()
    assert docs.write(site) == 20
    runs = sorted(path.name for path in stale.parent.iterdir() if path.is_dir())
    assert runs == [*(run_number(number) for number in range(2980, 3000)), "notes"]
    # A link to an older run is no dead one while the ledger has it.
    older = docs.page(f"validations/marts/orders/{run_number(1)}/all/index.html")
    assert "5 passed" in text_of(older)


@pytest.fixture
def served(docs, record) -> Iterator[str]:
    record(verdict("a"))
    server = serve(docs, lambda path: None, 0)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def answer(url: str, host: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            assert "script-src" not in response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_server_shows_pages_and_no_file_of_the_disk(served: str) -> None:
    status, page = answer(f"{served}/")
    assert status == 200
    assert "marts/orders" in page
    assert answer(f"{served}/{PAGE}")[0] == 200
    for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/validations/../../ledger.db"):
        assert answer(served + path)[0] == 404


def test_the_server_answers_nobody_who_comes_by_another_name(served: str) -> None:
    # A page of another site could have its own name point at this machine.
    assert answer(f"{served}/", host="evil.example")[0] == 403
