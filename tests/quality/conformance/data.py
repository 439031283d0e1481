"""The tables that both engines look at: what a case is about, with one thing at a time made odd."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

COLUMNS = {
    "order_id": "i",
    "third": "i % 3",
    "gaps": "case when i % 4 = 0 then null else i end",
    "name": "'item-' || i",
    "letter": "case when i < 5 then 'a' else 'b' end",
    "same": "i",
    "down": "10 - i",
    "money": "i::decimal(12, 2)",
    "pair": "array[i, i + 1]",
    "doc": """'{"n": ' || i || '}'""",
    "day": "'2026-01-0' || (i % 9 + 1)",
    "moment": "timestamp '2026-01-01 10:00:00' + i * interval '1 hour'",
}
# Each name is a trap of its own: SQLAlchemy's parameters, LIKE, quoting, keywords, case.
ODD = dict(
    zip(
        COLUMNS,
        (
            *("Order Id", "select", 'g"ap"s', "na.me", "50% off", ":same", "dôwn ↓", "UPPER"),
            *("it's", "from:to", "a%(b)s", "{batch}"),
        ),
        strict=True,
    )
)


@dataclass(frozen=True)
class Table:
    """A table, and how a case's columns are called in it."""

    name: str
    rows: str
    named: Mapping[str, str]

    def renamed(self, value: Any) -> Any:
        """Return an expectation's arguments, about this table's names."""
        if isinstance(value, Mapping):
            return {k: self.renamed(v) if _names(k) else v for k, v in value.items()}
        if isinstance(value, list):
            return [self.renamed(item) for item in value]
        if callable(value):
            return value(self.named)
        return self.named.get(value, value) if isinstance(value, str) else value


def _names(argument: str) -> bool:
    return "column" in argument or argument == "row_condition"


def _select(cell: Callable[[int, str], str], named: Mapping[str, str], rest: str = "") -> str:
    cells = (
        '{} as "{}"'.format(cell(n, sql), named[name].replace('"', '""'))
        for n, (name, sql) in enumerate(COLUMNS.items())
    )
    return f"select {', '.join(cells)} from generate_series(0, 9) as t(i) {rest}"


def _with_gaps(n: int, sql: str) -> str:
    return f"case when (i + {n}) % 3 = 0 then null else {sql} end"


_SAME = {name: name for name in COLUMNS}
TABLES = {
    "plain": Table("numbers", _select(lambda _, sql: sql, _SAME), _SAME),
    "null-ridden": Table("gaps", _select(_with_gaps, _SAME), _SAME),
    "all null": Table(
        "nothing", _select(lambda _, sql: f"case when i < 0 then {sql} end", _SAME), _SAME
    ),
    "empty": Table("none", _select(lambda _, sql: sql, _SAME, "where false"), _SAME),
    "oddly named": Table('Odd "50%": tåble.x', _select(_with_gaps, ODD), ODD),
}


def statements() -> Iterator[str]:
    """Return what makes the tables."""
    yield "create schema marts"
    for table in TABLES.values():
        name = table.name.replace('"', '""')
        yield f'create table marts."{name}" as {table.rows}'
