"""Why a promise was missed, as far as the ledger and Dagster's runs tell."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from assetops.ledger import Ledger
from assetops.ledger.tables import PUBLICATIONS, RESULTS
from assetops.model import Dataset, Severity, Status
from assetops.model.objectives import Outcome
from assetops.project import Project

# Says why the newest run between two moments in UTC published nothing; None if it could have.
NewestRun = Callable[[datetime, datetime], str | None]
_BEFORE = timedelta(days=1)


def cause_of(
    outcome: Outcome,
    dataset: Dataset,
    project: Project,
    ledger: Ledger,
    newest_run: NewestRun | None,
) -> str | None:
    """Say why a day was missed by what happened in the day before it was due; None if unknown.

    What is nearest to the dataset comes first: a gate of its own or above it, a pin, a run that
    failed, and then that there was no data.
    """
    since, due = outcome.due_at - _BEFORE, outcome.due_at
    lineage = [dataset, *(project.datasets[i] for i in sorted(project.ancestors(dataset)))]
    with ledger.connect() as connection:
        gate = _held_by(connection, [d.address for d in lineage], since, due)
        events = _publications(connection, since, due)
    if gate:
        return gate
    if "held" in events[-1:]:
        return "a release was pinned: what was built was verified, and held back"
    if "rolled back" in events:
        return "consumers had been taken back to an earlier release"
    if newest_run is None:
        return None
    if run := newest_run(since, due):
        return run
    if not events:
        return "nothing was built in the day before"
    if outcome.data_as_of is None:
        return "it had never been published"
    return f"no newer data had come in: it reached until {outcome.data_as_of:%Y-%m-%d %H:%M}"


def _held_by(
    connection: sa.Connection, lineage: Sequence[str], since: datetime, due: datetime
) -> str | None:
    """Return the critical check that did not pass when it last ran, if there is one."""
    columns = RESULTS.c
    newest = (
        sa.select(sa.func.max(columns.id))
        .where(columns.asset.in_(lineage), columns.at > since, columns.at <= due)
        .group_by(columns.asset, columns.check, columns.partition)
    )
    query = (
        sa.select(columns.asset, columns.check, columns.status)
        .where(columns.id.in_(newest))
        .where(columns.severity == Severity.CRITICAL, columns.status != Status.PASSED)
        .order_by(columns.id)
        .limit(1)
    )
    found = connection.execute(query).first()
    if found is None:
        return None
    asset, check, status = found
    errored = status == Status.ERRORED
    return f"{check} of {asset} {'could not run' if errored else 'failed, and held it back'}"


def _publications(connection: sa.Connection, since: datetime, due: datetime) -> list[str]:
    columns = PUBLICATIONS.c
    query = (
        sa.select(columns.event)
        .where(columns.at > since, columns.at <= due, columns.event != "unpinned")
        .order_by(columns.id)
    )
    return list(connection.execute(query).scalars())
