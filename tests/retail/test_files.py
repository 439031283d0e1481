"""The files are what the contract says, and the same every time."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.retail.landed import COLUMNS, MOMENT, PLATFORM, START, contents, trade, value

from retail.simulate.landing import as_jsonl


def test_the_same_arguments_write_the_same_bytes_whatever_the_hash_seed_and_threads(
    tmp_path: Path,
) -> None:
    written = []
    for hash_seed, threads in (("1", "1"), ("2", "4")):
        out = tmp_path / hash_seed
        script = ["-c", "from retail.cli import main; main()", "simulate", "--out", str(out)]
        subprocess.run(
            [sys.executable, *script, "--days", "6", "--start", "2025-09-01"],
            check=True,
            capture_output=True,
            env={
                **os.environ,
                "PYTHONPATH": str(PLATFORM),
                "PYTHONHASHSEED": hash_seed,
                "OMP_NUM_THREADS": threads,
            },
        )
        written.append(contents(out))
    assert written[0] == written[1]
    assert Counter(Path(path).suffix for path in written[0])[".parquet"] == 6


def test_another_seed_is_another_shop(tmp_path: Path) -> None:
    trade(tmp_path / "a", days=2, seed=1)
    trade(tmp_path / "b", days=2, seed=2)
    a, b = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert a.keys() == b.keys()
    assert [path for path in a if a[path] == b[path]] == ["stores.csv"]


@pytest.mark.parametrize("days", [1, 10, 90])
def test_one_more_day_leaves_every_earlier_file_as_it_was(tmp_path: Path, days: int) -> None:
    trade(tmp_path / "short", days=days)
    trade(tmp_path / "long", days=days + 1)
    short, long = contents(tmp_path / "short"), contents(tmp_path / "long")
    assert {path: long.get(path) for path in short} == short
    added = {str(Path(path).parent) for path in long.keys() - short.keys()}
    assert added == {"customers", "orders", "order_items", "web_events"}


def test_a_silent_source_delivers_the_day_after_with_nothing_lost(
    folder: Path, landed: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    silent = trade(tmp_path, days=120, orders_per_day=60).silent
    assert {path.split("/")[0] for path in silent} == {"orders", "order_items", "web_events"}
    assert len(silent) <= 8
    for path in silent:
        source, day = path.split("/")[0], path.split("/")[1][:10]
        moment = "occurred_at" if source == "web_events" else "updated_at"
        assert not (folder / path).exists()
        held = f"from {source} where {moment}::date = '{day}'"
        assert value(landed, f"select count(*) {held}") > 50
        assert str(landed.execute(f"select min(_partition) {held}").fetchall()[0][0]) == str(
            date.fromisoformat(day) + timedelta(days=1)
        )


def test_a_source_is_never_silent_on_the_last_day_and_falls_silent_once_days_are_added(
    tmp_path: Path,
) -> None:
    whole = tmp_path / "whole"
    path = next(path for path in trade(whole, days=90).silent if path.startswith("orders/"))
    until = (date.fromisoformat(path[7:17]) - START).days + 1
    grown = tmp_path / "grown"
    assert path not in trade(grown, days=until).silent
    assert (grown / path).is_file()
    trade(grown, days=90)
    assert contents(grown) == contents(whole)


def test_every_file_has_the_columns_of_the_contract_in_order_and_no_quotes(folder: Path) -> None:
    for source in ("customers", "orders"):
        for path in (folder / source).iterdir():
            text = path.read_text("utf-8")
            assert text.startswith(COLUMNS[source] + "\n")
            assert text.endswith("\n")
            assert '"' not in text
    for source in ("products", "stores", "campaigns"):
        assert (folder / f"{source}.csv").read_text("utf-8").startswith(COLUMNS[source] + "\n")
    order = re.compile(
        rf"\d+,\d+,\d+,\d*,{MOMENT},(pending|confirmed|shipped|delivered|cancelled),"
        rf"\d+\.\d\d,\d+\.\d\d,{MOMENT}"
    )
    lines = (folder / f"orders/{START}.csv").read_text().splitlines()[1:]
    assert [line for line in lines if not order.fullmatch(line)] == []
    record = re.compile(
        rf"\d+,{MOMENT},(created|updated),[a-z]+\.[a-z]+\d+(-\d+)?@example\.(com|org|net),"
        r"[^,]+,[^,]+,\d+ [^,]+,[^,]+,[A-Z]{2},[A-Z]\d[A-Z] \d[A-Z]\d,(true|false)"
    )
    lines = (folder / f"customers/{START}.csv").read_text("utf-8").splitlines()[1:]
    assert [line for line in lines if not record.fullmatch(line)] == []


def test_items_are_typed_parquet_and_events_are_json_lines(folder: Path) -> None:
    schema = pq.read_schema(folder / f"order_items/{START}.parquet")
    assert dict(zip(schema.names, map(str, schema.types), strict=True)) == {
        "order_id": "int64",
        "line_number": "int32",
        "product_id": "int64",
        "quantity": "int32",
        "unit_price": "decimal128(12, 2)",
        "updated_at": "timestamp[us]",
    }
    kinds: dict[str, set[type]] = {}
    for line in (folder / f"web_events/{START}.jsonl").read_text().splitlines():
        event = json.loads(line)
        assert ",".join(event) == COLUMNS["web_events"]
        assert re.fullmatch(MOMENT, event["occurred_at"])
        for name, content in event.items():
            kinds.setdefault(name, set()).add(type(content))
    nullable = {"customer_id", "product_id", "campaign_id"}
    assert {name for name, found in kinds.items() if found == {int, type(None)}} == nullable
    assert all(kinds[name] == {str} for name in kinds.keys() - nullable)


def test_json_lines_keep_missing_numbers_apart_from_texts() -> None:
    table = pa.table({"a": pa.array([1, None]), "b": ["x", "é"]})
    lines = as_jsonl(table).to_pybytes().decode().splitlines()
    assert list(map(json.loads, lines)) == [{"a": 1, "b": "x"}, {"a": None, "b": "é"}]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("orders", "order_id, _partition"),
        ("order_items", "order_id, line_number, _partition"),
        ("customers", "customer_id, changed_at"),
        ("web_events", "event_id"),
    ],
)
def test_a_key_is_unique_inside_a_file(
    landed: duckdb.DuckDBPyConnection, table: str, key: str
) -> None:
    query = f"select count(*) - count(distinct ({key})) from {table}"
    assert value(landed, query) == 0
