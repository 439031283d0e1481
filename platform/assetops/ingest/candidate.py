"""A landing file as a typed candidate table, or every way in which it breaks its contract."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

from assetops.errors import ContractError, IngestError
from assetops.model import Column, Dataset, Format, Relation, literal, quote
from assetops.warehouse import Connection, SqlError

SHOWN = 5


def make_candidate(
    connection: Connection, file: Path, dataset: Dataset, candidate: Relation
) -> None:
    """Read a landing file into a table of the `candidate` catalog, typed by the contract.

    Raises `IngestError` naming the file, the row or column, and the rule.
    """
    type_candidate(connection, read_text(connection, file, dataset), file, dataset, candidate)


def type_candidate(
    connection: Connection, text: Relation, file: Path, dataset: Dataset, candidate: Relation
) -> None:
    """Make a typed candidate of what was read as text, which goes; raises as `make_candidate`."""
    _reject_wrong_types(connection, text.quoted, file, dataset.columns)
    _cast(connection, text, dataset, candidate, "cast")
    _reject_bad_keys(connection, candidate, file, dataset)
    connection.execute(f"drop table {text.quoted}")


def type_what_fits(
    connection: Connection, text: Relation, dataset: Dataset, candidate: Relation
) -> None:
    """Make a typed candidate of every row that was read as text; what has no type is null."""
    _cast(connection, text, dataset, candidate, "try_cast")
    connection.execute(f"drop table {text.quoted}")


def _cast(
    connection: Connection, text: Relation, dataset: Dataset, candidate: Relation, cast: str
) -> None:
    typed = ", ".join(
        f"{cast}({quote(c.name)} as {c.data_type}) as {quote(c.name)}" for c in dataset.columns
    )
    connection.execute(
        f"create or replace table {candidate.quoted} as select {typed}, _row from {text.quoted}"
    )


def read_text(connection: Connection, file: Path, dataset: Dataset) -> Relation:
    """Read the file into a table of text columns and `_row`; raises as `make_candidate`."""
    for column in dataset.columns:
        if column.data_type is None:
            raise ContractError(
                f"{dataset.file}: {dataset.key[-1]}.{column.name} has no data_type, "
                "which an ingested column needs."
            )
    # In memory: a candidate is thrown away, so nothing of it needs to reach the disk.
    connection.execute("attach if not exists ':memory:' as candidate")
    ingest = dataset.contract.ingest
    assert ingest is not None  # callers pass ingested sources
    if file.stat().st_size == 0:
        raise IngestError(f"{file.name} is empty: expected at least one row. Send it again.")
    read = {Format.CSV: _csv, Format.JSONL: _jsonl, Format.PARQUET: _parquet}[ingest.format]
    text = Relation(schema_name="candidate", name="__".join(dataset.key) + "__text")
    try:
        query = read(connection, file, dataset.columns)
        connection.execute(f"create or replace table {text.quoted} as {query}", [str(file)])
    except SqlError as error:
        raise IngestError(f"{_cause(error, file, ingest.format)} Send it again.") from None
    row = connection.execute(f"select count(*) from {text.quoted}").fetchone()
    if row == (0,):
        raise IngestError(f"{file.name} has no rows: expected at least one. Send it again.")
    return text


def _csv(connection: Connection, file: Path, columns: Sequence[Column]) -> str:
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            header = next(csv.reader(opened, strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise IngestError(
            f"{file.name}:1: cannot be read as UTF-8 CSV: {error}. Save it as UTF-8."
        ) from None
    _reject_other_columns(file, header, columns, where=":1")
    names = ", ".join(f"{literal(c.name)}: 'VARCHAR'" for c in columns)
    return (
        "select row_number() over () as _row, * from read_csv(?, header = true, "
        f"auto_detect = false, columns = {{{names}}}, delim = ',', quote = '\"', escape = '\"', "
        "strict_mode = true, null_padding = false, nullstr = '')"
    )


def _jsonl(connection: Connection, file: Path, columns: Sequence[Column]) -> str:
    objects = "read_json_objects(?, format = 'newline_delimited')"
    # Most lines have the same keys: their names are told apart once for each set of them.
    found = connection.execute(
        "with alike as materialized (select json_type(json) = 'OBJECT' as fits, "
        "json_keys(json) as keys, min(n) as n "
        f"from (select row_number() over () as n, json from {objects}) group by all) "
        "select null as key, min(n) as n, 0 as place from alike where fits is not true "
        "having min(n) > 0 union all (select key, min(n), arg_min(place, n) from (select n, "
        "unnest(keys) as key, generate_subscripts(keys, 1) as place from alike) group by key) "
        "order by key is not null, n, place",
        [str(file)],
    ).fetchall()
    if found and found[0][0] is None:
        raise IngestError(f"{file.name}: row {found[0][1]} is no JSON object.")
    known = [c.name for c in columns]
    for key, row, _ in found:
        if key not in known:
            raise IngestError(f"{file.name}: row {row} has a key {key!r}: expected {_list(known)}.")
    missing = [name for name in known if name not in {key for key, *_ in found}]
    if found and missing:
        raise IngestError(f"{file.name}: no row has {_list(missing)}: expected {_list(known)}.")
    # All paths at once: each question by itself would parse the line again.
    paths = ", ".join(literal("$." + quote(name)) for name in known)
    values = ", ".join(f"said[{n}] as {quote(name)}" for n, name in enumerate(known, start=1))
    return (
        f"select row_number() over () as _row, {values} "
        f"from (select json ->> [{paths}] as said from {objects})"
    )


def _parquet(connection: Connection, file: Path, columns: Sequence[Column]) -> str:
    found = connection.execute("describe select * from read_parquet(?)", [str(file)]).fetchall()
    _reject_other_columns(file, [name for name, *_ in found], columns)
    for (name, kind, *_), column in zip(found, columns, strict=True):
        if (kind == "VARCHAR") != is_text(column):
            raise IngestError(
                f"{file.name}: column {name} is {kind}: the contract says {column.data_type}."
            )
    texts = ", ".join(f"cast({quote(c.name)} as varchar) as {quote(c.name)}" for c in columns)
    return f"select row_number() over () as _row, {texts} from read_parquet(?)"


def _reject_other_columns(
    file: Path, found: Sequence[str], columns: Sequence[Column], *, where: str = ""
) -> None:
    known = [column.name for column in columns]
    if list(found) == known:
        return
    missing = [name for name in known if name not in found]
    extra = [name for name in found if name not in known]
    twice = sorted({name for name in found if list(found).count(name) > 1})
    faults = [
        *([f"missing {_list(missing)}"] if missing else []),
        *([f"unknown {_list(extra)}"] if extra else []),
        *([f"twice {_list(twice)}"] if twice else []),
    ]
    fault = "; ".join(faults) or f"in another order: {_list(found)}"
    raise IngestError(f"{file.name}{where}: columns {fault}: the contract says {_list(known)}.")


def _reject_wrong_types(
    connection: Connection, text: str, file: Path, columns: Sequence[Column]
) -> None:
    typed = [c for c in columns if not is_text(c)]
    if not typed:
        return
    counts = connection.execute(
        f"select {', '.join(f'count_if({is_no(c)})' for c in typed)} from {text}"
    ).fetchone()
    assert counts is not None  # an aggregate without GROUP BY always has one row
    faults = [
        _fault(connection, text, column, count)
        for column, count in zip(typed, counts, strict=True)
        if count
    ]
    if faults:
        raise IngestError(f"{file.name}: " + "; ".join(faults) + ".")


def _fault(connection: Connection, text: str, column: Column, count: int) -> str:
    """Say which is the first row whose text is no value of the column's type."""
    found = connection.execute(
        f"select _row, {quote(column.name)} from {text} where {is_no(column)} order by _row limit 1"
    ).fetchone()
    assert found is not None  # it was counted
    return (
        f"{column.name}: {_shown(found[1], column)} in row {found[0]} is no {column.data_type}"
        + (f" (and {count - 1} more)" if count > 1 else "")
    )


