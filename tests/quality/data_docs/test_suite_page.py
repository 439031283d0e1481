"""The page of what a dataset promises."""

import re

import pytest
from tests.quality.data_docs.results import RUN, text_of, verdict

from assetops.quality.suites.depth import Deep, Depth, SuiteMeta
from assetops.quality.suites.inputs import Input

PAGE = "expectations/marts/orders/index.html"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def promised(suites, suite, expecting) -> None:
    """The mart promises two things of a column, and one of the table."""
    suites["marts/orders"] = suite(
        expecting("expect_column_values_to_be_between", column="total", min_value=0),
        expecting("expect_table_row_count_to_be_between", min_value=1, max_value=9),
        expecting("expect_column_values_to_not_be_null", "has_total", "warning", column="total"),
    )


def test_it_says_in_words_what_is_expected_and_why(docs, promised) -> None:
    page = text_of(docs.page(PAGE))
    assert "The suite is gx/expectations/marts/orders.json" in page
    titles = ("The whole table", "total total", "dbt tests")
    whole, column, tests = (page.index(title) for title in titles)
    assert whole < page.index("the number of rows between 1 and 9") < column
    assert "total at least 0 So it was agreed. total_between critical never ran" in page
    assert "every row to have total So it was agreed. has_total warning never ran" in page
    assert column < tests < page.index("unique_orders_order_id")


def test_it_shows_what_became_of_each_check_the_last_times(docs, promised, record) -> None:
    old = "00000000-0000-4000-8000-000000000001"
    record(verdict("has_total"), verdict("row_count_between"), run=old)
    missing = {"failing_rows": 2, "rows": 4, "severity": "warning"}
    record(verdict("has_total", "failed", **missing), partition="2026-01-02")
    page = docs.page(PAGE)
    row = re.search(r'<tr id="has_total">.*?</tr>', page, re.DOTALL)[0]
    assert re.search("warned [0-9: -]+ 2 of 4 rows ✓⚠", text_of(f"</style>{row}"))
    assert f'href="../../../validations/marts/orders/{RUN}/2026-01-02/index.html"' in row
    docs_of_one = type(docs)(**{**vars(docs), "runs_shown": 1})
    # As files, the older run has no page any more.
    assert old in row
    assert old not in docs_of_one.page(PAGE)


def test_a_check_that_could_not_run_says_why(docs, promised, record) -> None:
    record(verdict("has_total", "errored", error="no such function"))
    assert "could not run: no such function" in text_of(docs.page(PAGE))


def test_a_value_that_has_become_private_is_not_shown(docs, suites, suite, expecting, record):
    rule = expecting("expect_column_distinct_values_to_be_in_set", column="email", value_set=["a"])
    suites["marts/orders"] = suite(rule)
    given = {"arguments": rule.kwargs, "expectation": rule.type}
    record(verdict(rule.name, "failed", observed=["ana@example.com"], failing_rows=3, **given))
    page = text_of(docs.page(PAGE))
    assert "3 rows" in page
    assert "ana@example.com" not in page


def test_no_word_of_a_suite_runs_in_its_page(docs, suites, suite, expecting, record) -> None:
    kind = "unexpected_rows_expectation"
    asked = expecting(kind, "asked", unexpected_rows_query=f"select '{SCRIPT}' from {{batch}}")
    listed = expecting("expect_column_values_to_be_in_set", column="status", value_set=[SCRIPT])
    suites["marts/orders"] = suite(asked.model_copy(update={"description": SCRIPT}), listed)
    record(verdict("asked", "errored", error=SCRIPT))
    page = docs.page(PAGE)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 4


def test_it_says_what_the_suite_looks_at_if_that_is_not_the_table(
    docs, suites, promised, expecting
) -> None:
    deep = SuiteMeta(depth=Depth.DEEP, deep=Deep(sample="10%"))
    looked_at = Input.model_validate({"query": "select 1"})
    suites["marts/orders"] = suites["marts/orders"].model_copy(
        update={"meta": deep, "input": looked_at}
    )
    page = text_of(docs.page(PAGE))
    assert "It does not look at the table itself, but at query: select 1." in page
    assert "Deep checks do not run in builds; they look at a sample of 10%." in page
    assert "warning deep never ran" in page


def test_a_dataset_without_a_suite_says_how_to_get_one(docs) -> None:
    assert "assetops profile marts/orders drafts one" in text_of(docs.page(PAGE))


def test_a_landing_files_contract_is_promised_too(docs) -> None:
    page = text_of(docs.page("expectations/retail/orders/index.html"))
    assert "The landing file a landing file that can be read" in page
