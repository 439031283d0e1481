"""What we remember: check results, rejected batches, releases and what was confirmed.

A projection: the load journal in the warehouse and each `release.json` are the truth.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from assetops.ledger.server import database_url, patient_engine, surviving
from assetops.ledger.sightings import see
from assetops.ledger.tables import METADATA, PUBLICATIONS, REJECTIONS, RELEASES, RESULTS
from assetops.model import Batch, PublishedTable, Release, Severity, Status, Verdict


class Ledger:
    """The memory of one environment, in SQLite or Postgres.

    Args:
        url: Where it is kept.
        results_days: After how many days a check's result is forgotten, if a newer one is there.
    """

    def __init__(self, url: str, *, results_days: int = 400) -> None:
        self._results_days = results_days
        address = database_url(url)
        if address.get_backend_name() == "sqlite":
            Path(address.database or "").parent.mkdir(parents=True, exist_ok=True)
            # It answers `database is locked` after 5 s; writers here are short but many.
            self._engine = sa.create_engine(address, connect_args={"timeout": 30})
        else:
            self._engine = patient_engine(address, pool_size=1, max_overflow=4)
        # Not create_all, which looks first: two first commands at once would both find nothing.
        with self._engine.begin() as connection:
            for table in METADATA.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(CreateIndex(index, if_not_exists=True))

    def connect(self) -> sa.Connection:
        """Open a connection, for what reads the history of results."""
        return self._engine.connect()

    def begin(self) -> AbstractContextManager[sa.Connection]:
        """Open a connection for what is to be written whole, or not at all."""
        return self._engine.begin()

    def record_results(
        self,
        asset: str,
        verdicts: Iterable[Verdict],
        *,
        state: str,
        run_id: str,
        partition: str | None = None,
    ) -> None:
        """Remember what checks found on one state (content fingerprint) of an asset."""
        rows = [
            {
                "asset": asset,
                "check": verdict.check,
                "state": state,
                "partition": partition,
                "severity": verdict.severity.value,
                "status": verdict.status.value,
                "verdict": verdict.model_dump_json(),
                "run_id": run_id,
                "at": _now(),
            }
            for verdict in verdicts
        ]
        if rows:
            self._keep_results(asset, rows)

    @surviving
    def _keep_results(self, asset: str, rows: list[dict[str, Any]]) -> None:
        with self._engine.begin() as connection:
            connection.execute(RESULTS.insert(), rows)
            self._forget_results(connection, asset)

    def _forget_results(self, connection: sa.Connection, asset: str) -> None:
        """Drop an asset's results that are past their days, but never a check's latest one."""
        newest = sa.select(sa.func.max(RESULTS.c.id)).where(RESULTS.c.asset == asset)
        connection.execute(
            RESULTS.delete().where(
                RESULTS.c.asset == asset,
                RESULTS.c.at < _now() - timedelta(days=self._results_days),
                RESULTS.c.id.not_in(newest.group_by(RESULTS.c.check)),
            )
        )

    @surviving
    def results_on(self, asset: str, state: str) -> dict[str, Verdict]:
        """Return each check's latest verdict on exactly this content of the asset."""
        query = (
            sa.select(RESULTS.c.check, RESULTS.c.verdict)
            .where(RESULTS.c.asset == asset, RESULTS.c.state == state)
            .order_by(RESULTS.c.id)
        )
        with self._engine.connect() as connection:
            return {
                check: Verdict.model_validate_json(verdict)
                for check, verdict in list[Any](connection.execute(query))
            }

    @surviving
    def last_accepted(
        self, asset: str, *, other_than: str, before: date | None = None
    ) -> dict[str, Verdict]:
        """Return each check's last verdict, on other content of the asset, that did not block.

        Args:
            asset: The asset's address.
            other_than: The state that is looked at now.
            before: The partition that is looked at now: then only earlier ones count.
        """
        columns = RESULTS.c
        passed = columns.status == Status.PASSED
        tolerated = sa.and_(columns.status == Status.FAILED, columns.severity != Severity.CRITICAL)
        newest = [columns.partition.desc()] if before else []
        rank = sa.func.row_number().over(
            partition_by=columns.check, order_by=[*newest, columns.id.desc()]
        )
        ranked = sa.select(columns.check, columns.verdict, rank.label("rank")).where(
            columns.asset == asset, columns.state != other_than, sa.or_(passed, tolerated)
        )
        if before:
            ranked = ranked.where(columns.partition < str(before))
        found = ranked.subquery()
        query = sa.select(found.c.check, found.c.verdict).where(found.c.rank == 1)
        with self._engine.connect() as connection:
            return {
                check: Verdict.model_validate_json(verdict)
                for check, verdict in list[Any](connection.execute(query))
            }

    @surviving
    def verified_in(self, asset: str, state: str) -> str | None:
        """Return the run that last checked exactly this content of the asset."""
        query = (
            sa.select(RESULTS.c.run_id)
            .where(RESULTS.c.asset == asset, RESULTS.c.state == state)
            .order_by(RESULTS.c.id.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    @surviving
    def latest_results(self, asset: str) -> list[tuple[Verdict, datetime, str | None]]:
        """Return each check's latest verdict on the asset, with its time and partition."""
        newest = sa.select(sa.func.max(RESULTS.c.id)).where(RESULTS.c.asset == asset)
        query = (
            sa.select(RESULTS.c.verdict, RESULTS.c.at, RESULTS.c.partition)
            .where(RESULTS.c.id.in_(newest.group_by(RESULTS.c.check)))
            .order_by(RESULTS.c.check)
        )
        with self._engine.connect() as connection:
            return [
                (Verdict.model_validate_json(verdict), at, partition)
                for verdict, at, partition in list[Any](connection.execute(query))
            ]

    @surviving
    def record_rejection(self, batch: Batch, reasons: Sequence[str], *, run_id: str) -> None:
        """Remember a batch that did not pass its pre-flight."""
        with self._engine.begin() as connection:
            connection.execute(
                REJECTIONS.insert().values(
                    source=batch.source,
                    partition=str(batch.partition) if batch.partition else None,
                    file=batch.file.name,
                    fingerprint=batch.fingerprint,
                    reasons=json.dumps(list(reasons)),
                    run_id=run_id,
                    at=_now(),
                )
            )

    @surviving
    def rejections(self, source: str, *, limit: int = 20) -> list[dict[str, Any]]:
        """Return the newest rejected batches of a source."""
        query = (
            sa.select(REJECTIONS)
            .where(REJECTIONS.c.source == source)
            .order_by(REJECTIONS.c.id.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [{**row, "reasons": json.loads(row["reasons"])} for row in rows]

    @surviving
    def reconcile_releases(self, releases: Sequence[Release]) -> None:
        """Make the remembered releases exactly those whose `release.json` exists."""
        with self._engine.begin() as connection:
            connection.execute(RELEASES.delete())
            if releases:
                connection.execute(
                    RELEASES.insert(),
                    [
                        {
                            "id": release.id,
                            "created_at": release.created_at,
                            "run_id": release.run_id,
                            "tables": json.dumps(
                                {k: t.model_dump(mode="json") for k, t in release.tables.items()}
                            ),
                        }
                        for release in releases
                    ],
                )

    @surviving
    def record_publication(
        self,
        release: str,
        event: str,
        *,
        run_id: str | None = None,
        at: datetime | None = None,
        shown: Mapping[str, PublishedTable] | None = None,
        whole: bool = False,
    ) -> None:
        """Remember that a release was published, confirmed, rolled back to, held or unpinned.

        Args:
            release: Its id.
            event: What happened.
            run_id: The run that did it.
            at: When, in UTC; now, if it was not long ago.
            shown: Published tables as consumers see them since.
            whole: Whether they see no others.
        """
        at = at or _now()
        with self._engine.begin() as connection:
            connection.execute(
                PUBLICATIONS.insert().values(release=release, event=event, run_id=run_id, at=at)
            )
            see(connection, release, shown or {}, at=at, whole=whole)

    @surviving
    def last_publication(self) -> int:
        """Return the number of the newest publication event; 0 if there is none."""
        query = sa.select(sa.func.max(PUBLICATIONS.c.id))
        with self._engine.connect() as connection:
            return connection.execute(query).scalar() or 0

    @surviving
    def publications(self, *, limit: int = 50) -> list[dict[str, Any]]:
        """Return the newest publication events."""
        query = sa.select(PUBLICATIONS).order_by(PUBLICATIONS.c.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
