"""Expectations written in SQL: a query per file that returns the failing rows, with arguments."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from string import Formatter
from typing import Any

from assetops.errors import SuiteError
from assetops.model import quote

_TYPE = re.compile(r"^expect(_[a-z][a-z0-9]*)+$")
# What every expectation has already, and a query's argument so cannot be called.
_TAKEN = frozenset(
    "batch_id catch_exceptions condition_parser description id meta notes rendered_content "
    "result_format row_condition severity type unexpected_rows_query windows".split()
)


def sql_arguments(path: Path) -> tuple[str, ...]:
    """Return the arguments of the expectation that an SQL file defines, in their order.

    Raises `SuiteError` if it cannot be one.
    """
    shown = f"plugins/{path.parent.name}/{path.name}"
    if not _TYPE.match(path.stem):
        raise SuiteError(
            f"{shown}: the file's name is the expectation's type: call it expect_<something>.sql, "
            "in small letters."
        )
    try:
        fields = [field for _, field, _, _ in Formatter().parse(_text(path)) if field is not None]
    except ValueError as error:
        raise SuiteError(f"{shown}: a brace has no pair ({error}): double a literal one.") from None
    if "batch" not in fields:
        raise SuiteError(f"{shown}: the query does not read from {{batch}}, what is checked.")
    for field in fields:
        if not field.isidentifier() or field in _TAKEN:
            raise SuiteError(
                f"{shown}: {{{field}}} cannot be an argument's name. Name it otherwise, or double "
                "a literal brace."
            )
    return tuple(dict.fromkeys(field for field in fields if field != "batch"))


def filled_in(path: Path, arguments: Mapping[str, Any]) -> str:
    """Return an SQL file's query with its arguments in it, and {batch} left to be filled in.

    Arguments called `column`, `columns`, `column_…` or `…_column` are columns and quoted as such;
    all others are values, and become literals. A list becomes what may stand between parentheses.
    """
    parts = []
    for text, field, _, _ in Formatter().parse(_text(path)):
        parts.append(_doubled(text))
        if field == "batch":
            parts.append("{batch}")
        elif field is not None:
            parts.append(_doubled(_sql(field, arguments.get(field))))
    return "".join(parts)


def is_column(argument: str) -> bool:
    """Say whether an argument of this name is a column, or several."""
    return argument == "columns" or argument.startswith("column_") or argument.endswith("column")


def _text(path: Path) -> str:
    return path.read_text("utf-8").strip().rstrip(";")


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _sql(argument: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_sql(argument, item) for item in value)
    return quote(str(value)) if is_column(argument) else literal(value)


def literal(value: Any) -> str:
    """Return a value as SQL."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, datetime):
        return f"timestamp '{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    return "'" + str(value).replace("'", "''") + "'"


def query_mistakes(query: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the braces of an `unexpected_rows_query`."""
    try:
        fields = {field for _, field, _, _ in Formatter().parse(query) if field is not None}
    except ValueError as error:
        fields = set()
        yield f"the query has a brace without its pair ({error}): double a literal one.", ""
    for name in fields - {"batch"}:
        yield f"the query has {{{name}}}: only {{batch}} is filled in. Double a literal brace.", ""
    if "batch" not in fields:
        # Without it a candidate's gate would look at some other table.
        yield "the query does not read from {batch}, the table that is checked.", ""
