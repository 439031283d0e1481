"""A source's table is what landed, less what is held back; what is not is found with its key."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.ingest.conftest import DAY, KNOWN, POSITIVE, Source

from assetops.errors import CheckCouldNotRun
from assetops.ingest.again import reader_of
from assetops.ingest.release import release
from assetops.model import Status, Verdict
from assetops.quality.reconcile.landed import compared_with_landed, kept_beside
from assetops.quality.suites.counterparts import Reconcile
from assetops.warehouse.quarantine import State, decide
from assetops.warehouse.snapshot import Snapshots
from assetops.zone.folder import Folder

NEXT = DAY + timedelta(days=1)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


@pytest.fixture
def compared(source: Source) -> Callable[..., Verdict]:
    snapshots = Snapshots(source.settings.home / "snapshots", source.warehouse)

    def compare(**wanted: Any) -> Verdict:
        dataset = source.dataset
        beside = kept_beside(dataset)
        hold = snapshots.of_warehouse(dataset.relation, lambda _: None, seed=0, beside=beside)
        again = reader_of(dataset, Folder(source.landing))
        asked = Reconcile.model_validate({"with": "landed", "buckets": 16, **wanted})
        with hold as still:
            return compared_with_landed(still, dataset, asked, again, seed=0)

    return compare


def lines(*rows: str) -> list[str]:
    return [f"{n},mail{n}@example.com,{row}" for n, row in enumerate(rows, start=1)]


def test_what_landed_is_what_was_loaded_and_what_is_held_back_or_discarded(source, compared):
    source.load(lines("1,paid", "-2,paid", "3,lost", "4,paid", "5,paid"))
    source.load(lines("1.5,paid", "2,open"), day=NEXT)
    with source.warehouse.connect() as connection:
        decide(connection, source.dataset, [2], State.DISCARDED, by="ana", why="a test")

    verdict = compared()

    assert (verdict.status, verdict.rows, verdict.sampled_of) == (Status.PASSED, 5, None)
    assert verdict.description == (
        "2 of 2 files compared: 7 rows landed, 5 are here, 2 are held back or discarded."
    )


def test_a_row_that_is_released_counts_as_loaded(source, compared):
    source.load(lines("1,paid", "2,lost", "3,paid"))
    source.expect(total_positive=POSITIVE)
    release(source.loader, source.dataset, [], by="ana", run_id="release-1")

    assert "3 rows landed, 3 are here, 0 are held" in compared().description


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "delete from raw.orders where order_id = 2",
            {"order_id": "2", "found": "only in the file"},
        ),
        (
            "update raw.orders set total = 7.25, email = 'new@example.com' where order_id = 2",
            {
                "order_id": "2",
                "found": "differs",
                "email": "••• → •••",
                "total": "7.25 → 2",
            },
        ),
        (
            "insert into raw.orders by name select 9 as order_id, date '2026-01-05' as _partition",
            {"order_id": "9", "found": "only here"},
        ),
    ],
)
def test_what_differs_is_shown_by_file_and_key_and_private_values_never(
    source, compared, statement, found
):
    source.load(lines("1,paid", "2,paid", "3,paid"))
    source.load(lines("1,paid"), day=NEXT)
    source.ask(statement)

    verdict = compared()

    assert verdict.status is Status.FAILED
    assert verdict.sample == ({"file": "2026-01-05.csv", **found},)
    assert str(verdict.observed).startswith("2026-01-05.csv: 1 of 16 buckets differ")
    assert "example.com" not in verdict.model_dump_json()


def test_a_held_row_that_is_in_raw_as_well_is_found(source, compared):
    source.load(lines("1,paid", "-2,paid"))
    source.ask("insert into raw.orders by name select 2 as order_id, date '2026-01-05' _partition")

    assert compared().sample == ({"file": "2026-01-05.csv", "order_id": "2", "found": "only here"},)


def test_rows_that_are_held_back_for_their_types_and_keys_add_up(source, compared):
    bad = ["2,b,much,paid", "3,c,1,paid", "3,d,1,paid", ",e,1,paid"]
    source.load([*lines("1,paid"), *bad, *(f"{n},x,1,paid" for n in range(4, 9))])
    assert "10 rows landed, 6 are here, 4 are held" in compared().description

    # One that came in all the same is no row of the file.
    source.ask("insert into raw.orders by name select 2 as order_id, date '2026-01-05' _partition")
    assert compared().sample == ({"file": "2026-01-05.csv", "order_id": "2", "found": "only here"},)


def test_rows_that_were_held_back_and_forgotten_still_add_up(source, compared):
    source.load(lines("1,paid", "-2,paid", "3,paid"))
    source.ask("delete from quarantine.retail__orders")
    assert compared().status is Status.PASSED

    source.ask("delete from raw.orders where order_id = 3")
    verdict = compared()
    assert {row["order_id"] for row in verdict.sample} == {"2", "3"}


def test_a_row_of_a_blocked_batch_that_is_in_raw_from_before_is_not_missed(source, compared):
    batch = lines("1,paid", "2,lost", "3,paid")
    source.expect(total_positive=POSITIVE)
    source.load(batch)
    source.on_bad_rows("block")
    source.expect(status_known=KNOWN)
    source.load(batch, run_id="run-2")

    assert source.kept() == [2]
    assert compared().status is Status.PASSED


def test_a_file_that_is_gone_or_replaced_is_counted_and_not_compared(source, compared):
    source.load(lines("1,paid", "2,paid"))
    source.load(lines("1,paid"), day=NEXT)
    file = source.landing / "retail/orders/2026-01-05.csv"
    file.write_text(file.read_text().replace("2,paid", "3,paid"))

    verdict = compared()
    assert (verdict.status, verdict.rows, verdict.sampled_of) == (Status.PASSED, 1, 3)
    assert "2026-01-05.csv has changed since it was loaded" in verdict.description

    file.unlink()
    verdict = compared()
    assert "2026-01-05.csv is not in landing any more." in verdict.description

    # Its rows are counted all the same.
    source.ask("delete from raw.orders where _partition = '2026-01-05' and order_id = 2")
    assert compared().observed == "2026-01-05.csv: 2 rows were loaded, 1 are here"


def test_without_a_single_file_nothing_can_be_said(source, compared):
    source.load(lines("1,paid"))
    (source.landing / "retail/orders/2026-01-05.csv").unlink()

    with pytest.raises(CheckCouldNotRun, match="no file can be compared with retail/orders"):
        compared()


def test_rows_of_no_load_are_found(source, compared):
    source.load(lines("1,paid"))
    source.ask("insert into raw.orders by name select 5 as order_id, date '2026-01-09' _partition")

    assert compared().observed == "1 rows of 2026-01-09 were never loaded"


def test_a_sample_of_files_is_the_same_each_time(source, compared):
    for n in range(4):
        source.load(lines(f"{n},paid"), day=DAY + timedelta(days=n))

    first = compared(files=2)
    assert (first.rows, first.sampled_of) == (2, 4)
    assert first.description.startswith("2 of 4 files compared")
    assert compared(files=2) == first


def test_a_column_that_is_not_there_is_named(source, compared):
    source.load(lines("1,paid"))

    with pytest.raises(CheckCouldNotRun, match=r"no column totals\. Did you mean total\?"):
        compared(columns=("totals",))
