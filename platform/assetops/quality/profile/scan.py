"""What a table holds, measured in two statements: one over all columns, one over what qualifies.

Both ask for the whole table and for each of its partitions at once. What they keep in memory is
sketches and the counts of few values, whatever the number of rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from assetops.model import quote
from assetops.quality.profile.patterns import Pattern
from assetops.warehouse import Connection

NUMBER, TEXT, TIME, BOOLEAN, OTHER = "number", "text", "time", "boolean", "other"
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL", "FLOAT", "DOUBLE")


@dataclass(frozen=True)
class Field:
    """A column to be measured."""

    name: str
    type: str
    pii: bool = False

    @property
    def family(self) -> str:
        """What kind of values it has, as far as rules are concerned."""
        kind = self.type.upper().removeprefix("U")
        if kind.endswith("]"):
            return OTHER
        if kind.startswith(_NUMBERS):
            return NUMBER
        if kind.startswith("DATE") or kind.startswith("TIMESTAMP"):
            return TIME
        return {"VARCHAR": TEXT, "BOOLEAN": BOOLEAN}.get(kind, OTHER)

    @property
    def whole(self) -> bool:
        """Whether it has whole numbers by its type."""
        return self.family is NUMBER and not self.type.startswith(("DEC", "FLO", "DOU"))


@dataclass(frozen=True)
class Measures:
    """What was measured of one column, in the table or in one partition."""

    values: int = 0
    distinct: int = 0
    least: Any = None
    greatest: Any = None
    quantiles: tuple[float, ...] = ()
    mean: float | None = None
    shortest: int = 0
    longest: int = 0
    true: int = 0
    of_the_day: int = 0


@dataclass
class Group:
    """The table, or one of its partitions."""

    day: date | None
    rows: int
    columns: dict[str, Measures]
    counts: dict[str, dict[Any, int]] = field(default_factory=dict)
    matches: dict[str, dict[str, int]] = field(default_factory=dict)
    ordered: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Closer:
    """What the second statement looks at."""

    counted: Sequence[str] = ()
    matched: Mapping[str, Sequence[Pattern]] = field(default_factory=dict)
    keys: Sequence[tuple[str, ...]] = ()
    pairs: Sequence[tuple[str, str]] = ()

    def __bool__(self) -> bool:
        return bool(self.counted or self.matched or self.keys or self.pairs)


@dataclass
class Scan:
    """A table, as measured so far."""

    connection: Connection
    table: str
    fields: Sequence[Field]
    # SQL for the day that a row's batch landed on: a column, or the day of the one file.
    day: str | None = None
    partitioned: bool = False
    statements: int = 0
    whole: Group = field(init=False)
    days: list[Group] = field(init=False, default_factory=list)
    repeated: dict[tuple[str, ...], int] = field(init=False, default_factory=dict)

    @property
    def groups(self) -> list[Group]:
        """The partitions; the whole table where it has none."""
        return self.days or [self.whole]

    def measure(self) -> None:
        """Measure every column, in one statement."""
        wanted = [list(_aggregates(f, self.day)) for f in self.fields]
        asked = ["count(*)", *(sql for column in wanted for _, sql in column)]
        for day, rows, *answers in self._ask(asked):
            at = iter(answers)
            columns = {
                f.name: _measures(f, {name: next(at) for name, _ in column})
                for f, column in zip(self.fields, wanted, strict=True)
            }
            self._keep(Group(day, rows, columns))

    def look_closer(self, closer: Closer) -> None:
        """Count values, patterns, repeated keys and ordered pairs, in one statement."""
        if not closer:
            return
        asked = [f"histogram({quote(name)})" for name in closer.counted]
        for name, patterns in closer.matched.items():
            asked += [f"count_if({_matches(name, p)})" for p in patterns]
        for a, b in closer.pairs:
            both = f"{quote(a)} is not null and {quote(b)} is not null"
            asked += [f"count_if({both})", f"count_if({quote(a)} > {quote(b)})"]
        asked += [self._repeated(key) for key in closer.keys]
        groups = {None: self.whole} | {group.day: group for group in self.days}
        for day, *answers in self._ask(asked):
            at = iter(answers)
            group = groups[day]
            group.counts = {name: dict(next(at) or {}) for name in closer.counted}
            group.matches = {
                name: {p.regex: next(at) for p in patterns}
                for name, patterns in closer.matched.items()
            }
            group.ordered = {pair: (next(at), next(at)) for pair in closer.pairs}
            self.repeated = {key: next(at) for key in closer.keys}

    def _ask(self, asked: Sequence[str]) -> list[tuple[Any, ...]]:
        self.statements += 1
        aggregates = ", ".join(asked)
        if not self.partitioned:
            sql = f"select null, {aggregates} from {self.table}"
        else:
            sql = (
                f"select _partition, {aggregates} from {self.table} "
                "group by grouping sets ((), (_partition)) "
                "having grouping(_partition) = 1 or _partition is not null order by _partition"
            )
        return self.connection.execute(sql).fetchall()

    def _repeated(self, key: Sequence[str]) -> str:
        """Return SQL that counts a key's repetitions; a GROUP BY can spill, a count distinct not.

        A source's key is unique within its partition.
        """
        columns = ", ".join(map(quote, ["_partition"] * self.partitioned + list(key)))
        given = " and ".join(f"{quote(name)} is not null" for name in key)
        return (
            f"(select count(*) from (select 1 from {self.table} where {given} "
            f"group by {columns} having count(*) > 1))"
        )

    def _keep(self, group: Group) -> None:
        if group.day is None:
            self.whole = group
        else:
            self.days.append(group)


def _aggregates(column: Field, day: str | None) -> Iterator[tuple[str, str]]:
    """Yield what is asked of a column: the name of a measure, and its SQL."""
    name = quote(column.name)
    yield "values", f"count({name})"
    if column.family is OTHER:
        return
    yield "distinct", f"approx_count_distinct({name})"
    if column.pii:
        # Shape alone: what a person's data is never leaves the database.
        if column.family is TEXT:
            yield "shortest", f"min(length({name}))"
            yield "longest", f"max(length({name}))"
    elif column.family is BOOLEAN:
        yield "true", f"count_if({name})"
    elif column.family is TEXT:
        yield "least", f"min({name})"
        yield "greatest", f"max({name})"
        yield "shortest", f"min(length({name}))"
        yield "longest", f"max(length({name}))"
    elif column.family is NUMBER:
        number = f"cast({name} as double)"
        finite = f"filter (isfinite({number}))"
        yield "least", f"min({number}) {finite}"
        yield "greatest", f"max({number}) {finite}"
        yield "quantiles", f"approx_quantile({number}, [0.01, 0.5, 0.99]) {finite}"
        yield "mean", f"avg({number}) {finite}"
    else:
        time = f"cast({name} as timestamp)"
        finite = f"filter (isfinite({time}))"
        yield "least", f"min({time}) {finite}"
        yield "greatest", f"max({time}) {finite}"
        if day:
            yield "of_the_day", f"count_if(cast({time} as date) = {day})"


def _measures(column: Field, found: Mapping[str, Any]) -> Measures:
    given = {name: value for name, value in found.items() if value is not None}
    if column.family is TIME:
        # Years that Python cannot hold come as texts, and make no bound.
        if not all(isinstance(given.get(end), datetime) for end in ("least", "greatest")):
            given = {k: v for k, v in given.items() if k not in ("least", "greatest")}
    if "quantiles" in given:
        given["quantiles"] = tuple(given["quantiles"])
    return Measures(**given)


def _matches(name: str, pattern: Pattern) -> str:
    return f"regexp_full_match({quote(name)}, {literal(pattern.regex)})"


def literal(text: str | datetime | date) -> str:
    """Return a value as an SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"
