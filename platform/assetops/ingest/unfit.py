"""Rows that cannot be typed, or told apart by their key: set aside one by one, as they landed."""

from dataclasses import dataclass

from assetops.ingest.candidate import is_no, is_text
from assetops.model import Column, Dataset, Relation, literal, quote
from assetops.warehouse import Connection


@dataclass(frozen=True)
class Unfit:
    """The rows of a file that do not keep its contract, though the file does."""

    table: Relation
    count: int
    fault: str


def set_aside(
    connection: Connection, text: Relation, dataset: Dataset, candidate: Relation
) -> tuple[Relation, int]:
    """Move the rows that break the contract out of a table of texts; return where, and how many.

    They have `_broke`, the values that can be typed, and in `_as_landed` the text of the others.
    All rows with the same key go: nothing in the file says which of them is right.
    """
    unfit = Relation(schema_name="candidate", name=candidate.name + "__unfit")
    columns = {column.name: column for column in dataset.columns}
    ingest = dataset.contract.ingest
    key = [columns[name] for name in ingest.key] if ingest else []
    judged = ", ".join(
        f"coalesce({is_no(c)}, false) as {_bad(c)}" for c in columns.values() if not is_text(c)
    )
    typed = ", ".join(f"{_value(c)} as {quote(c.name)}" for c in columns.values())
    connection.execute(
        f"create or replace table {unfit.quoted} as with judged as "
        f"(select *{', ' if judged else ''}{judged} from {text.quoted}){_repeated(key)} "
        f"select {typed}, _row, {_faults(dataset, key)} as _broke, {_texts(dataset)} as _as_landed "
        f"from judged {_beside_repeated(key)} where len(_broke) > 0"
    )
    row = connection.execute(
        f"delete from {text.quoted} where _row in (select _row from {unfit.quoted})"
    ).fetchone()
    return unfit, int(row[0]) if row else 0


def _bad(column: Column) -> str:
    return quote(f"_no_{column.name}")


def _value(column: Column) -> str:
    name = f"judged.{quote(column.name)}"
    if is_text(column):
        return name
    return f"case when not {_bad(column)} then try_cast({name} as {column.data_type}) end"


def _repeated(key: list[Column]) -> str:
    if not key:
        return ""
    values = ", ".join(f"{_value(c)} as {quote(f'_key_{c.name}')}" for c in key)
    names = ", ".join(quote(f"_key_{c.name}") for c in key)
    return (
        f", repeated as (select {names}, true as _again from (select {values} from judged) "
        f"group by {names} having count(*) > 1)"
    )


def _beside_repeated(key: list[Column]) -> str:
    # What has no key equals no other.
    same = " and ".join(f"{quote(f'_key_{c.name}')} = {_value(c)}" for c in key)
    return f"left join repeated on {same}" if key else ""


def _faults(dataset: Dataset, key: list[Column]) -> str:
    faults = [
        (_bad(c), f"contract: {c.name} is no {c.data_type}")
        for c in dataset.columns
        if not is_text(c)
    ]
    faults += [(f"judged.{quote(c.name)} is null", f"contract: it has no {c.name}") for c in key]
    if key:
        names = ", ".join(column.name for column in key)
        faults.append(("_again", f"contract: its key ({names}) is there more than once"))
    cases = ", ".join(f"case when {when} then {literal(said)} end" for when, said in faults)
    return f"list_filter(cast([{cases}] as varchar[]), lambda said: said is not null)"


def _texts(dataset: Dataset) -> str:
    entries = ", ".join(
        f"{{'k': {literal(c.name)}, 'v': case when {_bad(c)} then judged.{quote(c.name)} end}}"
        for c in dataset.columns
        if not is_text(c)
    )
    listed = f"cast([{entries}] as struct(k varchar, v varchar)[])"
    return f"map_from_entries(list_filter({listed}, lambda entry: entry.v is not null))"
