"""Our words: the things the whole engine speaks of, frozen and free of any framework."""

from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field

from assetops.model.contract import (
    MANUAL,
    ON_SCHEDULE,
    ON_UPDATE,
    ColumnContract,
    Contract,
    Duration,
    Format,
    Ingest,
    Owner,
    Policy,
    ReadyBy,
    Usage,
    Word,
    cron_of,
    timedelta_of,
)
from assetops.model.cron import CRON, Cron, is_cron

__all__ = [
    "CRON",
    "MANUAL",
    "ON_SCHEDULE",
    "ON_UPDATE",
    "ColumnContract",
    "Contract",
    "Cron",
    "Duration",
    "Format",
    "Ingest",
    "Owner",
    "Policy",
    "ReadyBy",
    "Usage",
    "Word",
    "cron_of",
    "is_cron",
    "timedelta_of",
]

# What we write into Dagster's events and read back from them.
EXIT_CODE = "assetops/exit_code"
HELD_ROWS = "assetops/held_rows"
READ_UP_TO = "assetops/read_up_to"  # the newest event when a step began to read
# What stands for a private value wherever a person looks.
MASK = "•••"
# A run with this tag brings in only what is new; any other rebuilds its partitions.
ONLY_PENDING = "assetops/only_pending"
# In a run with this one dbt makes incremental models and seeds anew, as by its own --full-refresh.
FULL_REFRESH = "assetops/full_refresh"
CONTRACT_CHECK = "contract"  # that a landing file keeps it
FRESHNESS_CHECK = "source_freshness"  # that a source has new rows
# Of runs that rebuild the past, in Dagster's queue: behind all others.
BACKFILL_PRIORITY = "-10"


# ------------------------------------------------------------------------------- what there is


class Relation(Word):
    """A table or view in the warehouse."""

    schema_name: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema_name}.{self.name}"

    @property
    def quoted(self) -> str:
        """The relation as SQL, quoted."""
        return f"{quote(self.schema_name)}.{quote(self.name)}"


class Column(Word):
    """A column of a dataset, as its yml documents it."""

    name: str
    description: str = ""
    data_type: str | None = None
    pii: str | None = None
    tags: tuple[str, ...] = ()


class Kind(StrEnum):
    """Where a dataset comes from."""

    SOURCE = "source"
    MODEL = "model"
    SNAPSHOT = "snapshot"
    SEED = "seed"
    PYTHON = "python"


class Severity(StrEnum):
    """What a failed check does: critical blocks, the others warn."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class DbtTest(Word):
    """A dbt test on a dataset, as the manifest names it."""

    name: str
    kind: str = Field(default="", description="Of a generic test: not_null, unique, …")
    severity: Severity
    column: str | None = None
    description: str = ""


class Dataset(Word):
    """A dataset: one entry of the graph, with everything its yml says about it."""

    key: tuple[str, ...]
    kind: Kind
    unique_id: str
    relation: Relation
    description: str
    file: str
    contract: Contract
    columns: tuple[Column, ...] = ()
    tests: tuple[DbtTest, ...] = ()
    parents: tuple[str, ...] = ()
    mart: str = Field(default="", description="Why it is published where no contract says so.")
    publish_as: str | None = Field(default=None, description="Where its own name is taken.")

    @property
    def address(self) -> str:
        """The asset key as a path: what a person types."""
        return "/".join(self.key)

    @property
    def published_key(self) -> tuple[str, str]:
        """The key under which consumers know it."""
        return ("published", self.published_name)

    @property
    def published_name(self) -> str:
        """The name of its table in a release."""
        return self.publish_as or self.key[-1]


# ---------------------------------------------------------------------------- what happens


class Batch(Word):
    """One landing file: the unit that is loaded, or quarantined, whole."""

    source: str
    file: Path
    fingerprint: str
    partition: date | None = None
    as_of: datetime
    # The file's st_ctime_ns when its fingerprint was taken, where that is known.
    changed_ns: int | None = None

    def __str__(self) -> str:
        return f"{self.source} {self.partition}" if self.partition else self.source


class Status(StrEnum):
    """What became of a check; errored is neither passed nor failed."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"


class Verdict(Word):
    """What one check found."""

    check: str
    severity: Severity
    status: Status
    description: str = ""
    partition: str | None = Field(default=None, description="The day that was looked at.")
    expected: str = ""
    observed: Any = None
    failing_rows: int | None = None
    rows: int | None = None
    sampled_of: int | None = Field(
        default=None, description="Rows of the whole table, where only a sample was looked at."
    )
    sample: tuple[dict[str, Any], ...] = ()
    query: str | None = Field(default=None, description="SQL that finds the failing rows.")
    by_row: bool = Field(default=False, description="Whether each row that it finds is bad.")
    error: str | None = None
    docs: str | None = Field(default=None, description="Where its Data Docs page is.")
    expectation: str | None = Field(default=None, description="Its type, where it is GX's.")
    arguments: dict[str, Any] = Field(default={}, description="What the expectation was given.")

    @property
    def blocks(self) -> bool:
        """Whether nothing downstream may be built on what was checked."""
        return self.severity is Severity.CRITICAL and self.status is not Status.PASSED

    @property
    def finding(self) -> str:
        """What was found, in few words; empty where there is nothing to say."""
        if self.status is Status.ERRORED:
            return f"could not run: {self.error}"
        whole = f" of {self.rows}" if self.rows is not None else ""
        whole += " sampled" if self.sampled_of is not None else ""
        counted = f"{self.failing_rows}{whole} rows" if self.failing_rows else ""
        found = f"found {self.observed}" if self.observed is not None else ""
        return ", ".join(filter(None, (counted, found)))

    def sentence(self) -> str:
        """Say in one line what was expected and what was found."""
        if self.status is Status.PASSED:
            return f"{self.check} passed"
        if self.status is Status.ERRORED:
            return f"{self.check} {self.finding}"
        return f"{self.check}: expected {self.expected}" + (self.finding and f"; {self.finding}")


class PublishedTable(Word):
    """One table of a release."""

    fingerprint: str
    rows: int
    data_as_of: datetime | None = None
    verified_in: str = Field(description="The run that verified this content.")


class Release(Word):
    """A set of published tables that were verified together."""

    id: str
    created_at: datetime
    run_id: str
    tables: dict[str, PublishedTable]
    previous: str | None = Field(
        default=None, description="The release that was current when this one was made."
    )

    @property
    def fingerprints(self) -> dict[str, str]:
        """What identifies the content of each table."""
        return {name: table.fingerprint for name, table in self.tables.items()}


def quote(identifier: str) -> str:
    """Return an SQL identifier, quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as an SQL string, for the statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"
