"""Values as text that DuckDB and Postgres write alike, so that both can be hashed on their side."""

import re
import struct
from datetime import UTC, datetime, timedelta
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


_FORMS = {
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
# A decimal's scale is no part of its value: 10.50 is 10.5. Minus zero is zero.
_DUCKDB = {
    Form.WHOLE: "cast({} as varchar)",
    Form.DECIMAL: "case when contains(cast({0} as varchar), '.') "
    "then rtrim(rtrim(cast({0} as varchar), '0'), '.') else cast({0} as varchar) end",
    Form.FLOAT: "cast(cast(cast({} as double) + 0.0::double as bit) as varchar)",
    Form.TEXT: "cast({} as varchar)",
    Form.BOOLEAN: "cast(cast({} as boolean) as varchar)",
    Form.DATE: "strftime({}, '%Y-%m-%d')",
    Form.TIME: "cast(epoch_us({}) as varchar)",
    Form.MOMENT: "cast(epoch_us({}) as varchar)",
    Form.BYTES: "lower(hex({}))",
}
_POSTGRES = {
    Form.WHOLE: "cast(trim_scale(cast({} as numeric)) as text)",
    Form.DECIMAL: "cast(trim_scale(cast({} as numeric)) as text)",
    Form.FLOAT: "cast(cast(('x' || encode(float8send(cast({} as float8) + 0.0), 'hex')) "
    "as bit(64)) as text)",
    Form.TEXT: "cast({} as text)",
    Form.BOOLEAN: "cast(cast({} as boolean) as text)",
    Form.DATE: "to_char({}, 'YYYY-MM-DD')",
    Form.TIME: "cast(cast(extract(epoch from {}) * 1000000 as bigint) as text)",
    Form.MOMENT: "cast(cast(extract(epoch from {}) * 1000000 as bigint) as text)",
    Form.BYTES: "encode({}, 'hex')",
}


def form_of(kind: str) -> Form | None:
    """Return how values of a DuckDB type are written; None for types that have no such form."""
    return next((form for like, form in _FORMS.items() if re.fullmatch(like, kind.upper())), None)


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
    if form is Form.MOMENT:
        return str(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(text)))[:-6]
    if form is Form.TIME:
        return str(timedelta(microseconds=int(text)))
    if form is Form.FLOAT:
        number: float = struct.unpack(">d", int(text, 2).to_bytes(8, "big"))[0]
        return str(number)
    return text
