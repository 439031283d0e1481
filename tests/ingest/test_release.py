"""A row that is released passes its gate as it is now, beside what stands in raw, or stays held."""

from typing import Any

import pytest

from assetops.errors import AssetOpsError
from assetops.ingest.release import Returned, release
from assetops.model import Dataset
from assetops.warehouse import journal
from assetops.warehouse.held import rows
from assetops.warehouse.quarantine import State, decide, held_rows

ANY_STATUS = ("expect_column_values_to_not_be_null", {"column": "status"})
POSITIVE = ("expect_column_values_to_be_between", {"column": "total", "min_value": 0})


def let_go(source: Any, *ids: int) -> Returned:
    return release(source.loader, source.dataset, ids, by="ana", run_id="release-1")


def discard(source: Any, *ids: int) -> None:
    with source.warehouse.connect() as connection:
        decide(connection, source.dataset, ids, State.DISCARDED, by="ana", why="a test order")


def load_of(source: Any) -> journal.Load:
    with source.warehouse.connect() as connection:
        (load,) = journal.standing_loads(connection, "retail/orders").values()
    return load


def test_rows_that_pass_now_go_to_raw_as_a_new_load_and_those_that_fail_stay(source, rows):
    source.load(rows(r2="2,lost", r5="-2,lost"))
    before = load_of(source)
    source.expect(total_positive=POSITIVE, status_known=ANY_STATUS)

    returned = let_go(source)

    assert returned == Returned([1], {2: "it still breaks total_positive"})
    assert source.raw == [1, 2, 3, 4, 6]
    assert (source.kept(), source.kept("released")) == ([5], [2])
    after = load_of(source)
    assert after.load_id > before.load_id
    assert (after.rows, after.held_back, after.fingerprint) == (5, 1, before.fingerprint)
    assert source.ask("select distinct _load_id from raw.orders") == [after.load_id]
    assert source.ask("select _decided_by from quarantine.retail__orders where _id = 1") == ["ana"]


def test_nothing_goes_back_while_the_suite_is_as_it_was(source, rows):
    source.load(rows(r2="2,lost"))

    assert let_go(source).still == {1: "it still breaks status_known"}
    assert source.raw == [1, 3, 4, 5, 6]


def test_a_row_that_would_make_the_table_bad_as_a_whole_stays(source, rows):
    source.load(rows(r2="2,lost"))
    source.expect(few=("expect_table_row_count_to_be_between", {"max_value": 5}))

    returned = let_go(source)

    assert returned.released == []
    assert returned.still[1].startswith("with it in raw, few: expected the number of rows")
    assert source.raw == [1, 3, 4, 5, 6]


def test_a_row_whose_key_is_in_raw_by_now_stays(source, rows):
    source.load(rows(r2="2,lost"))
    source.expect(status_known=ANY_STATUS)
    source.ask("update raw.orders set order_id = 2 where order_id = 3")

    assert let_go(source).still == {1: "its key (order_id) is in raw already"}


def test_the_rows_of_a_batch_that_is_blocked_wait_for_it(source, rows):
    source.on_bad_rows("block")
    source.load(rows(r2="2,lost"))

    assert let_go(source).still[1].startswith("its batch is not in raw")


def test_discarded_rows_never_come_in_and_let_a_blocked_batch_through(source, rows):
    source.on_bad_rows("block")
    bad = rows(r2="2,lost")
    source.load(bad)
    discard(source, 1)

    outcome = source.load(bad, run_id="run-2")

    assert (outcome.reasons, outcome.rows, outcome.discarded) == ([], 5, 1)
    assert source.raw == [1, 3, 4, 5, 6]
    assert source.kept("discarded") == [2]
    assert load_of(source).held_back == 1


def test_a_batch_of_which_every_row_is_discarded_does_not_come_in_empty(source, rows):
    source.on_bad_rows("block")
    bad = rows(**{f"r{n}": "1,lost" for n in range(1, 7)})
    source.load(bad)
    discard(source, *range(1, 7))

    outcome = source.load(bad, run_id="run-2")

    assert outcome.reasons == ["2026-01-05.csv: every row of it was discarded. Remove it."]


def test_a_row_that_is_not_there_is_named(source, rows):
    source.load(rows(r2="2,lost"))

    with pytest.raises(AssetOpsError, match="retail/orders has no held row 7, 8"):
        let_go(source, 8, 7, 1)


def test_a_discarded_row_can_be_held_again(source, rows):
    source.load(rows(r2="2,lost"))
    discard(source, 1)
    with source.warehouse.connect() as connection:
        assert held_rows(connection, source.dataset, []) == []
        decide(connection, source.dataset, [1], State.HELD, by="", why="")

    assert source.kept() == [2]
    assert source.ask("select _decided_by, _why from quarantine.retail__orders") == [(None, None)]


def test_private_values_are_masked_when_rows_are_shown(source, rows_of, rows):
    source.load(rows(r2="2,lost"))

    (shown,) = rows_of(source.dataset)

    assert (shown["email"], shown["status"]) == ("•••", "lost")


@pytest.fixture
def rows_of(source: Any) -> Any:
    def shown(dataset: Dataset) -> list[dict[str, Any]]:
        with source.warehouse.connect() as connection:
            return rows(connection, dataset, [State.HELD], limit=5)

    return shown