def is_text(column: Column) -> bool:
    """Say whether every text is a value of the column's type."""
    return (column.data_type or "").upper().startswith("VARCHAR")


def is_no(column: Column) -> str:
    """Return SQL that is true where a text is no value of the column's type, without rounding."""
    name, kind = quote(column.name), column.data_type or ""
    bad = f"{name} is not null and try_cast({name} as {kind}) is null"
    if any(number in kind.upper() for number in ("INT", "DECIMAL", "NUMERIC")):
        exact = "decimal(38, 10)"
        bad = (
            f"({bad}) or cast(try_cast({name} as {kind}) as {exact}) <> try_cast({name} as {exact})"
        )
    return bad


def _reject_bad_keys(
    connection: Connection, candidate: Relation, file: Path, dataset: Dataset
) -> None:
    ingest = dataset.contract.ingest
    assert ingest is not None
    if not ingest.key:
        return
    key = ", ".join(quote(name) for name in ingest.key)
    empty = " or ".join(f"{quote(name)} is null" for name in ingest.key)
    nulls = connection.execute(
        f"select count(*), min(_row) from {candidate.quoted} where {empty}"
    ).fetchone()
    if nulls and nulls[0]:
        raise IngestError(
            f"{file.name}: row {nulls[1]} has no {_list(ingest.key)}, which is the key"
            + (f" (and {nulls[0] - 1} more)." if nulls[0] > 1 else ".")
        )
    twice = connection.execute(
        f"select list(_row order by _row), count(*) over () from {candidate.quoted} "
        f"group by {key} having count(*) > 1 order by min(_row) limit {SHOWN}"
    ).fetchall()
    if twice:
        rows = "; ".join(f"rows {', '.join(map(str, found[:SHOWN]))}" for found, _ in twice)
        raise IngestError(
            f"{file.name}: {twice[0][1]} of the keys ({_list(ingest.key)}) occur more than once: "
            f"{rows}."
        )


def _cause(error: Exception, file: Path, kind: Format) -> str:
    """Return where a file is broken and how, without the data that DuckDB would quote."""
    said = str(error)
    if kind is Format.JSONL:
        return _broken_line(file) or f"{file.name} cannot be read as JSON Lines."
    if kind is Format.PARQUET:
        return f"{file.name} is no whole Parquet file: was it cut off on its way?"
    line = re.search(r"CSV Error on Line: (\d+)", said)
    reason = re.search(
        r"Expected Number of Columns: \d+ Found: \d+|Value with unterminated quote"
        r"|[Ii]nvalid unicode|Maximum line size of \d+ bytes exceeded",
        said,
    )
    where = f"{file.name}:{line[1]}" if line else file.name
    return f"{where}: is no CSV as RFC 4180 has it: {reason[0] if reason else 'cannot be read'}."


def _broken_line(file: Path) -> str | None:
    with file.open("rb") as opened:
        for number, line in enumerate(opened, start=1):
            try:
                json.loads(line.strip() or b"null")
            except UnicodeDecodeError:
                return f"{file.name}:{number}: is not UTF-8."
            except json.JSONDecodeError as error:
                return f"{file.name}:{number}: is no JSON: {error.msg} (column {error.colno})."
    return None


def _shown(value: object, column: Column) -> str:
    return "a value" if column.pii else repr(value)


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
