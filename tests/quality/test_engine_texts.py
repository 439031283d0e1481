"""Texts that only Python can judge: nothing is taken for a date that dateutil does not read."""

import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

from assetops.model import Status
from assetops.quality.engine import texts
from assetops.quality.engine.texts import PARSEABLE, is_a_date

# Thousands of texts, each judged in the same few lines.
pytestmark = pytest.mark.no_cover

DATEUTIL = "expect_column_values_to_be_dateutil_parseable"
MONTHS = "January Feb Mar April May Jun July Aug September Oct Nov December".split()
ODD = ["", "2026", "0001-01-01", "2026-02-30", "2026-13-01", "31/31/2026", "2026-01-01T24:00"]
ODD += ["2026-01-01 ", "2026-01-01\n", "2026-01-01T10:00+15:00", "May", "10:00", "soon", "1.5e9"]


def dates(seed: int) -> Iterator[str]:
    """Yield texts that are dates, or nearly so."""
    of = random.Random(seed)
    while True:
        year, month, day = of.choice(["2026", "1000", "9999", "2024", "0999"]), "", ""
        month, day = f"{of.randint(0, 13):02}", f"{of.randint(0, 32):02}"
        name = of.choice(MONTHS)
        numbers = [(year, month, day), (month, day, year), (day, month, year)]
        named = [f"{day} {name} {year}", f"{name} {day}, {year}", f"{name} {day} {year}"]
        date = of.choice([*(of.choice("-/.").join(parts) for parts in numbers), *named])
        time = of.choice(["", f"{of.randint(0, 24):02}:{of.randint(0, 60):02}"])
        time += of.choice(["", f":{of.randint(0, 60):02}", ":07.123456", ":07.1"]) if time else ""
        zone = of.choice(["", "Z", "+02:00", "-14:30", "+15:00"]) if time else ""
        yield f"{date}{of.choice([' ', 'T'])}{time}{zone}" if time else date


def test_what_the_pattern_takes_for_a_date_dateutil_reads() -> None:
    drawn = [text for text, _ in zip(dates(7), range(20_000), strict=False)]
    taken = {text for text in [*drawn, *ODD] if re.match(PARSEABLE, text)}
    assert [text for text in taken if not is_a_date(text)] == []
    # And it is of use: it takes most of what can be read.
    assert len(taken) > 0.6 * len({text for text in drawn if is_a_date(text)})
    assert taken.isdisjoint(ODD[:7])


def test_every_text_gets_the_answer_that_dateutil_gives(
    database: duckdb.DuckDBPyConnection, expecting: Callable[..., Any], judged: Callable[..., Any]
) -> None:
    drawn = [*[text for text, _ in zip(dates(11), range(1500), strict=False)], *ODD]
    database.execute("create or replace table marts.orders (order_id int, day varchar)")
    database.execute("insert into marts.orders select 0, unnest($1::varchar[])", [[*drawn, None]])
    verdict = judged(expecting(DATEUTIL, "dates", column="day"))["dates"]
    bad = [text for text in drawn if not is_a_date(text)]
    assert verdict.failing_rows == len(bad) > 100
    found = database.execute(f"select day from ({verdict.query}) order by 1").fetchall()
    assert [text for (text,) in found] == sorted(bad, key=str.encode)


@pytest.mark.parametrize(("bad", "failing"), [("'soon ' || i", 40), ("null", 0)])
def test_only_what_python_must_judge_counts_against_what_can_be_named(
    database: duckdb.DuckDBPyConnection,
    expecting: Callable[..., Any],
    judged: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    bad: str,
    failing: int,
) -> None:
    monkeypatch.setattr(texts, "MOST_VALUES", 10)
    database.execute(
        "create or replace table marts.orders as select i as order_id, if(i % 2 = 0, "
        f"strftime(date '2026-01-01' + i::int, '%Y-%m-%d'), {bad}) as day from range(80) t(i)"
    )
    verdict = judged(expecting(DATEUTIL, "dates", column="day"))["dates"]
    assert (verdict.failing_rows, verdict.rows) == (failing, 80)


def test_dates_that_are_no_text_are_an_error(
    database: duckdb.DuckDBPyConnection, expecting: Callable[..., Any], judged: Callable[..., Any]
) -> None:
    verdict = judged(expecting(DATEUTIL, "dates", column="updated_at"))["dates"]
    assert verdict.status is Status.ERRORED
    assert verdict.error == "updated_at must be text, and holds a datetime"
