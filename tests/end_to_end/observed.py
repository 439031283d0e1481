"""What end-to-end tests look at: tables, journal, instance, and what a looping consumer saw."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from tests.processes import Process

DAILY = ("customers", "orders", "order_items", "web_events")
TRANSFORMED = ("raw", "staging", "intermediate", "marts")

# A consumer as they come: it opens the published file anew for each look, and knows nothing of us.
# It looks whenever something has changed in the file or beside it, once a second otherwise, at the
# beginning, and once more at the end.
READER = """
import json, os, sys, time; from pathlib import Path; import duckdb
file, stop, states = Path(sys.argv[1]), Path(sys.argv[2]), set()

def look():
    with duckdb.connect(file, read_only=True) as connection:
        tables = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts' order by all"
        ).fetchall()
        seen = [
            (name, *map(str, connection.execute(
                f"select count(*), sum(hash(t)) from marts.{name} t").fetchone()))
            for (name,) in tables
        ]
    states.add(json.dumps(seen))

def state():
    try:
        found = os.stat(file)
    except OSError:
        return None  # to look will tell
    return found.st_ino, found.st_size, found.st_mtime_ns, os.stat(file.parent).st_mtime_ns

before, ends = state(), False
look()
print("reading", flush=True)
while not ends:
    until = time.monotonic() + 1
    while state() == before and time.monotonic() < until and not stop.exists():
        time.sleep(0.002)
    before, ends = state(), stop.exists()
    look()
print(json.dumps(sorted(states)))
"""


def contents(shop: Any, *schemas: str) -> dict[str, tuple[int, int]]:
    """Return rows and checksum of every table that comes from the landing files alone.

    Load ids grow with each load, and a dbt snapshot remembers what each run saw.
    """
    with shop.platform.warehouse.connect() as connection:
        tables = connection.execute(
            "select table_schema, table_name, bool_or(column_name = '_load_id') "
            "from information_schema.columns where table_catalog = 'dev' group by all"
        ).fetchall()
        found = {}
        for schema, name, loaded in tables:
            if schema in (schemas or TRANSFORMED):
                columns = "* exclude (_load_id)" if loaded else "*"
                rows = connection.execute(
                    "select count(*), sum(hash(t)) from "
                    f"(select {columns} from {schema}.{name}) as t"
                ).fetchone()
                found[f"{schema}.{name}"] = rows
    return found


def loads(shop: Any) -> dict[int, tuple[str, str]]:
    """Return the load journal: by load id, the source and the day, empty for a whole snapshot."""
    rows = shop.private(
        "select load_id, source, coalesce(cast(partition as varchar), '') from _assetops.loads"
    )
    return {load_id: (source, day) for load_id, source, day in rows}


def new_loads(shop: Any, before: dict[int, tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what has been loaded since, in the order of the alphabet."""
    return sorted(load for load_id, load in loads(shop).items() if load_id not in before)


@contextmanager
def instance_of(shop: Any) -> Iterator[dg.DagsterInstance]:
    """Open the instance, whose files are relative to the current folder."""
    os.chdir(shop.root)
    with dg.DagsterInstance.from_config(str(shop.root)) as instance:
        yield instance


def partitions(shop: Any, *key: str) -> set[str]:
    """Return the partitions of an asset that Dagster knows to be there."""
    with instance_of(shop) as instance:
        return instance.get_materialized_partitions(dg.AssetKey(key))


def runs(shop: Any) -> list[dg.DagsterRun]:
    with instance_of(shop) as instance:
        return list(instance.get_runs())


def published_events(shop: Any) -> int:
    """Return how often Dagster was told that consumers see new content."""
    with instance_of(shop) as instance:
        counts = (
            len(instance.fetch_materializations(key, limit=100).records)
            for key in instance.get_asset_keys(prefix=["published"])
        )
        return sum(counts)


def start(shop: Any, *words: str, **environment: str) -> Process:
    """Start Python with these words in the root of a shop."""
    return Process(shop.template, *words, **shop.whereabouts(**environment))


def ended(process: Process) -> tuple[int, str, str]:
    """Return the exit code, stdout and stderr of a process, without what DuckDB says at exit."""
    said, problems = process.communicate(timeout=120)
    return process.wait(), said, problems


def until(condition: Callable[[], Any], *, seconds: float = 120) -> Any:
    """Return what a condition gives as soon as that is something."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
    return found


@contextmanager
def reader(shop: Any, stop: Path) -> Iterator[list[str]]:
    """Let a consumer read the published file in a loop; afterwards the list holds what it saw."""
    process = start(shop, "-c", READER, str(shop.published), str(stop))
    states: list[str] = []
    try:
        assert process.stdout.readline() == "reading\n"
        yield states
    finally:
        stop.touch()
        code, said, problems = ended(process)
    assert code == 0, problems
    states += json.loads(said)


def shown(shop: Any, release_file: Path) -> str:
    """Return what a reader says of a release's file."""
    process = start(shop, "-c", READER, str(release_file), str(shop.root / "dagster.yaml"))
    code, said, problems = ended(process)
    assert code == 0, problems
    (state,) = json.loads(said.splitlines()[-1])
    return str(state)
