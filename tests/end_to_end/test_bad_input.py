"""Every way in which a landing file is bad: named, quarantined, and nothing changed by it."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.conftest import Shop

from assetops.cli.outcome import Outcome

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


@dataclass(frozen=True)
class Broken:
    """A shop in which many files were bad at once, each on a day of its own, and was built."""

    shop: Shop
    files: Mapping[str, Path]
    before: Mapping[str, Any]
    outcome: Outcome

    @property
    def said(self) -> str:
        return "\n".join(failure.reason for failure in self.outcome.failures)


# A source may have sent nothing on some days.
AT_ONCE = 6


def rounds() -> list[dict[str, int]]:
    """Return the cases of each build, and how old the file is that each of them makes bad."""
    found: list[dict[str, int]] = []
    seen: Counter[str] = Counter()
    for case, (source, _, _) in CASES.items():
        number, back = divmod(seen[source], AT_ONCE)
        seen[source] += 1
        if number == len(found):
            found.append({})
        found[number][case] = back
    return found


@pytest.fixture(scope="module")
def broken(built, tmp_path_factory) -> Callable[[str], Broken]:
    @cache
    def build(number: int) -> Broken:
        shop = built.copied(tmp_path_factory.mktemp("broken"))
        files = {}
        for case, back in rounds()[number].items():
            source, rewrite, _ = CASES[case]
            files[case] = sorted((shop.landing / source).iterdir())[-1 - back]
            files[case].write_bytes(rewrite(files[case].read_bytes()))
        return Broken(shop, files, shop.state(), shop.build())

    return lambda case: build(next(n for n, cases in enumerate(rounds()) if case in cases))


@pytest.mark.parametrize("case", CASES)
def test_a_bad_file_is_quarantined_and_everything_else_is_as_before(broken, case):
    source, _, words = CASES[case]
    found = broken(case)
    file = found.files[case]

    assert found.outcome.exit_code == 1, found.said
    assert found.shop.state() == found.before
    (place,) = (
        place
        for place in (found.shop.root / "data/dev/quarantine/retail" / source).iterdir()
        if (place / file.name).exists()
    )
    assert (place / file.name).read_bytes() == file.read_bytes()
    reasons = json.loads((place / "reasons.json").read_text())["reasons"]
    assert all(reason in found.said for reason in reasons)
    (remembered,) = (
        rejection["reasons"]
        for rejection in found.shop.platform.ledger.rejections(f"retail/{source}")
        if rejection["file"] == file.name
    )
    assert remembered == reasons
    for word in [file.name, *words]:
        assert word.lower() in "\n".join(reasons).lower(), reasons


def test_one_bad_file_alone_holds_back_the_build(shop):
    file = shop.file("orders")
    file.write_bytes(CASES["a negative total"][1](file.read_bytes()))
    before = shop.state()
    outcome = shop.build()
    assert outcome.exit_code == 1
    assert [failure.step for failure in outcome.failures] == ["ingest_retail_orders"]
    assert shop.state() == before
