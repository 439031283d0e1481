"""The two sides of a comparison: how each is asked, and in which form their columns are written."""

from collections.abc import Sequence

from assetops.errors import CheckCouldNotRun, did_you_mean
from assetops.quality.reconcile import Row, Side
from assetops.quality.reconcile.canonical import Dialect, Form, form_of, shared_form
from assetops.warehouse import Connection, SqlError


def side_in_duckdb(name: str, connection: Connection, table: str) -> Side:
    """Return a table that a connection to DuckDB reaches, quoted or a query in parentheses."""

    def ask(sql: str) -> Sequence[Row]:
        try:
            rows: list[Row] = connection.execute(sql).fetchall()
        except SqlError as error:
            raise incomparable(error) from None
        return rows

    types = {column: kind for column, kind, *_ in ask(f"describe select * from {table}")}
    return Side(name, Dialect.DUCKDB, table, ask, types)


def incomparable(error: BaseException) -> CheckCouldNotRun:
    """Return what went wrong without its text, which may quote a value."""
    return CheckCouldNotRun(f"the tables cannot be compared: {type(error).__name__}")


def forms_of(
    here: Side, there: Side, columns: Sequence[str], key: Sequence[str]
) -> dict[str, Form]:
    """Return how each compared column is written; both tables have to have it.

    Raises `CheckCouldNotRun` if one is not there, or has no form that both can write.
    """
    names = [*key, *columns] if columns else [*here.types, *key]
    forms, strange = {}, []
    for name in dict.fromkeys(names):
        for side in (here, there):
            if name not in side.types:
                near = did_you_mean(name, side.types)
                raise CheckCouldNotRun(f"{side.name} has no column {name}.{near}")
        mine, theirs = (form_of(side.types[name], side.dialect) for side in (here, there))
        shared = shared_form(mine, theirs) if mine and theirs else None
        if shared is None:
            types = " and ".join(dict.fromkeys(side.types[name] for side in (here, there)))
            strange.append(f"{name} ({types})")
        else:
            forms[name] = shared
    if strange:
        raise CheckCouldNotRun(
            f"{', '.join(strange)} cannot be compared: name the others in reconcile.columns."
        )
    return forms
