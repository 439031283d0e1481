"""The event log keeps its files open, and is to everybody what Dagster's own is."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._check import CheckError
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqliteEventLogStorage

from assetops.cli.event_log import _OPEN_FILES, SqliteStorage


@dg.asset
def something() -> None:
    """Nothing."""


CHECKED = dg.DagsterEventType.ASSET_CHECK_EVALUATION


def own(folder: Path) -> dg.DagsterInstance:
    storage = {"module": SqliteStorage.__module__, "class": SqliteStorage.__name__}
    storage |= {"config": {"base_dir": str(folder / "log")}}  # type: ignore[dict-item]
    ref = InstanceRef.from_dir(str(folder), overrides={"storage": {"custom": storage}})
    return dg.DagsterInstance.from_ref(ref)


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with own(tmp_path) as instance:
        yield instance


def stock(folder: Path) -> dg.DagsterInstance:
    overrides = {"storage": {"sqlite": {"base_dir": str(folder / "log")}}}
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder), overrides=overrides))


def test_stock_dagster_reads_what_it_writes(ours: dg.DagsterInstance, tmp_path: Path) -> None:
    run = dg.materialize([something], instance=ours)
    with stock(tmp_path) as other:
        read = [event.dagster_event_type for event in other.all_logs(run.run_id)]
        assert read == [event.dagster_event_type for event in ours.all_logs(run.run_id)]
        assert other.get_latest_materialization_event(dg.AssetKey("something")) is not None
        # And the other way round, while both have the files open.
        again = dg.materialize([something], instance=other)
    assert ours.all_logs(again.run_id)


def test_the_log_of_a_run_is_touched_by_each_event(ours: dg.DagsterInstance) -> None:
    run = dg.materialize([something], instance=ours)
    log = ours.event_log_storage
    assert isinstance(log, SqliteEventLogStorage)
    file = Path(log.path_for_shard(run.run_id))
    os.utime(file, (1, 1))
    ours.report_engine_event("something happened", ours.get_run_by_id(run.run_id))
    assert file.stat().st_mtime > 1


def test_only_the_files_used_last_stay_open(ours: dg.DagsterInstance, tmp_path: Path) -> None:
    runs = [dg.materialize([something], instance=ours).run_id for _ in range(_OPEN_FILES + 3)]
    links = [os.readlink(fd.path) for fd in os.scandir("/proc/self/fd") if fd.is_symlink()]
    opened = {link for link in links if link.startswith(str(tmp_path)) and link.endswith(".db")}
    assert len([link for link in opened if "/runs/" in link]) <= _OPEN_FILES
    assert all(ours.all_logs(run_id) for run_id in runs)


def test_a_log_that_was_deleted_begins_anew(ours: dg.DagsterInstance, tmp_path: Path) -> None:
    dg.materialize([something], instance=ours)
    shutil.rmtree(tmp_path / "log" / "history" / "runs")
    (tmp_path / "log" / "history" / "runs").mkdir()
    run = dg.materialize([something], instance=ours)
    with stock(tmp_path) as other:
        assert other.all_logs(run.run_id)


def made_of(file: Path) -> list[tuple[str, ...]]:
    """Return what a file has in it but for rows, and which migrations it had."""
    with sqlite3.connect(file) as connection:
        tables = connection.execute("select type, name, sql from sqlite_master order by 1, 2")
        return [*tables, *connection.execute("select version_num from alembic_version")]


def test_the_log_of_a_run_is_made_as_dagster_makes_it(
    ours: dg.DagsterInstance, tmp_path: Path
) -> None:
    (tmp_path / "stock").mkdir()
    with stock(tmp_path / "stock") as other:
        files = [
            Path(instance.event_log_storage._base_dir, f"{run.run_id}.db")  # type: ignore[attr-defined]
            for instance in (ours, other)
            for run in [dg.materialize([something], instance=instance)]
        ]
    assert made_of(files[0]) == made_of(files[1])
    with sqlite3.connect(files[0]) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


@dg.asset(
    partitions_def=dg.StaticPartitionsDefinition(["north", "south"]),
    check_specs=[dg.AssetCheckSpec(name, asset="parts") for name in ("seen", "failed", "silent")],
    code_version="1",
    tags={"tier": "one"},
)
def parts(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Tells of itself in each way that there is."""
    context.log_event(dg.AssetObservation("elsewhere", metadata={"rows": 1}, tags={"seen": "yes"}))
    context.log_event(dg.AssetMaterialization("elsewhere", partition="south"))
    yield dg.Output(None, metadata={"rows": 3, "text": "it's"})
    yield dg.AssetCheckResult(passed=True, check_name="seen", metadata={"query": "select 1"})
    yield dg.AssetCheckResult(
        passed=False, check_name="failed", severity=dg.AssetCheckSeverity.WARN
    )
    yield dg.AssetCheckResult(passed=True, check_name="silent")


