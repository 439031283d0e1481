"""One batch on its way: candidate, pre-flight, then raw and the journal in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from assetops.errors import AssetOpsError, IngestError
from assetops.ingest.candidate import make_candidate
from assetops.ingest.quarantine import quarantine
from assetops.ledger import Ledger
from assetops.model import Batch, Dataset, Relation, Severity, Status, Verdict, quote
from assetops.warehouse import Connection, Warehouse, journal
from assetops.warehouse.duckdb import columns_of

CONTRACT_CHECK = "contract"

Gate = Callable[[Dataset, Relation, Batch], Sequence[Verdict]]


@dataclass(frozen=True)
class Outcome:
    """What became of a batch: loaded, or held back for its reasons."""

    batch: Batch
    verdicts: tuple[Verdict, ...]
    rows: int = 0
    load_id: int | None = None
    quarantined: Path | None = None

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
        """Load a batch if it passes its pre-flight; otherwise raw stays as it was."""
        with self.warehouse.connect() as connection:
            candidate, outcome = self._preflight(connection, dataset, batch)
            if not outcome.reasons:
                rows, load_id = _into_raw(connection, candidate, dataset, batch, run_id)
                outcome = Outcome(batch, outcome.verdicts, rows, load_id)
            connection.execute(f"drop table if exists {candidate.quoted}")
        self.ledger.record_results(
            dataset.address,
            outcome.verdicts,
            state=batch.fingerprint,
            run_id=run_id,
            partition=str(batch.partition) if batch.partition else None,
        )
        return self._hold_back(outcome, run_id)

    def examine(self, dataset: Dataset, batch: Batch) -> Outcome:
        """Take a batch through its pre-flight, and neither load nor quarantine it."""
        with self.warehouse.connect() as connection:
            candidate, outcome = self._preflight(connection, dataset, batch)
            connection.execute(f"drop table if exists {candidate.quoted}")
        return outcome

    def _preflight(
        self, connection: Connection, dataset: Dataset, batch: Batch
    ) -> tuple[Relation, Outcome]:
        candidate = Relation(schema_name="candidate", name="__".join(dataset.key))
        try:
            make_candidate(connection, batch.file, dataset, candidate)
        except IngestError as fault:
            return candidate, Outcome(batch, (_contract_verdict(str(fault)),))
        verdicts = self.gate(dataset, candidate, batch)
        return candidate, Outcome(batch, (_contract_verdict(None), *verdicts))

    def _hold_back(self, outcome: Outcome, run_id: str) -> Outcome:
        """Quarantine a batch that is bad; one whose checks could not run is not known to be."""
        if any(v.blocks and v.status is Status.FAILED for v in outcome.verdicts):
            place = quarantine(self.quarantine_dir, outcome.batch, outcome.reasons, run_id)
            self.ledger.record_rejection(outcome.batch, outcome.reasons, run_id=run_id)
            return Outcome(outcome.batch, outcome.verdicts, quarantined=place)
        return outcome


def _contract_verdict(fault: str | None) -> Verdict:
    return Verdict(
        check=CONTRACT_CHECK,
        severity=Severity.CRITICAL,
        status=Status.FAILED if fault else Status.PASSED,
        expected="a file that keeps its contract",
        observed=fault,
    )


def _into_raw(
    connection: Connection, candidate: Relation, dataset: Dataset, batch: Batch, run_id: str
) -> tuple[int, int]:
    """Replace the batch's partition in raw by the candidate's rows, and journal it."""
    raw = dataset.relation
    names = ", ".join(quote(column.name) for column in dataset.columns)
    connection.execute("begin")
    try:
        load_id = journal.next_load_id(connection)
        standing = journal.standing_loads(connection, dataset.address)
        _prepare_raw(connection, dataset)
        if batch.partition in standing:
            connection.execute(
                f"delete from {raw.quoted} where _partition is not distinct from ?",
                [batch.partition],
            )
        row = connection.execute(
            f"insert into {raw.quoted} by name select {names}, cast(? as date) as _partition, "
            f"cast(? as timestamp) as _landed_at, cast(? as bigint) as _load_id "
            f"from {candidate.quoted} order by _row",
            [batch.partition, batch.as_of, load_id],
        ).fetchone()
        rows = int(row[0]) if row else 0
        journal.record(connection, load_id, batch, rows, run_id)
        connection.execute("commit")
    except BaseException:
        # Also when the run is stopped: the connection outlives this batch.
        connection.execute("rollback")
        raise
    return rows, load_id


def _prepare_raw(connection: Connection, dataset: Dataset) -> None:
    """Create the raw table, or add the columns that its contract has gained."""
    raw = dataset.relation
    wanted = [(column.name, column.data_type or "") for column in dataset.columns]
    kept = [("_partition", "DATE"), ("_landed_at", "TIMESTAMP"), ("_load_id", "BIGINT")]
    columns = ", ".join(f"{quote(name)} {kind}" for name, kind in [*wanted, *kept])
    connection.execute(f"create schema if not exists {quote(raw.schema_name)}")
    connection.execute(f"create table if not exists {raw.quoted} ({columns})")
    present = dict(columns_of(connection, raw))
    for name, kind in wanted:
        if name not in present:
            connection.execute(f"alter table {raw.quoted} add column {quote(name)} {kind}")
        elif _canonical(connection, kind) != present[name]:
            raise AssetOpsError(
                f"{raw}.{name} is {present[name]}, but dbt_project/{dataset.file} says {kind}. "
                f"Change the table (alter table {raw} alter {name} type {kind}) or the yml."
            )


def _canonical(connection: Connection, kind: str) -> str:
    """Return DuckDB's own name of a type: INT8 and BIGINT are the same."""
    row = connection.execute(f"select typeof(cast(null as {kind}))").fetchone()
    return str(row[0]) if row else kind
