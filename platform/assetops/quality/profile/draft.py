"""A suite drafted from a table: measured, proposed, and told with what it leaves to others."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from assetops.errors import AssetOpsError
from assetops.model import Dataset, Relation, quote
from assetops.project import Project
from assetops.quality.profile import table, volume
from assetops.quality.profile.columns import column_rules
from assetops.quality.profile.scan import Closer, Field, Scan, literal
from assetops.quality.profile.subject import Subject
from assetops.quality.profile.texts import has_few_values, patterns_of, text_rules
from assetops.quality.suites.reading import BOOKKEEPING, Expectation
from assetops.warehouse import Connection
from assetops.warehouse.duckdb import described

_SAMPLE = "assetops_profile_sample"


@dataclass(frozen=True)
class Draft:
    """A proposed suite, with the measures behind it."""

    dataset: Dataset
    scan: Scan
    expectations: tuple[Expectation, ...]
    left: tuple[str, ...]
    rows: int
    sampled: bool = False

    @property
    def partitions(self) -> int:
        """How many partitions were seen; 0 where the table has none."""
        return len(self.scan.days)

    def suite(self) -> dict[str, Any]:
        """Return the suite as its file has it."""
        return {
            "name": self.dataset.address.replace("/", "."),
            "expectations": [
                {
                    "type": e.type,
                    "kwargs": e.kwargs,
                    "meta": {"name": e.name},
                    "severity": e.severity.value,
                    "description": e.description,
                }
                for e in self.expectations
            ],
        }

    def text(self) -> str:
        """Return the suite as JSON."""
        return json.dumps(self.suite(), indent=2, ensure_ascii=False) + "\n"


def draft_suite(
    connection: Connection,
    dataset: Dataset,
    relation: Relation,
    *,
    as_of: datetime | None = None,
    day: date | None = None,
    sample: int | None = None,
    enforced: bool = False,
) -> Draft:
    """Draft a suite from a table of the warehouse, or from a candidate.

    Args:
        connection: Where the table is.
        dataset: What its yml says, and which dbt tests it has.
        relation: The table to look at.
        as_of: The time that rules about age use.
        day: The landing day of a candidate; a raw table has its days in `_partition`.
        sample: How many rows to look at, at most; all without it.
        enforced: Whether dbt enforces the columns' types.

    Raises:
        AssetOpsError: The table has no rows.
    """
    fields, unknown = _fields(dataset, described(connection, relation.quoted))
    looked_at = _sampled(connection, relation, sample) if sample else relation.quoted
    scan = _measured(connection, dataset, looked_at, fields, day)
    sampled = bool(sample and scan.whole.rows >= sample)
    subject = Subject(dataset, scan, as_of, sampled=sampled, unknown=unknown)
    subject.left += [f"{name}: {dataset.file} does not have it" for name in unknown]
    scan.look_closer(_closer(subject))
    counts = _row_counts(connection, relation, subject) if subject.sampled else _counted(scan)
    proposed = _proposed(subject, counts, enforced=enforced)
    return Draft(
        dataset,
        scan,
        _once(proposed),
        tuple(dict.fromkeys(subject.left)),
        rows=sum(n for _, n in counts),
        sampled=subject.sampled,
    )


def _measured(
    connection: Connection, dataset: Dataset, table: str, fields: Sequence[Field], day: date | None
) -> Scan:
    """Measure a table, by day if it has any."""
    ingest = dataset.contract.ingest
    partitioned = ingest is not None and ingest.partition is not None and day is None
    landed_on = "_partition" if partitioned else f"date {literal(day)}" if day else None
    scan = Scan(connection, table, fields, day=landed_on, partitioned=partitioned)
    scan.measure()
    if not scan.whole.rows:
        raise AssetOpsError(f"{dataset.address} has no rows: there is nothing to draft from.")
    if day:
        # The table is one day's file.
        scan.whole.day = day
        scan.days = [scan.whole]
    return scan


def write_draft(draft: Draft, project: Project) -> Path:
    """Write the draft where its suite belongs, or below gx/drafts if there is one; say where.

    Raises `AssetOpsError` if the file cannot be written.
    """
    place = Path(f"{draft.dataset.address}.json")
    path = project.suites_dir / place
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(draft.text())
        except FileExistsError:
            # Nothing loads suites from there, neither we nor GX.
            path = project.suites_dir.parent / "drafts" / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(draft.text(), encoding="utf-8")
    except OSError as error:
        raise AssetOpsError(
            f"{path} cannot be written ({error.strerror}). Make it writable and try again, or take "
            f"the suite from: assetops profile {draft.dataset.address} --json"
        ) from None
    return path


def _proposed(
    subject: Subject, counts: Sequence[tuple[int, int]], *, enforced: bool
) -> list[Expectation]:
    fields = subject.scan.fields
    found = [*table.column_order(subject, fields, enforced=enforced)]
    found += [*volume.row_count(subject, counts), *table.keys(subject, fields)]
    for column in fields:
        found += column_rules(subject, column)
        found += text_rules(subject, column)
    return [*found, *table.pairs(subject), *table.unique_shares(subject, fields)]


def _closer(subject: Subject) -> Closer:
    fields = subject.scan.fields
    matched = {f.name: patterns_of(subject, f) for f in fields}
    return Closer(
        counted=[f.name for f in fields if has_few_values(subject, f)],
        matched={name: patterns for name, patterns in matched.items() if patterns},
        keys=table.key_candidates(subject, fields),
        pairs=table.pair_candidates(subject, fields),
    )


def _fields(
    dataset: Dataset, described: Sequence[tuple[str, str]]
) -> tuple[list[Field], list[str]]:
    """Return the columns to measure, and those that the yml does not know.

    A suite may only name columns of the yml.
    """
    known = {column.name: column for column in dataset.columns}
    fields, unknown = [], []
    for name, kind in described:
        if name in BOOKKEEPING:
            continue
        if known and name not in known:
            unknown.append(name)
            continue
        fields.append(Field(name, kind, pii=bool(name in known and known[name].pii)))
    return fields, unknown


def _sampled(connection: Connection, relation: Relation, rows: int) -> str:
    """Keep a sample, so that both statements see the same rows, and return its name."""
    connection.execute(
        f"create or replace temp table {_SAMPLE} as select * from {relation.quoted} "
        f"using sample reservoir({int(rows)} rows) repeatable (1)"
    )
    return _SAMPLE


def _counted(scan: Scan) -> list[tuple[int, int]]:
    return [(group.day.weekday() if group.day else 0, group.rows) for group in scan.groups]


def _row_counts(
    connection: Connection, relation: Relation, subject: Subject
) -> list[tuple[int, int]]:
    """Count all rows, which a sample cannot tell."""
    day = quote("_partition") if subject.scan.partitioned else "null"
    rows = connection.execute(
        f"select {day}, count(*) from {relation.quoted} group by 1"
    ).fetchall()
    subject.scan.statements += 1
    return [(found.weekday() if found else 0, count) for found, count in rows]


def _once(proposed: Sequence[Expectation]) -> tuple[Expectation, ...]:
    """Give each expectation a name of its own: two of the same kind may be about one column."""
    taken: set[str] = set()
    named = []
    for expectation in proposed:
        name, number = expectation.name, 2
        while name in taken:
            name, number = f"{expectation.name}_{number}", number + 1
        taken.add(name)
        named.append(expectation.model_copy(update={"name": name}))
    return tuple(named)