@dg.multi_asset_check(specs=[dg.AssetCheckSpec("alone", asset="something", blocking=True)])
def alone() -> Iterator[dg.AssetCheckResult]:
    yield dg.AssetCheckResult(passed=False, check_name="alone", asset_key="something")


@dg.asset(deps=[parts])
def fails() -> None:
    raise ValueError("for a reason")


HOURS = ("create_timestamp", "migration_completed")


def rows(instance: dg.DagsterInstance, run_ids: list[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that is in the files of some runs and in the index, but for the hour of a row."""
    found = {}
    for shard in ("index", *run_ids):
        file = Path(instance.event_log_storage._base_dir, f"{shard}.db")  # type: ignore[attr-defined]
        with sqlite3.connect(file) as connection:
            tables = connection.execute("select name from sqlite_master where type = 'table'")
            for (table,) in tables.fetchall():
                info = connection.execute(f"pragma table_info({table})").fetchall()
                columns = [f'"{name}"' for _, name, *_ in info if name not in HOURS]
                read = connection.execute(f"select {', '.join(columns)} from {table} order by 1")
                found[f"{shard} {table}"] = read.fetchall()
    return found


def test_an_event_is_the_rows_that_it_is_to_dagster(
    ours: dg.DagsterInstance, tmp_path: Path
) -> None:
    runs = [
        dg.materialize(
            [parts, alone, fails, something],
            instance=ours,
            partition_key="north",
            raise_on_error=False,
        ).run_id
        for _ in range(2)
    ]
    told = [event for run_id in runs for event in ours.all_logs(run_id)]
    # A result that nobody has planned, and one of no run.
    (result, *_) = [e for e in told if e.dagster_event_type is CHECKED]
    others = ["another run", ""]
    told += [result._replace(run_id=run_id) for run_id in others]
    kinds = {event.dagster_event_type for event in told}
    assert {CHECKED, dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE} < kinds

    written = []
    for make in (stock, own):
        (tmp_path / make.__name__).mkdir()
        with make(tmp_path / make.__name__) as instance:
            for event in told:
                instance.event_log_storage.store_event(event)
            written.append(rows(instance, [*runs, *others]))
    assert written[0] == written[1]
    assert len(written[0]["index asset_check_executions"]) > 2 * 3
    assert len(written[0]["index asset_event_tags"]) > 2


def test_what_a_run_plans_is_stored_together(
    ours: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.multi_asset(outs={"one": dg.AssetOut(), "other": dg.AssetOut()})
    def two() -> tuple[int, int]:
        return 1, 2

    log, stored = ours.event_log_storage, []
    store = log.store_event_batch

    def seen(events: Any) -> None:
        stored.append([event.dagster_event_type for event in events])
        store(events)

    monkeypatch.setattr(log, "store_event_batch", seen)
    run = dg.materialize([two], instance=ours)
    planned = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    assert [kinds for kinds in stored if planned in kinds] == [[planned, planned]]
    # Nothing else of it is held back.
    assert [len(kinds) for kinds in stored].count(1) == len(stored) - 1
    assert sum(map(len, stored)) == len(ours.all_logs(run.run_id))


def test_of_events_that_come_together_all_are_stored_or_none(ours: dg.DagsterInstance) -> None:
    run = dg.materialize([something], instance=ours)
    before = ours.all_logs(run.run_id)
    newest = ours.event_log_storage.get_maximum_record_id()
    (told,) = [event for event in before if event.asset_materialization]
    bad: Any = SimpleNamespace(run_id=run.run_id, dagster_event=None)
    with pytest.raises(CheckError):
        ours.event_log_storage.store_event_batch([told, bad])
    assert ours.all_logs(run.run_id) == before
    assert ours.event_log_storage.get_maximum_record_id() == newest
    ours.event_log_storage.store_event_batch([told, told])
    assert len(ours.all_logs(run.run_id)) == len(before) + 2


def test_an_asset_that_was_wiped_has_no_event_until_it_is_made_again(
    ours: dg.DagsterInstance,
) -> None:
    key = dg.AssetKey("something")
    for _ in range(2):
        made = dg.materialize([something], instance=ours).run_id
        (record,) = ours.get_asset_records([key])
        assert record.asset_entry.last_run_id == made
        told = record.asset_entry.last_materialization
        assert told is not None
        assert told.run_id == made
        ours.wipe_assets([key])
        assert ours.get_latest_materialization_event(key) is None


def test_an_asset_that_is_made_again_has_the_newest_event(
    ours: dg.DagsterInstance, tmp_path: Path
) -> None:
    key = dg.AssetKey("something")
    for maker in (ours, ours, stock(tmp_path)):
        # Another process may have made it, too; and what was read once is read again.
        made = dg.materialize([something], instance=maker).run_id
        for _ in range(2):
            (record,) = ours.get_asset_records([key])
            told = record.asset_entry.last_materialization
            assert told is not None
            assert told.run_id == made
