"""A source's table against the files that it was loaded from, one file at a time."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from assetops.errors import CheckCouldNotRun, IngestError
from assetops.model import Dataset, Relation, Status, Verdict, literal, quote
from assetops.quality.reconcile import SHOWN, Comparison
from assetops.quality.reconcile.sides import forms_of, incomparable, side_in_duckdb
from assetops.quality.suites.counterparts import Reconcile
from assetops.warehouse import Connection, SqlError, journal
from assetops.warehouse.left_out import take_out_kept
from assetops.warehouse.quarantine import table_of
from assetops.warehouse.snapshot import Snapshot

# Reads the file of a load into a table with `_row`, and counts its rows; `IngestError` says why
# that file is not there any more.
ReadAgain = Callable[[Connection, journal.Load], tuple[Relation, int]]
_EXPECTED = "the same rows, sums and hashes here and in the files that landed"


def kept_beside(dataset: Dataset) -> tuple[Relation, ...]:
    """Return the tables that say what became of the rows that landed and are not in raw."""
    return (table_of(dataset), journal.LOADS)


def compared_with_landed(
    still: Snapshot, dataset: Dataset, wanted: Reconcile, read_again: ReadAgain, *, seed: int
) -> Verdict:
    """Return what was found in a source's table, held still with what is `kept_beside`.

    Raises `CheckCouldNotRun` if not one file is there to compare with.
    """
    with closing(still.open_beside()) as connection:
        loads = list(journal.loads_in(connection, dataset.address).values())
        work = _Work(connection, dataset, wanted, read_again, _rows_by_day(connection, still))
        for load in _chosen(loads, wanted.files, seed):
            work.look_at(load)
        work.count(loads)
    return work.verdict(still.rows, len(loads))


def _chosen(loads: Sequence[journal.Load], files: int | None, seed: int) -> list[journal.Load]:
    """Return the loads to look at, oldest day first: all, or those with the least hashes."""

    def rank(load: journal.Load) -> str:
        return hashlib.sha256(f"{seed}:{load.fingerprint}".encode()).hexdigest()

    return sorted(sorted(loads, key=rank)[:files], key=lambda load: str(load.partition))


def _rows_by_day(connection: Connection, still: Snapshot) -> dict[date | None, int]:
    return dict(
        connection.execute(
            f"select _partition, count(*) from {still.relation.quoted} group by all"
        ).fetchall()
    )


@dataclass
class _Work:
    """What has been compared so far."""

    connection: Connection
    dataset: Dataset
    wanted: Reconcile
    read_again: ReadAgain
    by_day: Mapping[date | None, int]
    totals: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    files_at_fault: set[str] = field(default_factory=set)
    sample: list[dict[str, Any]] = field(default_factory=list)

    def look_at(self, load: journal.Load) -> None:
        """Compare the rows of one load with its file, if that is still there."""
        try:
            candidate, landed = self.read_again(self.connection, load)
            self._compare(load, candidate, landed)
            self.connection.execute(f"drop table {candidate.quoted}")
        except IngestError as gone:
            self.left_out.append(str(gone))
        except SqlError as error:
            raise incomparable(error) from None

    def _compare(self, load: journal.Load, candidate: Relation, landed: int) -> None:
        here = self._part(load)
        out = take_out_kept(self.connection, self.dataset, candidate, load)
        columns = self.wanted.columns or tuple(c.name for c in self.dataset.columns)
        key = self.wanted.key or _ingest_key(self.dataset) or columns
        table = side_in_duckdb("the table", self.connection, here)
        file = side_in_duckdb("the file", self.connection, candidate.quoted)
        comparison = Comparison(
            # Bookkeeping is in no file.
            forms=forms_of(table, file, columns, key),
            key=key,
            buckets=self.wanted.buckets,
            pii={column.name for column in self.dataset.columns if column.pii},
        )
        unknown = load.held_back - out
        if unknown > 0:
            out += self._take_out_unknown(candidate, here, key, unknown)
        found = comparison.verdict(
            table, file, check=self.wanted.name, severity=self.wanted.severity
        )
        rows = self.by_day.get(load.partition, 0)
        self.totals.update(files=1, landed=landed, rows=rows, out=out)
        if found.status is Status.FAILED or out != load.held_back:
            counts = f"{landed} rows landed, {rows} are here, {out} are held back or discarded"
            self.files_at_fault.add(load.file)
            self.faults.append(f"{load.file}: {found.observed or counts}")
            self.sample += [{"file": load.file, **row} for row in found.sample]

    def _part(self, load: journal.Load) -> str:
        day = "null" if load.partition is None else f"date {literal(str(load.partition))}"
        raw = self.dataset.relation.quoted
        return f"(select * from {raw} where _partition is not distinct from {day})"

    def _take_out_unknown(
        self, candidate: Relation, here: str, key: Sequence[str], unknown: int
    ) -> int:
        """Take out what is in the file alone, if so many rows were held back and are forgotten."""
        same = " and ".join(f"h.{quote(k)} is not distinct from c.{quote(k)}" for k in key)
        alone = (
            f"select _row from {candidate.quoted} c where not exists (from {here} h where {same})"
        )
        rows = self.connection.execute(f"select count(*) from ({alone})").fetchall()
        if rows != [(unknown,)]:
            return 0
        self.connection.execute(f"delete from {candidate.quoted} where _row in ({alone})")
        return unknown

    def count(self, loads: Sequence[journal.Load]) -> None:
        """Compare the rows of each day with those that the journal has; also without its file."""
        known = {load.partition: load for load in loads}
        for day, rows in self.by_day.items():
            if day not in known:
                self.faults.append(f"{rows} rows of {day} were never loaded")
        for day, load in known.items():
            rows = self.by_day.get(day, 0)
            if rows != load.rows and load.file not in self.files_at_fault:
                self.faults.append(f"{load.file}: {load.rows} rows were loaded, {rows} are here")

    def verdict(self, rows: int, files: int) -> Verdict:
        """Return what there is to say of a table of so many rows, from so many files."""
        compared = self.totals["files"]
        left_out = [*self.left_out[:3], *(["…"] if self.left_out[3:] else [])]
        if not compared and not self.faults:
            why = " ".join(left_out) or "Nothing has been loaded."
            raise CheckCouldNotRun(f"no file can be compared with {self.dataset.address}. {why}")
        said = (
            f"{compared} of {files} files compared: {self.totals['landed']} rows landed, "
            f"{self.totals['rows']} are here, {self.totals['out']} are held back or discarded."
        )
        shown = "; ".join(self.faults[:3]) + ("; …" if self.faults[3:] else "")
        return Verdict(
            check=self.wanted.name,
            severity=self.wanted.severity,
            status=Status.FAILED if self.faults else Status.PASSED,
            description=" ".join([said, *left_out]),
            expected=_EXPECTED,
            observed=shown or None,
            rows=self.totals["rows"],
            sampled_of=rows if self.totals["rows"] < rows else None,
            failing_rows=len(self.sample) if self.faults else None,
            sample=tuple(self.sample[:SHOWN]),
        )


def _ingest_key(dataset: Dataset) -> tuple[str, ...]:
    return dataset.contract.ingest.key if dataset.contract.ingest else ()
