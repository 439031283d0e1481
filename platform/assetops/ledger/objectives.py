"""Promises about time as the ledger has them: each version, and what became of each day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from assetops.ledger import Ledger
from assetops.ledger.server import surviving
from assetops.ledger.sightings import fill_in, seen_since
from assetops.ledger.tables import OUTCOMES, PROMISES
from assetops.model.contract import ReadyBy
from assetops.model.objectives import READY_BY, Outcome, Promise, Sighting


@dataclass(frozen=True)
class Objectives:
    """Reads and writes outcomes; whatever is written twice is there once."""

    ledger: Ledger

    @surviving
    def promise(self, current: Mapping[str, ReadyBy], now: datetime) -> dict[str, list[Promise]]:
        """Take in what is promised now, and return every version of each dataset's promise.

        Args:
            current: What contracts say, by dataset; a promise that is not in it is taken back.
            now: The time, in UTC, since when it is so.
        """
        with self.ledger.begin() as connection:
            known = _promises(connection)
            rows = []
            for dataset in {*known, *current}:
                last = known[dataset][-1] if dataset in known else None
                if (last.ready_by if last else None) != current.get(dataset):
                    new = Promise(
                        dataset=dataset,
                        version=last.version + 1 if last else 1,
                        since=now,
                        ready_by=current.get(dataset),
                    )
                    text = new.ready_by.model_dump_json() if new.ready_by else None
                    rows.append({**new.model_dump(), "ready_by": text})
                    known.setdefault(dataset, []).append(new)
            if rows:
                # Two processes may see the new promise at once.
                connection.execute(_insert(connection, PROMISES).on_conflict_do_nothing(), rows)
            return known

    @surviving
    def sightings(self, table: str, since: datetime) -> list[Sighting]:
        """Return what consumers saw of a published table when a time began, and since."""
        with self.ledger.connect() as connection:
            return seen_since(connection, table, since)

    @surviving
    def fill_in(self) -> None:
        """Make up for what is not known of releases that are there."""
        with self.ledger.begin() as connection:
            fill_in(connection)

    @surviving
    def outcomes(self, dataset: str, *, since: date | None = None) -> list[Outcome]:
        """Return what became of a dataset's promise, day by day, oldest first."""
        query = (
            sa.select(OUTCOMES)
            .where(OUTCOMES.c.dataset == dataset, OUTCOMES.c.promise == READY_BY)
            .order_by(OUTCOMES.c.day)
        )
        if since:
            query = query.where(OUTCOMES.c.day >= since)
        with self.ledger.connect() as connection:
            return [
                Outcome.model_validate(dict(row)) for row in connection.execute(query).mappings()
            ]

    @surviving
    def unsettled(self) -> dict[str, tuple[date, date | None]]:
        """Return each dataset's last judged day, and its first one that may still change."""
        columns = OUTCOMES.c
        waits = sa.and_(columns.reached_at.is_(None), columns.status != "unknown")
        query = sa.select(
            columns.dataset,
            sa.func.max(columns.day),
            sa.func.min(sa.case((waits, columns.day))),
        ).group_by(columns.dataset)
        with self.ledger.connect() as connection:
            rows = list[Any](connection.execute(query))
        return {dataset: (last, first) for dataset, last, first in rows}

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Write outcomes over those of the same dataset and day."""
        rows: Sequence[dict[str, Any]] = [
            {**outcome.model_dump(), "status": outcome.status.value} for outcome in outcomes
        ]
        if not rows:
            return
        with self.ledger.begin() as connection:
            insert = _insert(connection, OUTCOMES)
            keys = {column.name for column in OUTCOMES.primary_key}
            changed = {c.name: insert.excluded[c.name] for c in OUTCOMES.c if c.name not in keys}
            connection.execute(
                insert.on_conflict_do_update(index_elements=sorted(keys), set_=changed), rows
            )


def _promises(connection: sa.Connection) -> dict[str, list[Promise]]:
    query = sa.select(PROMISES).order_by(PROMISES.c.dataset, PROMISES.c.version)
    known: dict[str, list[Promise]] = {}
    for row in connection.execute(query).mappings():
        text = row["ready_by"]
        ready_by = ReadyBy.model_validate_json(text) if text else None
        promise = Promise.model_validate({**row, "ready_by": ready_by})
        known.setdefault(promise.dataset, []).append(promise)
    return known


def _insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    postgres = connection.dialect.name == "postgresql"
    return postgresql.insert(table) if postgres else sqlite.insert(table)
