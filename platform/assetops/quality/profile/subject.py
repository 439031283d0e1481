"""What the rules of a draft are told: the dataset, its scan, and who says what already."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from assetops.model import Dataset, Severity
from assetops.quality.profile.scan import NUMBER, Field, Measures, Scan
from assetops.quality.suites.reading import Expectation
from assetops.quality.suites.words import check_name

# With fewer rows, a rule is a guess: it may warn, and may not block.
ENOUGH_ROWS = 100
_ID_ENDINGS = ("_id", "_key", "_uuid", "_guid")


@dataclass
class Subject:
    """One dataset to draft for; collects what is left to others, and why."""

    dataset: Dataset
    scan: Scan
    as_of: datetime | None = None
    sampled: bool = False
    # Columns of the table that the yml does not have.
    unknown: Sequence[str] = ()
    left: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows were looked at."""
        return self.scan.whole.rows

    @property
    def batched(self) -> bool:
        """Whether the suite will judge one landing file at a time."""
        return self.dataset.contract.ingest is not None

    @property
    def daily(self) -> bool:
        """Whether a file lands per day, and holds what that day brought."""
        ingest = self.dataset.contract.ingest
        return ingest is not None and ingest.partition is not None

    @property
    def key(self) -> tuple[str, ...]:
        """The key that the contract of a source names."""
        ingest = self.dataset.contract.ingest
        return ingest.key if ingest else ()

    def of(self, column: Field) -> Measures:
        """Return what was measured of a column in the whole table."""
        return self.scan.whole.columns[column.name]

    def each_day(self, column: Field) -> list[tuple[int, Measures]]:
        """Return rows and measures of a column in each partition that has rows."""
        return [(g.rows, g.columns[column.name]) for g in self.scan.groups if g.rows]

    def identifies(self, column: Field) -> bool:
        """Whether a column's values stand for things, and have no range or distribution."""
        name = column.name.lower()
        return name in ("id", "key", "uuid") or name.endswith(_ID_ENDINGS) or name in self._single

    @property
    def _single(self) -> tuple[str, ...]:
        return self.key if len(self.key) == 1 else ()

    def left_to_dbt(self, kind: str, column: str | None) -> bool:
        """Whether a dbt test of the dataset says it already; if so, the draft tells."""
        for test in self.dataset.tests:
            if test.kind == kind and test.column == column:
                self.left.append(f"{column or 'the table'}: the dbt test {test.name} says it")
                return True
        return False

    def severity(self, wanted: Severity, *, rows: int | None = None) -> Severity:
        """Return the wanted severity, or a warning where too few rows stand behind it."""
        few = (self.rows if rows is None else rows) < ENOUGH_ROWS
        return Severity.WARNING if few and wanted is Severity.CRITICAL else wanted


Rule = Callable[[Subject, Field], "list[Expectation]"]


def propose(
    kind: str, severity: Severity, reason: str, *, name: str | None = None, **kwargs: Any
) -> Expectation:
    """Return an expectation with its reason and a name that it keeps."""
    return Expectation(
        name=re.sub(r"[^A-Za-z0-9]+", "_", name or check_name(kind, kwargs)).strip("_"),
        type=kind,
        kwargs=kwargs,
        severity=severity,
        description=reason,
    )


def number(value: Any) -> str:
    """Show a figure in a reason: 12,340 and 412.5."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.2f}" if abs(value) >= 0.1 else f"{value:.3g}"
    return f"{int(value):,}"


def counted(count: int, thing: str) -> str:
    """Say how many there are: 1 file, 60 files."""
    return f"{number(count)} {thing}" + ("" if count == 1 else "s")


def is_amount(column: Field) -> bool:
    """Whether a column has fractions, as money and measurements have."""
    return column.family is NUMBER and not column.whole
