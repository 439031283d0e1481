"""Landing files as a source would drop them: whole or not there, and the same bytes every time."""

import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from retail.simulate.draws import Ints


def publish(path: Path, content: pa.Buffer) -> None:
    """Put a whole file at `path`, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with beside.open("xb") as file:
            file.write(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def as_csv(table: pa.Table) -> pa.Buffer:
    """Return the table as CSV with a header and no quotes."""
    sink = pa.BufferOutputStream()
    sink.write((",".join(table.column_names) + "\n").encode())
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    csv.write_csv(table, sink, options)
    return sink.getvalue()


def as_parquet(table: pa.Table) -> pa.Buffer:
    """Return the table as one Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="snappy")
    return sink.getvalue()


def as_jsonl(table: pa.Table) -> pa.Buffer:
    """Return the table as JSON Lines; its texts must need no escape and not be missing."""
    pieces: list[Any] = []
    opening = '{"'
    for name, column in zip(table.column_names, table.columns, strict=True):
        text = pa.types.is_string(column.type) or pa.types.is_timestamp(column.type)
        value = column.cast(pa.string())
        if column.null_count:
            value = pc.coalesce(value, "null")
        mark = '"' if text else ""
        pieces += [f'{opening}{name}":{mark}', value]
        opening = f'{mark},"'
    closing = opening[:-2] + "}\n"
    lines = pc.binary_join_element_wise(*pieces, closing, "").combine_chunks()
    return lines.buffers()[2].slice(0, pc.sum(pc.binary_length(lines)).as_py())


def dates(days: Ints) -> pa.Array:
    """Return days since 1970 as dates; 0 is none."""
    return pa.array(days.astype(np.int32), pa.int32(), mask=days == 0).cast(pa.date32())


def moments(seconds: Ints, unit: str = "s") -> pa.Array:
    """Return seconds since 1970 as timestamps."""
    return pa.array(seconds, pa.int64()).cast(pa.timestamp("s")).cast(pa.timestamp(unit))


def money(cents: Ints) -> pa.Array:
    """Return cents as decimals with two places."""
    words = np.empty((len(cents), 2), dtype="<i8")
    words[:, 0] = cents
    words[:, 1] = cents >> 63  # the sign fills the upper half of a 128-bit number
    return pa.Array.from_buffers(
        pa.decimal128(12, 2), len(cents), [None, pa.py_buffer(words.tobytes())]
    )


def ids(numbers: Ints) -> pa.Array:
    """Return ids; 0 is none."""
    return pa.array(numbers, pa.int64(), mask=numbers == 0)


def words(choices: tuple[str, ...], index: npt.NDArray[Any]) -> pa.Array:
    """Return the choice at each index."""
    return pa.array(choices, pa.string()).take(pa.array(index, pa.int64()))


def padded(numbers: Ints, width: int) -> pa.Array:
    """Return numbers as texts with leading zeros."""
    return pc.utf8_lpad(pa.array(numbers, pa.int64()).cast(pa.string()), width, "0")


def join(*pieces: Any) -> pa.Array:
    """Return the pieces (texts or columns of texts) as one column."""
    return pc.binary_join_element_wise(*pieces, "")
