"""The tables of the quality benchmark, their rules, and the same rules as SQL by hand."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

COLUMNS = 50
MAIL = "^[^@ ]+@[^@ ]+$"


def orders(bad: bool) -> str:
    """Return the columns of the narrow table; three rules have a few rows that break them."""
    number = "if(i % 500000 = 7, i - 1, i)" if bad else "i"
    mail = "if(i % 500000 = 11, ' none', '{0}')" if bad else "{0}"
    mail = mail.replace("'{0}'", "{0}").format("'user' || hash(i) % 1000000 || '@example.com'")
    status = "['paid', 'open', 'sent'][(1 + hash(i) % 3)::int]"
    status = f"if(i % 500000 = 13, 'lost', {status})" if bad else status
    return (
        f"{number} as order_id, hash(i) % 100000 as customer_id, {mail} as email, "
        f"((hash(i + 7) % 100000) / 100)::decimal(12, 2) as total, {status} as status, "
        "(1 + hash(i + 1) % 9)::int as quantity, "
        "timestamp '2026-01-01' + to_seconds(i % 86400) as created_at, "
        "timestamp '2026-01-02' + to_seconds(i % 86400) as updated_at, "
        "'X' || lpad((i % 10000)::varchar, 6, '0') as sku"
    )


def wide() -> str:
    """Return the columns of the wide table: numbers and words, one after the other."""
    return ", ".join(
        f"((i * {k + 3}) % 1000)::int as c{k}" if k % 2 else f"'w' || (i * {k + 3}) % 10 as c{k}"
        for k in range(COLUMNS)
    )


def make(path: Path, table: str, rows: int) -> None:
    """Write a table into a file of its own."""
    columns = wide() if table == "wide" else orders(table == "bad")
    with duckdb.connect(path) as connection:
        connection.execute(f"create table t as select {columns} from range({rows}) as r(i)")


# ------------------------------------------------------------- the rules, and the same as one query

Rule = tuple[str, dict[str, Any], str]
COLUMN = "expect_column_values_to_"


_STATUS = {"column": "status", "value_set": ["paid", "open", "sent"]}
_TIMES = {"column_A": "updated_at", "column_B": "created_at"}
NARROW: list[Rule] = [
    ("expect_table_row_count_to_be_between", {"min_value": 1}, "count(*)"),
    (f"{COLUMN}not_be_null", {"column": "order_id"}, "count(order_id)"),
    (f"{COLUMN}be_unique", {"column": "order_id"}, "count(distinct order_id)"),
    (f"{COLUMN}not_be_null", {"column": "customer_id"}, "count(customer_id)"),
    (
        f"{COLUMN}match_regex",
        {"column": "email", "regex": MAIL},
        f"count_if(not regexp_matches(email, '{MAIL}'))",
    ),
    (
        f"{COLUMN}be_between",
        {"column": "total", "min_value": 0, "max_value": 1000},
        "count_if(total < 0 or total > 1000)",
    ),
    (f"{COLUMN}be_in_set", _STATUS, "count_if(status not in ('paid', 'open', 'sent'))"),
    (
        f"{COLUMN}be_between",
        {"column": "quantity", "min_value": 1, "max_value": 9},
        "count_if(quantity < 1 or quantity > 9)",
    ),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {**_TIMES, "ignore_row_if": "either_value_is_missing"},
        "count_if(updated_at <= created_at)",
    ),
    (
        "expect_column_mean_to_be_between",
        {"column": "total", "min_value": 400, "max_value": 600},
        "avg(total)",
    ),
    (
        "expect_column_max_to_be_between",
        {"column": "updated_at", "max_value": "2026-01-03 00:00:00"},
        "max(updated_at)",
    ),
    (
        "expect_column_value_lengths_to_equal",
        {"column": "sku", "value": 7},
        "count_if(length(sku) <> 7)",
    ),
]


def rules(table: str) -> list[Rule]:
    """Return each expectation: its type, its arguments, and the aggregate written by hand."""
    if table != "wide":
        return NARROW
    return [rule for k in range(COLUMNS) for rule in wide_rules(f"c{k}", number=bool(k % 2))]


def wide_rules(column: str, number: bool) -> Iterable[Rule]:
    """Yield four rules about one column."""
    of: dict[str, Any] = {"column": column}
    yield f"{COLUMN}not_be_null", of, f"count({column})"
    if number:
        bounds = {**of, "min_value": 0, "max_value": 999}
        outside = f"count_if({column} < 0 or {column} > 999)"
        yield f"{COLUMN}be_between", bounds, outside
        yield "expect_column_max_to_be_between", bounds, f"max({column})"
        yield "expect_column_mean_to_be_between", bounds, f"avg({column})"
        return
    words = [f"w{n}" for n in range(10)]
    listed = ", ".join(f"'{word}'" for word in words)
    yield f"{COLUMN}be_in_set", {**of, "value_set": words}, f"count_if({column} not in ({listed}))"
    likes = f"count_if(not regexp_matches({column}, '^w'))"
    yield f"{COLUMN}match_regex", {**of, "regex": "^w"}, likes
    lengths = {**of, "min_value": 1, "max_value": 9}
    outside = f"count_if(length({column}) < 1 or length({column}) > 9)"
    yield "expect_column_value_lengths_to_be_between", lengths, outside


SAMPLES = [
    "order_id in (select order_id from t group by order_id having count(*) > 1)",
    f"not regexp_matches(email, '{MAIL}')",
    "status not in ('paid', 'open', 'sent')",
]
