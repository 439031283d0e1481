"""Values as text that DuckDB and Postgres write alike, so that both can be hashed on their side."""

import re
import struct
from datetime import datetime, timedelta
from enum import StrEnum

from assetops.model import quote


class Dialect(StrEnum):
    """Whose SQL it is."""

    DUCKDB = "duckdb"
    POSTGRES = "postgres"


class Form(StrEnum):
    """How values of a type are written."""

    WHOLE = "whole"
    DECIMAL = "decimal"
    FLOAT = "float"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    MOMENT = "moment"
    BYTES = "bytes"

    @property
    def is_summed(self) -> bool:
        """Whether sums of it are exact, whatever their order."""
        return self in (Form.WHOLE, Form.DECIMAL)


_OF_DUCKDB = {
    r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER": Form.WHOLE,
    r"DECIMAL\(.*\)": Form.DECIMAL,
    r"FLOAT|DOUBLE": Form.FLOAT,
    r"VARCHAR|UUID|ENUM\(.*\)": Form.TEXT,
    r"BOOLEAN": Form.BOOLEAN,
    r"DATE": Form.DATE,
    r"TIME": Form.TIME,
    r"TIMESTAMP(_S|_MS)?|TIMESTAMP WITH TIME ZONE": Form.MOMENT,
    r"BLOB": Form.BYTES,
}
_OF_POSTGRES = {
    r"smallint|integer|bigint": Form.WHOLE,
    r"numeric(\(.*\))?": Form.DECIMAL,
    r"real|double precision": Form.FLOAT,
    r"text|character( varying)?(\(\d+\))?|uuid|enum": Form.TEXT,
    r"boolean": Form.BOOLEAN,
    r"date": Form.DATE,
    r"time(\(\d\))? without time zone": Form.TIME,
    r"timestamp(\(\d\))? with(out)? time zone": Form.MOMENT,
    r"bytea": Form.BYTES,
}
# Forms of one kind, the plainest first: two sides are compared by the one that both can be put in.
_KINDS = ((Form.WHOLE, Form.DECIMAL, Form.FLOAT), (Form.DATE, Form.MOMENT))
# A decimal's scale is no part of its value: 10.50 is 10.5. Minus zero is zero, and every NaN one.
# Moments may be infinite in both databases, and have no number then.
_DUCKDB = {
    Form.WHOLE: "cast({} as varchar)",
    Form.DECIMAL: "case when contains(cast({0} as varchar), '.') "
    "then rtrim(rtrim(cast({0} as varchar), '0'), '.') else cast({0} as varchar) end",
    Form.FLOAT: "case when isnan(cast({0} as double)) then 'nan' "
    "else cast(cast(cast({0} as double) + 0.0::double as bit) as varchar) end",
    Form.TEXT: "cast({} as varchar)",
    Form.BOOLEAN: "cast(cast({} as boolean) as varchar)",
    Form.DATE: "case when isfinite({0}) then cast({0} - date '1970-01-01' as varchar) "
    "else cast({0} as varchar) end",
    Form.TIME: "cast(epoch_us({}) as varchar)",
    Form.MOMENT: "case when isfinite({0}) then cast(epoch_us({0}) as varchar) "
    "else cast({0} as varchar) end",
    Form.BYTES: "lower(hex({}))",
}
_POSTGRES = {
    Form.WHOLE: "cast(trim_scale(cast({} as numeric)) as text)",
    Form.DECIMAL: "cast(trim_scale(cast({} as numeric)) as text)",
    Form.FLOAT: "case when cast({0} as float8) = 'nan' then 'nan' else "
    "cast(cast(('x' || encode(float8send(cast({0} as float8) + 0.0), 'hex')) as bit(64)) as text) "
    "end",
    Form.TEXT: "cast({} as text)",
    Form.BOOLEAN: "cast(cast({} as boolean) as text)",
    Form.DATE: "case when isfinite({0}) then cast({0} - date '1970-01-01' as text) "
    "else cast({0} as text) end",
    Form.TIME: "cast(cast(extract(epoch from {}) * 1000000 as bigint) as text)",
    Form.MOMENT: "case when isfinite({0}) "
    "then cast(cast(extract(epoch from {0}) * 1000000 as bigint) as text) "
    "else cast({0} as text) end",
    Form.BYTES: "encode({}, 'hex')",
}


def form_of(kind: str, dialect: Dialect = Dialect.DUCKDB) -> Form | None:
    """Return how values of a type are written; None for types that have no such form."""
    known = _OF_DUCKDB if dialect is Dialect.DUCKDB else _OF_POSTGRES
    return next((f for like, f in known.items() if re.fullmatch(like, kind, re.IGNORECASE)), None)


def shared_form(one: Form, other: Form) -> Form | None:
    """Return the form in which values of two are compared; None if they are of different kinds."""
    kind = next((kind for kind in _KINDS if one in kind), (one,))
    return max(one, other, key=kind.index) if other in kind else None


def text_of(column: str, form: Form, dialect: Dialect) -> str:
    """Return SQL for a column's value as canonical text."""
    templates = _DUCKDB if dialect is Dialect.DUCKDB else _POSTGRES
    return templates[form].format(quote(column))


def hash_of(texts: list[str], dialect: Dialect) -> str:
    """Return SQL for a whole number of 60 bits that stands for several canonical texts.

    Each is written with its length before it, so that no two rows are written alike, and null is
    no text.
    """
    row = " || ".join(
        f"coalesce(cast(length({text}) as varchar) || ':' || {text}, '-')" for text in texts
    )
    if dialect is Dialect.DUCKDB:
        return f"cast('0x' || substr(md5({row}), 1, 15) as bigint)"
    # Hashed as UTF-8, whatever the server's encoding.
    digest = f"md5(convert_to({row}, 'UTF8'))"
    return f"cast(cast('x' || substr({digest}, 1, 15) as bit(60)) as bigint)"


def readable(text: str | None, form: Form) -> str | None:
    """Return a canonical text as a person reads it."""
    if text is None:
        return None
    if form in (Form.DATE, Form.MOMENT, Form.TIME, Form.FLOAT) and text.strip("-").isalpha():
        return text  # What is infinite or no number says so itself.
    if form is Form.DATE:
        return _since_1970(timedelta(days=int(text)))[:10]
    if form is Form.MOMENT:
        return _since_1970(timedelta(microseconds=int(text)))
    if form is Form.TIME:
        return str(timedelta(microseconds=int(text)))
    if form is Form.FLOAT:
        number: float = struct.unpack(">d", int(text, 2).to_bytes(8, "big"))[0]
        return str(number)
    return text


def _since_1970(time: timedelta) -> str:
    try:
        return str(datetime(1970, 1, 1) + time)
    except OverflowError:
        return f"{time.days // 365.2425 + 1970:.0f} (a year that Python has no date for)"
