"""Every way in which a landing file is bad: named, quarantined, and nothing changed by it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Rewrite = Callable[[bytes], bytes]


def lines(change: Callable[[list[str]], list[str]]) -> Rewrite:
    """Return a rewrite of a text file's lines."""
    return lambda data: ("\n".join(change(data.decode().splitlines())) + "\n").encode()


def cell(row: int, column: int, value: str) -> Rewrite:
    """Return a rewrite of one cell of a CSV; row 0 is the header."""

    def change(rows: list[str]) -> list[str]:
        cells = rows[row].split(",")
        cells[column] = value
        return [*rows[:row], ",".join(cells), *rows[row + 1 :]]

    return lines(change)


def reordered(rows: list[str]) -> list[str]:
    return [",".join([c[1], c[0], *c[2:]]) for c in (row.split(",") for row in rows)]


CASES = {
    "malformed CSV": (
        "orders",
        lines(lambda r: [*r[:3], 'a,"b', *r[3:]]),
        [":4:", "unterminated quote"],
    ),
    "a row with too few columns": (
        "orders",
        lines(lambda r: [*r[:3], "1,2", *r[3:]]),
        [":4:", "Found: 2"],
    ),
    "truncated Parquet": ("order_items", lambda data: data[: len(data) // 2], ["whole parquet"]),
    "a broken JSON line": (
        "web_events",
        lines(lambda r: [*r[:4], r[4][:-9], *r[5:]]),
        [":5:", "no json"],
    ),
    "a JSON line that is no object": ("web_events", lines(lambda r: ["[1]", *r]), ["row 1"]),
    "an unknown JSON key": (
        "web_events",
        lines(lambda r: [r[0][:-1] + ',"colour":"red"}', *r[1:]]),
        ["'colour'", "row 1"],
    ),
    "a missing column": (
        "orders",
        lines(lambda r: [row.rsplit(",", 1)[0] for row in r]),
        ["missing updated_at"],
    ),
    "an extra column": ("orders", lines(lambda r: [row + ",1" for row in r]), ["unknown 1"]),
    "reordered columns": ("orders", lines(reordered), ["another order", "customer_id, order_id"]),
    "a wrong type": ("orders", cell(2, 7, "much"), ["order_total", "'much'", "row 2", "DECIMAL"]),
    "a number that would be rounded": ("orders", cell(1, 0, "17.5"), ["order_id", "'17.5'"]),
    "an empty file": ("orders", lambda data: b"", ["empty"]),
    "a header and no rows": ("orders", lines(lambda r: r[:1]), ["no rows"]),
    "duplicate keys": ("orders", lines(lambda r: [*r, r[1]]), ["order_id", "rows 1,"]),
    "a null key": ("orders", cell(3, 0, ""), ["order_id", "row 3"]),
    "a negative total": ("orders", cell(1, 7, "-5.00"), ["order_total", "1 of"]),
    "an unknown status": ("orders", cell(1, 5, "teleported"), ["status", "teleported"]),
    "another encoding": (
        "customers",
        lambda data: data.decode().replace("a", "é").encode("latin-1"),
        ["UTF-8"],
    ),
    "UTF-16": ("orders", lambda data: data.decode().encode("utf-16"), ["UTF-8"]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_file_is_quarantined_and_everything_else_is_as_before(shop, case):
    source, rewrite, words = CASES[case]
    file = shop.file(source)
    file.write_bytes(rewrite(file.read_bytes()))
    before = shop.state()

    outcome = shop.build()

    said = "\n".join(failure.reason for failure in outcome.failures)
    assert outcome.exit_code == 1, said
    for word in [file.name, *words]:
        assert word.lower() in said.lower(), said
    assert shop.state() == before
    place = quarantined(shop.root, source)
    assert (place / file.name).read_bytes() == file.read_bytes()
    reasons = json.loads((place / "reasons.json").read_text())["reasons"]
    assert shop.platform.ledger.rejections(f"retail/{source}")[0]["reasons"] == reasons
    assert all(reason in said for reason in reasons)


def quarantined(root: Path, source: str) -> Path:
    (place,) = (root / "data/dev/quarantine/retail" / source).iterdir()
    return place
