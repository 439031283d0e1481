"""Bad rows are held back and good ones let through, with counts that add up whatever happens."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.ingest.conftest import DAY

from assetops.errors import AssetOpsError
from assetops.model import Severity, Status
from assetops.warehouse import journal
from assetops.warehouse.quarantine import forget


def test_the_good_rows_of_a_batch_go_to_raw_and_the_bad_ones_are_kept_with_their_reasons(
    source, rows
):
    outcome = source.load(rows(r2="-1,paid", r5="-2,lost"))

    assert (outcome.landed, outcome.rows, outcome.held) == (6, 4, 2)
    assert outcome.reasons == []
    assert source.raw == [1, 3, 4, 6]
    assert source.ask(
        "select order_id, total, _row, _broke, _file, _partition::varchar, _run_id, _state "
        "from quarantine.retail__orders order by _id"
    ) == [
        (2, -1, 2, ["total_positive"], "2026-01-05.csv", "2026-01-05", "run-1", "held"),
        (
            *(5, -2, 5, ["status_known", "total_positive"]),
            *("2026-01-05.csv", "2026-01-05", "run-1", "held"),
        ),
    ]
    with source.warehouse.connect() as connection:
        load = journal.standing_loads(connection, "retail/orders")[outcome.batch.partition]
    assert (load.rows, load.held_back) == (4, 2)


def test_what_was_held_back_is_a_warning_that_counts_it_and_shows_nothing_private(source, rows):
    outcome = source.load(rows(r2="-1,paid"))

    verdict = next(v for v in outcome.verdicts if v.check == "total_positive")
    assert (verdict.status, verdict.severity) == (Status.FAILED, Severity.WARNING)
    assert verdict.failing_rows == 1
    assert verdict.description.startswith("1 row is held back.")
    remembered = source.loader.ledger.latest_results("retail/orders")
    assert any("1 row is held back" in v.description for v, *_ in remembered)
    assert not any("mail2" in v.model_dump_json() for v, *_ in remembered)


def test_block_keeps_the_whole_batch_out_and_its_bad_rows_in_quarantine(source, rows):
    source.on_bad_rows("block")
    source.load(rows(), run_id="before")

    outcome = source.load(rows(r2="-1,paid"))

    assert outcome.load_id is None
    assert outcome.quarantined is not None
    assert source.raw == [1, 2, 3, 4, 5, 6]
    assert source.ask("select order_id, _blocked from quarantine.retail__orders") == [(2, True)]


@pytest.mark.parametrize(
    ("name", "kind", "kwargs"),
    [
        ("mean", "expect_column_mean_to_be_between", {"column": "total", "min_value": 100}),
        ("count", "expect_table_row_count_to_be_between", {"min_value": 100}),
        (
            "mostly",
            "expect_column_values_to_be_between",
            {"column": "total", "min_value": 3, "mostly": 0.9},
        ),
        (
            "own_query",
            "unexpected_rows_expectation",
            {"unexpected_rows_query": "select status, count(*) from {batch} group by status"},
        ),
    ],
)
def test_what_is_about_the_table_as_a_whole_blocks_the_whole_batch(
    source, rows, name, kind, kwargs
):
    source.expect(**{name: (kind, kwargs)})

    outcome = source.load(rows(r2="-1,paid"))

    assert outcome.load_id is None
    assert [v.check for v in outcome.verdicts if v.blocks] == [name]
    assert source.ask("select count(*) from duckdb_tables() where schema_name = 'raw'") == [0]


def test_the_gate_runs_again_on_the_rest_and_may_block_it(source, rows):
    source.expect(
        status_known=(
            "expect_column_values_to_be_in_set",
            {"column": "status", "value_set": ["paid", "open"]},
        ),
        enough=("expect_table_row_count_to_be_between", {"min_value": 6}),
    )

    outcome = source.load(rows(r2="1,lost"))

    assert outcome.load_id is None
    assert [v.check for v in outcome.verdicts if v.blocks] == ["enough"]
    assert source.kept() == [2]


def test_a_batch_most_of_which_is_bad_is_blocked_whole_and_says_so(source, rows):
    outcome = source.load(rows(r1="-1,paid", r2="-1,paid", r3="-1,paid", r4="-1,paid"))

    assert outcome.load_id is None
    assert outcome.reasons[0] == (
        "2026-01-05.csv: 4 of 6 rows are bad. That is more than held_at_most: 0.5, so that it is "
        "held back whole."
    )
    assert source.kept() == [1, 2, 3, 4]


def test_a_query_of_ones_own_that_returns_rows_holds_them_back(source, rows):
    query = "select * from {batch} where status = 'paid' and total > 6"
    source.expect(cheap=("unexpected_rows_expectation", {"unexpected_rows_query": query}))

    outcome = source.load(rows())

    assert (outcome.rows, outcome.held) == (5, 1)
    assert source.kept() == [6]


def test_the_same_batch_again_keeps_each_bad_row_once(source, rows):
    bad = rows(r2="-1,paid")
    source.load(bad)
    source.load(bad, run_id="run-2")

    assert source.ask("select order_id, _state from quarantine.retail__orders") == [(2, "held")]
    assert source.raw == [1, 3, 4, 5, 6]


def test_a_file_that_is_replaced_supersedes_what_was_held_of_it(source, rows):
    source.load(rows(r2="-1,paid", r3="1,lost"))
    source.load(rows(r3="2,lost"), run_id="run-2")

    assert source.kept() == [3]
    assert source.kept("superseded") == [2, 3]
    assert source.raw == [1, 2, 4, 5, 6]


def test_a_replacement_that_is_blocked_leaves_what_is_held_of_the_one_in_raw(source, rows):
    source.load(rows(r2="-1,paid"))
    source.on_bad_rows("block")
    source.load(rows(r3="1,lost"), run_id="run-2")

    assert source.kept() == [2, 3]
    assert source.raw == [1, 3, 4, 5, 6]


def test_when_the_suite_is_mended_the_same_batch_releases_its_rows(source, rows):
    batch = rows(r2="-1,paid")
    source.load(batch)
    source.expect(status_known=("expect_column_values_to_not_be_null", {"column": "status"}))
    source.load(batch, run_id="run-2")

    assert source.raw == [1, 2, 3, 4, 5, 6]
    assert source.kept("released") == [2]


def test_a_column_that_changes_its_type_loses_no_row_in_quarantine(source, rows):
    source.load(rows(r2="-1,paid"))
    source.ask("alter table quarantine.retail__orders alter total type integer")
    source.load(rows(r2="-1,paid", r3="-2.5,open"), run_id="run-2")

    assert source.ask("select total from quarantine.retail__orders order by _id") == [
        "-1",
        "-1.00",
        "-2.50",
    ]


def test_rows_that_do_not_add_up_leave_everything_as_it_was(source, rows):
    source.load(rows())
    lossy = source.loader.gate

    def gate(dataset, candidate, batch):
        with source.warehouse.connect() as connection:
            connection.execute(f"delete from {candidate.quoted} where order_id = 1")
        return lossy(dataset, candidate, batch)

    source.loader = replace(source.loader, gate=gate)
    with pytest.raises(AssetOpsError, match="6 rows landed, but 4 would be loaded and 1 held back"):
        source.load(rows(r2="-1,paid"), run_id="run-2")

    assert source.raw == [1, 2, 3, 4, 5, 6]
    assert source.ask("select count(*) from duckdb_tables() where schema_name = 'quarantine'") == [
        0
    ]


def test_rows_are_forgotten_when_their_time_is_over(source, rows):
    source.load(rows(r2="-1,paid"))
    source.load(rows(r2="-1,paid", r3="-2,paid"), day=DAY + timedelta(days=1))
    source.ask(
        "update quarantine.retail__orders set _held_at = _held_at - interval 91 day where _id < 3"
    )

    # Whether or not the project still knows the source.
    with source.warehouse.connect() as connection:
        assert (forget(connection, days=90), forget(connection, days=90)) == (2, 0)
    assert source.kept() == [3]
