"""What checks found over time: the ledger's results, read for scores, trends and Data Docs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from assetops.ledger import Ledger
from assetops.ledger.tables import RESULTS
from assetops.model import Severity, Status, Verdict, Word

# What may become of a check, the worst last.
RESULT_WORDS = ("passed", "warned", "failed", "errored")


def result_of(status: Status, severity: Severity) -> str:
    """Return what became of a check in one word: what fails and is not critical has warned."""
    warned = status is Status.FAILED and severity is not Severity.CRITICAL
    return "warned" if warned else status.value


class CheckOutcome(Word):
    """What became of one check, once, without what it found."""

    id: int
    check: str
    severity: Severity
    status: Status
    run_id: str
    partition: str | None = None
    at: datetime

    @property
    def result(self) -> str:
        """What became of it, in one word."""
        return result_of(self.status, self.severity)


class CheckedRun(Word):
    """A run that checked an asset, or one partition of it, with what became of each check."""

    run_id: str
    partition: str | None
    at: datetime
    outcomes: dict[str, CheckOutcome]

    @property
    def counts(self) -> dict[str, int]:
        """How many checks came to what, without what none came to."""
        counted = Counter(outcome.result for outcome in self.outcomes.values())
        return {word: counted[word] for word in RESULT_WORDS if counted[word]}


@dataclass(frozen=True)
class History:
    """Reads no more of the ledger than is asked for, however long it has grown."""

    ledger: Ledger

    def results_in(
        self, asset: str, run_id: str, partition: str | None = None
    ) -> list[tuple[Verdict, datetime]]:
        """Return what a run found on an asset, or on one partition of it, each check's last."""
        query = (
            sa.select(RESULTS.c.check, RESULTS.c.verdict, RESULTS.c.at)
            .where(RESULTS.c.run_id == run_id, RESULTS.c.asset == asset)
            .where(RESULTS.c.partition.is_not_distinct_from(partition))
            .order_by(RESULTS.c.id)
        )
        with self.ledger.connect() as connection:
            rows = list[Any](connection.execute(query))
        found = {check: (verdict, at) for check, verdict, at in rows}
        return [(Verdict.model_validate_json(verdict), at) for verdict, at in found.values()]

    def errored_in(self, run_id: str) -> list[tuple[str, Verdict]]:
        """Return the checks that could not run in a run, each with its asset."""
        # One that could run when the run tried again is none.
        last = sa.select(sa.func.max(RESULTS.c.id)).where(RESULTS.c.run_id == run_id)
        last = last.group_by(RESULTS.c.asset, RESULTS.c.check, RESULTS.c.partition)
        query = (
            sa.select(RESULTS.c.asset, RESULTS.c.verdict)
            .where(RESULTS.c.id.in_(last), RESULTS.c.status == Status.ERRORED)
            .order_by(RESULTS.c.id)
        )
        with self.ledger.connect() as connection:
            rows = list[Any](connection.execute(query))
        return [(asset, Verdict.model_validate_json(verdict)) for asset, verdict in rows]

    def checked_runs(self, asset: str, *, limit: int) -> list[CheckedRun]:
        """Return the newest runs that checked an asset, newest first, one for each partition."""
        runs: dict[tuple[str, str | None], CheckedRun] = {}
        for outcome in self._outcomes(asset):
            place = (outcome.run_id, outcome.partition)
            if place not in runs:
                if len(runs) == limit:
                    break
                runs[place] = CheckedRun(
                    run_id=outcome.run_id, partition=outcome.partition, at=outcome.at, outcomes={}
                )
            # Newest first: what a check found last in a run stands.
            runs[place].outcomes.setdefault(outcome.check, outcome)
        return list(runs.values())

    def parts_of(self, asset: str, run_id: str) -> list[CheckedRun]:
        """Return what a run checked of an asset, by partition; what did not pass comes first."""
        parts: dict[str | None, CheckedRun] = {}
        for outcome in self._outcomes(asset, RESULTS.c.run_id == run_id):
            day, at = outcome.partition, outcome.at
            new = CheckedRun(run_id=run_id, partition=day, at=at, outcomes={})
            parts.setdefault(day, new).outcomes.setdefault(outcome.check, outcome)
        # The order in which they came; sorting keeps it among the bad, and among the good.
        return sorted(reversed(parts.values()), key=lambda part: set(part.counts) == {"passed"})

    def outcomes_of(self, asset: str, check: str, *, limit: int) -> list[CheckOutcome]:
        """Return what came of one check of an asset the last times, newest first."""
        return list(islice(self._outcomes(asset, RESULTS.c.check == check), limit))

    def outcomes(self, asset: str, *, runs: int) -> tuple[dict[str, Status], list[CheckOutcome]]:
        """Return each check's status before an asset's newest runs, and what came of it in them.

        Args:
            asset: The asset's address.
            runs: How many of the newest runs; the outcomes in them are in the order they came.
        """
        seen: set[str] = set()
        recent: list[CheckOutcome] = []
        before = 0
        for outcome in self._outcomes(asset):
            if outcome.run_id not in seen and len(seen) == runs:
                before = outcome.id
                break
            seen.add(outcome.run_id)
            recent.append(outcome)
        newest = sa.select(sa.func.max(RESULTS.c.id)).where(
            RESULTS.c.asset == asset, RESULTS.c.id <= before
        )
        query = sa.select(RESULTS.c.check, RESULTS.c.status).where(
            RESULTS.c.id.in_(newest.group_by(RESULTS.c.check))
        )
        with self.ledger.connect() as connection:
            rows = list[Any](connection.execute(query))
        stood = {check: Status(status) for check, status in rows}
        return stood, recent[::-1]

    def _outcomes(self, asset: str, *wanted: sa.ColumnElement[bool]) -> Iterator[CheckOutcome]:
        """Yield what came of an asset's checks, newest first, reading no more than is taken."""
        columns = [RESULTS.c[name] for name in CheckOutcome.model_fields]
        query = sa.select(*columns).where(RESULTS.c.asset == asset, *wanted)
        with self.ledger.connect().execution_options(yield_per=500) as connection:
            for row in connection.execute(query.order_by(RESULTS.c.id.desc())).mappings():
                yield CheckOutcome.model_validate(dict(row))
