"""What consumers saw of each published table, over time: what promises are judged by."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from assetops.ledger.tables import PUBLICATIONS, RELEASES, SIGHTINGS
from assetops.model import PublishedTable
from assetops.model.objectives import Sighting


def see(
    connection: sa.Connection,
    release: str,
    shown: Mapping[str, PublishedTable],
    *,
    at: datetime,
    whole: bool,
) -> None:
    """Write what consumers see from a moment on, where it is not what they saw before.

    Content that was once verified to reach until a time reaches until then wherever it is shown:
    a release that carries it knows only the time of the run that made it.
    """
    before, reach = _latest(connection), _reach(connection, shown)
    now: dict[str, tuple[str | None, datetime | None]] = {
        name: (table.fingerprint, reach[name]) for name, table in shown.items()
    }
    if whole:
        now |= {name: (None, None) for name in before if name not in shown}
    rows = [
        {"table": t, "at": at, "release": release, "fingerprint": fingerprint, "data_as_of": as_of}
        for t, (fingerprint, as_of) in now.items()
        if before.get(t, (None, None)) != (fingerprint, as_of)
    ]
    if rows:
        connection.execute(SIGHTINGS.insert(), rows)


def seen_since(connection: sa.Connection, table: str, since: datetime) -> list[Sighting]:
    """Return what consumers saw of a table: when a time began, and each change since."""
    columns = SIGHTINGS.c
    before = sa.select(sa.func.max(columns.at)).where(columns.table == table, columns.at <= since)
    query = (
        sa.select(columns.at, columns.fingerprint, columns.data_as_of)
        .where(columns.table == table)
        .where(columns.at >= sa.func.coalesce(before.scalar_subquery(), since))
        .order_by(columns.at, columns.id)
    )
    return [Sighting.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def fill_in(connection: sa.Connection) -> None:
    """Write what consumers have seen of the releases that are kept, if nothing tells of any.

    So it is where these were made before promises were judged, and where the ledger was lost.
    """
    if connection.execute(sa.select(SIGHTINGS.c.id).limit(1)).first():
        return
    query = sa.select(PUBLICATIONS.c.release, PUBLICATIONS.c.at).where(
        PUBLICATIONS.c.event.in_(("published", "rolled back"))
    )
    switches = [(release, at) for release, at in list[Any](connection.execute(query))]
    releases = {row["id"]: row for row in connection.execute(sa.select(RELEASES)).mappings()}
    first, known = min((at for _, at in switches), default=None), {name for name, _ in switches}
    if first is not None:
        # Of a lost ledger, only the newest switch has been mended.
        older = [(name, row["created_at"]) for name, row in releases.items() if name not in known]
        switches += [(name, at) for name, at in older if at < first]
    for name, at in sorted(switches, key=lambda switch: switch[1]):
        if name in releases:
            tables = json.loads(releases[name]["tables"])
            shown = {t: PublishedTable.model_validate(facts) for t, facts in tables.items()}
            see(connection, name, shown, at=at, whole=True)


def _latest(connection: sa.Connection) -> dict[str, tuple[str | None, datetime | None]]:
    newest = sa.select(sa.func.max(SIGHTINGS.c.id)).group_by(SIGHTINGS.c.table)
    query = sa.select(SIGHTINGS).where(SIGHTINGS.c.id.in_(newest))
    return {
        row["table"]: (row["fingerprint"], row["data_as_of"])
        for row in connection.execute(query).mappings()
    }


def _reach(
    connection: sa.Connection, shown: Mapping[str, PublishedTable]
) -> dict[str, datetime | None]:
    """Return until when the content of each table is known to reach."""
    columns = SIGHTINGS.c
    query = (
        sa.select(columns.table, columns.fingerprint, sa.func.max(columns.data_as_of))
        .where(columns.fingerprint.in_(table.fingerprint for table in shown.values()))
        .group_by(columns.table, columns.fingerprint)
    )
    known = {
        (name, content): as_of for name, content, as_of in list[Any](connection.execute(query))
    }
    return {
        name: max(
            filter(None, (known.get((name, table.fingerprint)), table.data_as_of)), default=None
        )
        for name, table in shown.items()
    }
