"""Rows of a wrong type, without a key or with another's are held back one by one."""

from typing import Any

import pytest
from tests.ingest.conftest import Source

from assetops.ingest.release import Returned, release
from assetops.model import Column, Severity, Status
from assetops.warehouse.held import rows as shown_rows
from assetops.warehouse.quarantine import State, decide


def let_go(source: Source, *ids: int) -> Returned:
    return release(source.loader, source.dataset, ids, by="ana", run_id="release-1")


def discard(source: Source, *ids: int) -> None:
    with source.warehouse.connect() as connection:
        decide(connection, source.dataset, ids, State.DISCARDED, by="ana", why="the other is right")


def retyped(source: Source, **kinds: str) -> None:
    columns = tuple(
        Column(name=c.name, data_type=kinds.get(c.name, c.data_type), pii=c.pii)
        for c in source.dataset.columns
    )
    source.dataset = source.dataset.model_copy(update={"columns": columns})


BATCH = [
    "1,a@example.com,1.50,paid",
    "2,b@example.com,much,paid",
    "3,c@example.com,3.50,lost",
    ",d@example.com,4.50,paid",
    "5,e@example.com,5.50,paid",
    "6,f@example.com,6.50,paid",
    "6,g@example.com,six,open",
    "8,h@example.com,8.50,paid",
    "9,i@example.com,9.50,paid",
    "10,j@example.com,10.50,open",
]


def test_each_is_kept_with_what_is_wrong_and_the_text_that_landed(source: Source) -> None:
    outcome = source.load(BATCH)

    assert (outcome.landed, outcome.rows, outcome.held, outcome.reasons) == (10, 5, 5, [])
    assert source.raw == [1, 5, 8, 9, 10]
    again = "contract: its key (order_id) is there more than once"
    no_total = "contract: total is no DECIMAL(10,2)"
    assert source.ask(
        "select _row, order_id, total, _broke, map_values(_as_landed) "
        "from quarantine.retail__orders order by _row"
    ) == [
        (2, 2, None, [no_total], ["much"]),
        (3, 3, 3.5, ["status_known"], None),
        (4, None, 4.5, ["contract: it has no order_id"], []),
        (6, 6, 6.5, [again], []),
        (7, 6, None, [no_total, again], ["six"]),
    ]


def test_the_contract_warns_with_what_it_found(source: Source) -> None:
    contract, *_ = source.load(BATCH).verdicts

    assert (contract.status, contract.severity) == (Status.FAILED, Severity.WARNING)
    assert contract.failing_rows == 4
    assert contract.description == "4 rows are held back."
    assert contract.observed == (
        "2026-01-05.csv: total: 'much' in row 2 is no DECIMAL(10,2) (and 1 more)."
    )


def test_with_block_the_file_is_held_back_whole_as_ever(source: Source) -> None:
    source.on_bad_rows("block")

    outcome = source.load(BATCH)

    assert outcome.load_id is None
    assert outcome.reasons == [
        "2026-01-05.csv: total: 'much' in row 2 is no DECIMAL(10,2) (and 1 more)."
    ]


def test_a_file_of_which_too_much_has_no_type_is_another_file(source: Source) -> None:
    source.on_bad_rows("quarantine", held_at_most=0.3)

    outcome = source.load(BATCH)

    assert outcome.load_id is None
    assert "4 of 10 rows are bad. That is more than held_at_most: 0.3" in outcome.reasons[0]
    assert "total: 'much' in row 2" in outcome.reasons[0]


def test_bad_rows_of_both_kinds_are_counted_together(source: Source) -> None:
    source.on_bad_rows("quarantine", held_at_most=0.4)

    outcome = source.load(BATCH)

    assert "5 of 10 rows are bad" in outcome.reasons[0]
    assert source.ask("select count(*) from quarantine.retail__orders where _blocked") == [5]


def test_a_number_that_would_be_rounded_is_no_key_and_no_twin_of_another(source: Source) -> None:
    source.load(["1,a,1,paid", "1.6,b,1,paid", "2,c,1,paid", "3,d,1,paid"])

    assert source.raw == [1, 2, 3]
    assert source.ask("select _as_landed['order_id'] from quarantine.retail__orders") == ["1.6"]


def test_the_same_batch_again_changes_nothing(source: Source) -> None:
    source.load(BATCH)
    source.load(BATCH, run_id="run-2")

    assert source.ask("select count(*) from quarantine.retail__orders") == [5]
    assert source.raw == [1, 5, 8, 9, 10]


def test_nothing_goes_back_as_long_as_it_is_wrong(source: Source) -> None:
    source.load(BATCH)

    assert let_go(source).still == {
        1: "its total is no DECIMAL(10,2)",
        2: "it still breaks status_known",
        3: "it has no order_id, which is the key",
        4: "row 5 has its key (order_id) too: discard all but one of them",
        5: "its total is no DECIMAL(10,2)",
    }
    assert source.raw == [1, 5, 8, 9, 10]


def test_what_landed_goes_back_when_the_contract_has_a_type_for_it(source: Source) -> None:
    source.load(BATCH)
    source.expect(status_known=("expect_column_values_to_not_be_null", {"column": "status"}))
    source.ask("alter table raw.orders alter total type varchar")
    retyped(source, total="VARCHAR")

    assert let_go(source, 1).released == [1]
    assert source.ask("select total from raw.orders where order_id = 2") == ["much"]


def test_of_rows_with_one_key_the_last_goes_back_when_the_others_are_discarded(
    source: Source,
) -> None:
    source.load(BATCH)
    discard(source, 5)

    assert let_go(source, 4).released == [4]
    assert source.raw == [1, 5, 6, 8, 9, 10]
    # The batch again says the same.
    outcome = source.load(BATCH, run_id="run-2")
    assert (outcome.rows, outcome.held, outcome.discarded) == (6, 3, 1)
    assert source.raw == [1, 5, 6, 8, 9, 10]


def test_private_values_show_neither_typed_nor_as_they_landed(source: Source) -> None:
    columns = tuple(
        c.model_copy(update={"pii": "number"}) if c.name == "total" else c
        for c in source.dataset.columns
    )
    source.dataset = source.dataset.model_copy(update={"columns": columns})
    outcome = source.load(BATCH)

    assert "much" not in str(outcome.verdicts)
    with source.warehouse.connect() as connection:
        found: list[dict[str, Any]] = shown_rows(connection, source.dataset, [State.HELD], limit=9)
    assert {row["_as_landed"].get("total") for row in found} == {None, "•••"}
    assert "much" not in str(found)


@pytest.mark.parametrize("before", ["alter table quarantine.retail__orders drop _as_landed"])
def test_a_table_of_an_earlier_version_gains_the_column(source: Source, before: str) -> None:
    source.load(["1,a,1,lost", "2,b,1,paid"])
    source.ask(before)
    assert let_go(source).still == {1: "it still breaks status_known"}

    source.load(["1,a,1,lost", "2,b,x,paid", "3,c,1,paid", "4,d,1,paid"], run_id="run-2")

    assert source.ask(
        "select _as_landed['total'] from quarantine.retail__orders where _state = 'held' order by 1"
    ) == ["x", None]
