"""The load journal: which file's content stands in raw, written as one with its rows."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from assetops.model import Batch, Relation
from assetops.warehouse.duckdb import Connection

LOADS = Relation(schema_name="_assetops", name="loads")
_CREATE = """
create schema if not exists _assetops;
create table if not exists _assetops.loads (
    load_id bigint primary key,
    source varchar not null,
    partition date,
    file varchar not null,
    fingerprint varchar not null,
    rows bigint not null,
    as_of timestamp not null,
    run_id varchar not null,
    loaded_at timestamp not null
);
alter table _assetops.loads add column if not exists held_back bigint default 0
"""


@dataclass(frozen=True)
class Load:
    """One entry of the journal: a file's content that went into raw."""

    load_id: int
    partition: date | None
    file: str
    fingerprint: str
    rows: int
    as_of: datetime
    run_id: str
    loaded_at: datetime
    held_back: int = 0


def prepare(connection: Connection) -> None:
    """Create the journal if it is not there."""
    connection.execute(_CREATE)


def standing_loads(connection: Connection, source: str) -> dict[date | None, Load]:
    """Return what stands in raw for a source: the newest load of each partition."""
    prepare(connection)
    return loads_in(connection, source)


def loads_in(connection: Connection, source: str) -> dict[date | None, Load]:
    """Return the same from a copy of the journal, which nobody writes."""
    rows = connection.execute(
        "select load_id, partition, file, fingerprint, rows, as_of, run_id, loaded_at, "
        "coalesce(held_back, 0) "
        "from _assetops.loads where source = ? order by load_id",
        [source],
    ).fetchall()
    return {row[1]: Load(*row) for row in rows}


def newest_days(connection: Connection) -> dict[str, datetime]:
    """Return, by source, the as-of time of its newest day; whole snapshots have no day."""
    prepare(connection)
    return dict(
        connection.execute(
            "select source, max(as_of) from _assetops.loads "
            "where partition is not null group by source"
        ).fetchall()
    )


def next_load_id(connection: Connection) -> int:
    """Return the id for a load that starts now; the journal is there."""
    row = connection.execute("select coalesce(max(load_id), 0) + 1 from _assetops.loads").fetchone()
    assert row is not None  # an aggregate without GROUP BY always has one row
    return int(row[0])


def record(
    connection: Connection,
    load_id: int,
    batch: Batch,
    rows: int,
    *,
    run_id: str,
    held_back: int = 0,
) -> None:
    """Write a load into the journal; the caller's transaction holds its rows."""
    connection.execute(
        "insert into _assetops.loads (load_id, source, partition, file, fingerprint, rows, as_of, "
        "run_id, loaded_at, held_back) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            load_id,
            batch.source,
            batch.partition,
            batch.file.name,
            batch.fingerprint,
            rows,
            batch.as_of,
            run_id,
            datetime.now(UTC).replace(tzinfo=None),
            held_back,
        ],
    )
