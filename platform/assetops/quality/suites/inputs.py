"""What a suite looks at when that is not a whole table: files in place, a query, a range of rows.

Whatever it is, the engine is handed a relation of the connection that it opens.
"""

import glob
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from assetops.errors import CheckCouldNotRun, did_you_mean, sentence
from assetops.model import Duration, Format, Relation, Word, quote, timedelta_of
from assetops.quality.suites.counterparts import Connection as Variable
from assetops.quality.suites.counterparts import Table
from assetops.quality.suites.parameters import PARAMETERS
from assetops.warehouse import Connection, SqlError

_PREPARED = Relation(schema_name="temp", name="batch_to_check")
_TEMPORARY = re.compile(r'"?\b(?:pg_)?temp\b"?\."?\bbatch_to_check\b"?')
# Where nothing names it anew, it keeps its name: before Postgres 16 a query in FROM must have one.
_UNNAMED = re.compile(
    _TEMPORARY.pattern + r"(?=\s*(?:$|[);]|(?:where|group|order|having|limit|union)\b))", re.I
)
_FORMATS = {".csv": Format.CSV, ".parquet": Format.PARQUET} | dict.fromkeys(
    (".jsonl", ".ndjson", ".json"), Format.JSONL
)
_WAYS = ("files", "query", "range", "partition")


def _bound(value: Any) -> Any:
    """Return a bound of a range: a date or time as ISO 8601 writes it, or one parameter."""
    if isinstance(value, Mapping):
        name = value.get("$PARAMETER")
        if set(value) != {"$PARAMETER"} or name not in PARAMETERS:
            near = did_you_mean(str(name), PARAMETERS) or f" There are {', '.join(PARAMETERS)}."
            raise ValueError(f"it may be one parameter.{near}")
        return str(name)
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError("a bound is a date such as 2026-01-31, a time or a parameter") from None


Bound = Annotated[Any, AfterValidator(_bound)]


class Range(Word):
    """The rows of a table from one moment until before another, by one of its columns."""

    column: str
    last: Duration | None = None
    since: Bound = Field(default=None, alias="from")
    until: Bound = None

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if self.last is None and self.since is None and self.until is None:
            raise ValueError("a range has last, from or until")
        if self.last is not None and (self.since or self.until):
            raise ValueError("a range has either last, or from and until")
        return self


class Input(Word):
    """What a suite looks at: the `meta.assetops.input` of its file."""

    files: str | None = Field(default=None, description="A path with * and ** for many.")
    format: Format | None = None
    query: str | None = Field(default=None, description="In which {table} is the asset's table.")
    range: Range | None = None
    partition: str | None = Field(default=None, description="The column that says the day.")
    connection: Variable | None = Field(
        default=None, description="The environment variable with the URL of a Postgres server."
    )
    table: Table | None = Field(default=None, description="There; by default called as it is here.")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        ways = sum(getattr(self, way) is not None for way in _WAYS)
        if self.connection is not None:
            if ways > 1 or self.files is not None:
                raise ValueError(
                    "a table in Postgres is looked at whole, or by one of query, range, partition"
                )
        elif self.table is not None:
            raise ValueError("a table by another name is in Postgres: name the connection")
        elif ways != 1:
            raise ValueError(f"an input has exactly one of {', '.join(_WAYS)}")
        if self.files is None and self.format is not None:
            raise ValueError("only files have a format")
        if self.files is not None and self.format is None and _suffix(self.files) not in _FORMATS:
            raise ValueError(f"the format of {self.files} is not plain from its name: add format")
        return self

    @property
    def columns(self) -> list[str]:
        """The columns of the asset's table that it needs."""
        return [c for c in (self.partition, self.range and self.range.column) if c]


class Prepared(Word):
    """The relation that a suite is run on."""

    relation: Relation
    made_from: str | None = Field(default=None, description="SQL, if it is there for now only.")

    def lasting(self, query: str) -> str:
        """Return a query on the relation as one that runs when the relation is gone."""
        if self.made_from is None:
            return query
        # As a function: a backslash in the SQL is one.
        named = _UNNAMED.sub(lambda _: f"({self.made_from}) as {_PREPARED.name}", query)
        return _TEMPORARY.sub(lambda _: f"({self.made_from})", named)


def input_mistakes(block: Any) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with an input as a suite's file has it, with the word to look for."""
    try:
        Input.model_validate(block)
    except ValidationError as error:
        for found in error.errors():
            path = [str(part) for part in found["loc"]]
            where = ".".join(["meta.assetops.input", *path])
            word = path[-1] if path else "input"
            if found["type"] == "extra_forbidden":
                known = _keys(Range if path[:-1] else Input)
                yield f"{where} is no key of an input.{did_you_mean(word, known)}", word
            elif found["type"] == "missing":
                yield f"{where} is missing.", path[-2] if path[1:] else "input"
            else:
                yield f"{where}: {sentence(found['msg'])}", word


