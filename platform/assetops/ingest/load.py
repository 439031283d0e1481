"""One batch on its way: candidate, pre-flight, then raw and the journal in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assetops.errors import IngestError
from assetops.ingest.bad_rows import (
    BadRows,
    count_rows,
    drop_tables,
    find_bad_rows,
    let_through,
    take_out,
    with_unfit,
)
from assetops.ingest.candidate import type_candidate
from assetops.ingest.quarantine import quarantine
from assetops.ingest.raw import replace_partition
from assetops.ingest.unchanged import read_unchanged
from assetops.ingest.unfit import Unfit, set_aside
from assetops.ledger import Ledger
from assetops.model import (
    CONTRACT_CHECK,
    Batch,
    Dataset,
    Ingest,
    Relation,
    Severity,
    Status,
    Verdict,
)
from assetops.warehouse import Connection, Warehouse, journal
from assetops.warehouse.duckdb import transaction
from assetops.warehouse.left_out import take_out_discarded
from assetops.warehouse.quarantine import Origin, settle

Gate = Callable[[Dataset, Relation, Batch], Sequence[Verdict]]


@dataclass(frozen=True)
class Outcome:
    """What became of a batch: loaded, with or without its bad rows, or held back whole."""

    batch: Batch
    verdicts: tuple[Verdict, ...]
    landed: int = 0
    rows: int = 0
    load_id: int | None = None
    quarantined: Path | None = None
    # Rows that are not in raw: bad ones in the quarantine table, and those discarded before.
    held: int = 0
    discarded: int = 0

    @property
    def reasons(self) -> list[str]:
        """Why the batch was held back, naming its file; empty if it was loaded."""
        return [self._reason(verdict) for verdict in self.verdicts if verdict.blocks]

    def _reason(self, verdict: Verdict) -> str:
        if verdict.check == CONTRACT_CHECK:
            # What breaks the contract names the file already, and where in it.
            return str(verdict.observed)
        return f"{self.batch.file.name}: {verdict.sentence()}"


@dataclass(frozen=True)
class Loader:
    """Brings batches into raw, or into quarantine."""

    warehouse: Warehouse
    ledger: Ledger
    quarantine_dir: Path
    gate: Gate

    def load(self, dataset: Dataset, batch: Batch, *, run_id: str) -> Outcome:
        """Load a batch, or its good rows; if it does not pass its pre-flight, raw stays."""
        candidate = candidate_of(dataset)
        with self.warehouse.connect() as connection:
            outcome, bad = self._preflight(connection, dataset, batch)
            if not outcome.reasons:
                outcome = _bring_in(connection, dataset, outcome, bad, run_id)
            elif bad is not None:
                _keep_blocked(connection, dataset, outcome.batch, bad, run_id)
            drop_tables(connection, candidate)
        self.ledger.record_results(
            dataset.address,
            outcome.verdicts,
            state=outcome.batch.fingerprint,
            run_id=run_id,
            partition=str(batch.partition) if batch.partition else None,
        )
        return self._hold_back(outcome, run_id)

    def examine(self, dataset: Dataset, batch: Batch) -> Outcome:
        """Take a batch through its pre-flight, and neither load nor quarantine it."""
        with self.warehouse.connect() as connection:
            outcome, _ = self._preflight(connection, dataset, batch)
            drop_tables(connection, candidate_of(dataset))
        return outcome

    def _preflight(
        self, connection: Connection, dataset: Dataset, batch: Batch
    ) -> tuple[Outcome, BadRows | None]:
        candidate, unfit = candidate_of(dataset), None
        batch, text = read_unchanged(connection, batch, dataset)
        try:
            if isinstance(text, IngestError):
                raise text
            landed = count_rows(connection, text.quoted)
            discarded = take_out_discarded(connection, dataset, text, batch)
            if landed == discarded:
                raise IngestError(f"{batch.file.name}: every row of it was discarded. Remove it.")
            unfit = _typed(connection, text, dataset, batch, landed)
        except IngestError as fault:
            return Outcome(batch, (_contract_verdict(str(fault)),)), None
        verdicts = self.gate(dataset, candidate, batch)
        bad = find_bad_rows(connection, candidate, verdicts)
        if unfit is not None:
            bad = with_unfit(connection, candidate, bad, unfit)
        outcome = Outcome(
            batch,
            (_contract_verdict(unfit.fault if unfit else None, unfit), *verdicts),
            landed=landed,
            held=bad.count if bad else 0,
            discarded=discarded,
        )
        return self._without(connection, dataset, outcome, bad), bad

    def _without(
        self, connection: Connection, dataset: Dataset, outcome: Outcome, bad: BadRows | None
    ) -> Outcome:
        """Take the bad rows out and gate the rest again, if only rows are bad, and not too many."""
        ingest = ingest_of(dataset)
        blocking = {verdict.check for verdict in outcome.verdicts if verdict.blocks}
        if bad is None or ingest.on_bad_rows == "block" or blocking - bad.by_check.keys():
            return outcome
        if bad.count > ingest.held_at_most * outcome.landed:
            said = _too_many(outcome.batch, bad.count, outcome.landed, ingest)
            return replace(outcome, verdicts=(_contract_verdict(said), *outcome.verdicts[1:]))
        candidate = candidate_of(dataset)
        contract, *before = outcome.verdicts
        after: Sequence[Verdict] = before
        # Rows that the candidate never took were not there when it was judged.
        if bad.by_check.keys() != {CONTRACT_CHECK}:
            take_out(connection, candidate, bad)
            after = self.gate(dataset, candidate, outcome.batch)
        passes = not any(verdict.blocks for verdict in after)
        verdicts = let_through(before, after, bad) if passes else after
        return replace(outcome, verdicts=(*let_through([contract], [contract], bad), *verdicts))

    def _hold_back(self, outcome: Outcome, run_id: str) -> Outcome:
        """Quarantine a batch that is bad; one whose checks could not run is not known to be."""
        if any(v.blocks and v.status is Status.FAILED for v in outcome.verdicts):
            place = quarantine(self.quarantine_dir, outcome.batch, outcome.reasons, run_id)
            self.ledger.record_rejection(outcome.batch, outcome.reasons, run_id=run_id)
            return replace(outcome, quarantined=place)
        return outcome


def candidate_of(dataset: Dataset) -> Relation:
    """Return the table in which a batch of the dataset waits for its pre-flight."""
    return Relation(schema_name="candidate", name="__".join(dataset.key))


def ingest_of(dataset: Dataset) -> Ingest:
    """Return how an ingested source becomes its raw table."""
    assert dataset.contract.ingest is not None  # callers pass ingested sources
    return dataset.contract.ingest


def _typed(
    connection: Connection, text: Relation, dataset: Dataset, batch: Batch, landed: int
) -> Unfit | None:
    """Make the candidate; set aside what has no type or key of its own, if the contract says so."""
    ingest, candidate = ingest_of(dataset), candidate_of(dataset)
    try:
        type_candidate(connection, text, batch.file, dataset, candidate)
    except IngestError as fault:
        if ingest.on_bad_rows == "block":
            raise
        table, count = set_aside(connection, text, dataset, candidate)
        if count > ingest.held_at_most * landed:
            said = _too_many(batch, count, landed, ingest)
            raise IngestError(f"{fault} {said}") from None
        type_candidate(connection, text, batch.file, dataset, candidate)
        return Unfit(table, count, str(fault))
    return None


def _too_many(batch: Batch, bad: int, landed: int, ingest: Ingest) -> str:
    return (
        f"{batch.file.name}: {bad} of {landed} rows are bad. That is more than held_at_most: "
        f"{ingest.held_at_most:g}, so that it is held back whole."
    )


def _bring_in(
    connection: Connection,
    dataset: Dataset,
    outcome: Outcome,
    bad: BadRows | None,
    run_id: str,
) -> Outcome:
    """Load what is left in the candidate, and hold back the bad rows."""
    batch = outcome.batch
    with transaction(connection):
        rows, load_id = replace_partition(
            connection,
            candidate_of(dataset),
            dataset,
            batch,
            landed=outcome.landed,
            held_back=outcome.held + outcome.discarded,
            run_id=run_id,
        )
        settle(connection, dataset, _origin(batch, run_id), bad.table if bad else None)
    return replace(outcome, rows=rows, load_id=load_id)


def _keep_blocked(
    connection: Connection, dataset: Dataset, batch: Batch, bad: BadRows, run_id: str
) -> None:
    """Keep the bad rows of a batch that stays out of raw whole."""
    load = journal.standing_loads(connection, dataset.address).get(batch.partition)
    with transaction(connection):
        settle(
            connection,
            dataset,
            _origin(batch, run_id),
            bad.table,
            standing=load.fingerprint if load else None,
            blocked=True,
        )


def _origin(batch: Batch, run_id: str) -> Origin:
    return Origin(batch.file.name, batch.fingerprint, batch.partition, run_id)


def _contract_verdict(fault: str | None, unfit: Unfit | None = None) -> Verdict:
    return Verdict(
        check=CONTRACT_CHECK,
        severity=Severity.CRITICAL,
        status=Status.FAILED if fault else Status.PASSED,
        expected="a file that keeps its contract",
        observed=fault,
        failing_rows=unfit.count if unfit else None,
    )
