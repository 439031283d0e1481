"""A draft says what the data shows, why, and leaves to others what they say already."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assetops.errors import AssetOpsError
from assetops.model import Severity
from assetops.quality.engine import validate
from assetops.quality.profile.draft import Draft
from assetops.quality.suites import Suite

_NOWHERE = Path("/none")
AS_OF = datetime(2026, 1, 5)
Drafted = Callable[..., Draft]


def by_name(draft: Draft) -> dict[str, Any]:
    return {e.name: e for e in draft.expectations}


def test_the_draft_of_a_model_knows_its_keys_shapes_values_and_relations(drafted: Drafted) -> None:
    found = by_name(drafted(as_of=AS_OF))
    assert found["invoice_id_unique"].severity is Severity.CRITICAL
    assert found["number_prefix_and_digits"].kwargs["regex"] == r"^INV\-\d+$"
    assert found["net_of_type"].kwargs["type_"] == "DECIMAL"
    assert found["state_in_set"].kwargs["value_set"] == ["open", "paid", "void"]
    assert found["state_in_set"].description == "3 values in 2,000 rows, the rarest 666 times."
    assert found["net_positive"].kwargs == {"column": "net", "min_value": 0, "strict_min": True}
    assert found["net_in_range"].kwargs["max_value"] == 200
    assert found["paid_at_not_less_than_made_at"].kwargs["column_A"] == "paid_at"
    assert found["gross_not_less_than_net"].severity is Severity.WARNING
    assert found["invoice_id_not_null"].severity is Severity.CRITICAL
    assert found["made_at_not_in_the_future"].kwargs["max_value"] == {"$PARAMETER": "as_of"}
    assert found["invoice_id_not_null"].description == "0 of 2,000 rows null."
    assert found["note_share_given"].kwargs["min_value"] < 0.75
    assert found["net_positive"].description == "Above zero in all of 2,000 values, least 5."


def test_it_takes_two_statements_whatever_the_table_has(drafted: Drafted) -> None:
    assert drafted(as_of=AS_OF).scan.statements == 2
    assert drafted(as_of=AS_OF, sample=500).scan.statements == 3  # And the rows, all counted.


def test_the_draft_passes_on_the_data_that_it_was_drafted_from(
    drafted: Drafted, invoices: duckdb.DuckDBPyConnection
) -> None:
    draft = drafted(as_of=AS_OF)
    suite = Suite(address="marts/invoices", path=_NOWHERE, expectations=draft.expectations)
    verdicts = validate(invoices.cursor, draft.dataset.relation, suite, parameters={"as_of": AS_OF})
    assert [v.sentence() for v in verdicts if v.status != "passed"] == []


def test_nothing_of_a_persons_data_is_in_a_draft(drafted: Drafted) -> None:
    draft = drafted()
    assert "email_email" in by_name(draft)
    assert "example.com" not in draft.text()
    assert "person" not in draft.text()


def test_a_column_of_addresses_that_is_not_marked_is_told(
    drafted: Drafted, described: Any, invoices: duckdb.DuckDBPyConnection
) -> None:
    invoices.execute("alter table marts.invoices rename email to contact")
    names = ("invoice_id", "contact")
    assert "contact: looks like e-mail addresses; mark it `pii: email`" in (
        drafted(described(names=names)).left
    )


def test_what_dbt_tests_already_is_left_to_them_and_said(
    drafted: Drafted, described: Any, dbt_test: Any
) -> None:
    tests = [
        dbt_test("unique", "invoice_id"),
        dbt_test("not_null", "invoice_id"),
        dbt_test("accepted_values", "state"),
    ]
    draft = drafted(described(*tests))
    assert not {"invoice_id_unique", "invoice_id_not_null", "state_in_set"} & by_name(draft).keys()
    assert [note for note in draft.left if "dbt test" in note] == [
        f"{test.column}: the dbt test {test.name} says it" for test in tests
    ]
    assert "number_unique" not in by_name(draft)  # Its key has been named.


def test_types_are_left_to_an_enforced_contract_and_freshness_to_a_promise(
    drafted: Drafted, described: Any
) -> None:
    draft = drafted(described(fresh_within="26h"), as_of=AS_OF, enforced=True)
    assert not [name for name in by_name(draft) if name.endswith(("_of_type", "_fresh"))]
    assert "types: dbt's contract enforces them" in draft.left
    assert "freshness: the contract's fresh_within (26h) is watched by Dagster" in draft.left
    assert "made_at_fresh" not in by_name(drafted(as_of=datetime(2026, 3, 1)))


def test_columns_that_the_yml_does_not_know_are_told_and_not_expected(
    drafted: Drafted, described: Any
) -> None:
    draft = drafted(described(names=("invoice_id", "state")))
    assert "net: dbt_project/models/marts/invoices.yml does not have it" in draft.left
    assert '"net"' not in draft.text()
    # An order of some columns would be no order that the table has.
    assert "match_ordered_list" not in draft.text()


def test_few_rows_make_no_rule_that_blocks(
    drafted: Drafted, invoices: duckdb.DuckDBPyConnection
) -> None:
    invoices.execute("delete from marts.invoices where invoice_id > 30")
    found = by_name(drafted())
    blocking = {name for name, e in found.items() if e.severity is Severity.CRITICAL}
    assert blocking == {"columns_match_ordered_list"}
    assert "invoice_id_not_null" in found


def test_what_is_infinite_or_no_number_or_always_null_makes_no_bound(
    drafted: Drafted, described: Any, invoices: duckdb.DuckDBPyConnection
) -> None:
    invoices.execute(
        "create or replace table marts.invoices as select range as invoice_id, "
        "cast('inf' as double) as far, cast('nan' as double) as none, "
        "cast('infinity' as timestamp) as never, null as unused from range(200)"
    )
    draft = drafted(described(names=("invoice_id", "far", "none", "never", "unused")))
    json.loads(draft.text(), parse_constant=lambda word: pytest.fail(word))
    assert not [name for name in by_name(draft) if name.endswith(("_range", "_past", "_mean"))]
    assert any(note.startswith("unused: null in all rows") for note in draft.left)


def test_a_sample_counts_all_rows_and_says_that_it_is_one(drafted: Drafted) -> None:
    draft = drafted(sample=200)
    assert draft.scan.whole.rows == 200
    assert draft.rows == 2000
    assert by_name(draft)["row_count_as_usual"].kwargs["min_value"] == 1400
    assert by_name(draft)["invoice_id_unique"].description.endswith("(in the sample).")


def test_a_draft_is_the_same_twice(drafted: Drafted) -> None:
    assert drafted().text() == drafted().text()


def test_of_no_rows_no_draft_is_made(drafted: Drafted, invoices: duckdb.DuckDBPyConnection) -> None:
    invoices.execute("delete from marts.invoices")
    with pytest.raises(AssetOpsError, match="marts/invoices has no rows"):
        drafted()


def test_odd_names_and_times_beyond_the_calendar_make_a_suite_that_loads(
    drafted: Drafted, described: Any, invoices: duckdb.DuckDBPyConnection
) -> None:
    invoices.execute(
        'create or replace table marts.invoices as select range as "we ird\'""", '
        "range / 2 as \"Größe\", timestamp '20260-01-01' as far, 1e300 * range as big, "
        "timestamptz '2026-01-01 10:00:00+02' as zoned, {'a': 1} as struct from range(200)"
    )
    draft = drafted(described(names=()))
    assert all(name.replace("_", "a").isascii() and " " not in name for name in by_name(draft))
    assert "far_not_null" in by_name(draft) and "far_not_long_past" not in by_name(draft)
    assert len(draft.text()) < 20_000