def prepared(
    connection: Connection,
    looked_at: Input | None,
    table: Relation,
    *,
    base: Path,
    parameters: Mapping[str, Any],
    types: Mapping[str, str | None],
) -> Prepared:
    """Return the relation, of this connection alone, that a suite is to be run on.

    Args:
        connection: What the relation is made on: it is gone when that is closed.
        looked_at: What the suite asks for; the table itself if it asks for nothing.
        table: The asset's own table.
        base: The folder that relative paths start from.
        parameters: The suite's parameters, of which a range may name some.
        types: The columns' types, by which text files are read.

    Raises:
        CheckCouldNotRun: There is nothing to look at, or it cannot be read.
    """
    if looked_at is None:
        return Prepared(relation=table)
    if looked_at.files is not None:
        return _files(connection, looked_at, base, types)
    if looked_at.query is not None:
        query = looked_at.query.replace("{table}", table.quoted).strip().rstrip(";")
        return _made(connection, "view", f"from (\n{query}\n)", "the query of its input")
    where = within(looked_at, parameters)
    return _made(connection, "view", f"from {table.quoted} where {where}", str(table))


def files_state(files: str, base: Path) -> str:
    """Return what tells files in place from what lay there before: their names, sizes and times."""
    stats = [(path, Path(path).stat()) for path in _matching(files, base)]
    seen = [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def _matching(files: str, base: Path) -> list[str]:
    return sorted(glob.glob(str(base / files), recursive=True))


def within(looked_at: Input, parameters: Mapping[str, Any]) -> str:
    """Return the condition, in any SQL, that a row is of an input's range or partition.

    Raises `CheckCouldNotRun` if a parameter of the range has no value.
    """
    column, low, high = _bounds(looked_at, parameters)
    bounds = ((">=", low), ("<", high))
    return " and ".join(f"{quote(column)} {sign} {_sql(at)}" for sign, at in bounds if at)


def _bounds(looked_at: Input, parameters: Mapping[str, Any]) -> tuple[str, Any, Any]:
    if looked_at.partition is not None:
        wanted = (looked_at.partition, "partition_start", "partition_end")
    else:
        assert looked_at.range is not None  # an input is one of four things
        chosen = looked_at.range
        wanted = (chosen.column, "as_of" if chosen.last else chosen.since, chosen.until)
    low, high = (
        _valued(bound, parameters) if isinstance(bound, str) else bound for bound in wanted[1:]
    )
    if looked_at.range and looked_at.range.last:
        low -= timedelta_of(looked_at.range.last)
    return wanted[0], low, high


def _valued(name: str, parameters: Mapping[str, Any]) -> datetime:
    value = parameters.get(name)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise CheckCouldNotRun(f"the input's parameter {name} has no value here.")
    return value


def _sql(moment: datetime) -> str:
    """Return a moment as a literal: a whole day as a date, so that no column has to be cast."""
    if moment.time() == time() and moment.tzinfo is None:
        return f"date '{moment:%Y-%m-%d}'"
    kind = "timestamptz" if moment.tzinfo else "timestamp"
    return f"{kind} '{moment.isoformat(sep=' ')}'"


def _files(
    connection: Connection, looked_at: Input, base: Path, types: Mapping[str, str | None]
) -> Prepared:
    assert looked_at.files is not None
    found = _matching(looked_at.files, base)
    if not found:
        raise CheckCouldNotRun(
            f"No file matches {looked_at.files} in {base}. Let it land, or mend the suite's input."
        )
    kind = looked_at.format or _FORMATS[_suffix(looked_at.files)]
    names = "[" + ", ".join(map(_literal, found)) + "]"
    if kind is Format.PARQUET:
        query = f"from read_parquet({names}, union_by_name = true)"
        return _made(connection, "view", query, looked_at.files)
    if kind is Format.JSONL:
        query = f"from read_json({names}, format = 'newline_delimited', union_by_name = true)"
    else:
        query = _csv(connection, names, types, looked_at.files)
    # Loaded once: as a view, each of the engine's statements would parse the text again.
    return _made(connection, "table", query, looked_at.files)


def _csv(connection: Connection, names: str, types: Mapping[str, str | None], shown: str) -> str:
    read = f"read_csv({names}, header = true, sample_size = -1, union_by_name = true"
    try:
        header = connection.execute(f"describe from {read}, all_varchar = true)").fetchall()
    except SqlError as error:
        raise _unreadable(shown, error) from None
    known = {name: types[name] for name, *_ in header if types.get(name)}
    given = ", ".join(f"{_literal(name)}: {_literal(str(kind))}" for name, kind in known.items())
    return f"from {read}" + (f", types = {{{given}}})" if given else ")")


def _made(connection: Connection, kind: str, query: str, shown: str) -> Prepared:
    made = quote(_PREPARED.name)
    try:
        connection.execute(f"create temp {kind} {made} as {query}")
    except SqlError as error:
        raise _unreadable(shown, error) from None
    return Prepared(relation=_PREPARED, made_from=query)


def _unreadable(shown: str, error: Exception) -> CheckCouldNotRun:
    """Return what is wrong without the data, which DuckDB quotes from a file it cannot read."""
    said = str(error)
    line = re.search(r"CSV Error on Line: (\d+)|in line (\d+)", said)
    where = f", line {line[1] or line[2]}" if line else ""
    # What cannot be bound was not read yet, so that it has no data in it.
    plain = type(error).__name__ in ("BinderException", "CatalogException", "ParserException")
    why = said.splitlines()[0] if plain else type(error).__name__.removesuffix("Exception")
    return CheckCouldNotRun(f"{shown}{where} cannot be read: {why}.")


def _suffix(files: str) -> str:
    return Path(files.removesuffix(".gz")).suffix.lower()


def _keys(word: type[Word]) -> list[str]:
    return [field.alias or name for name, field in word.model_fields.items()]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
