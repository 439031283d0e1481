"""Two tables are compared by bucket, and where a bucket differs, by key."""

from typing import Any

import duckdb
import pytest

from assetops.model import Severity, Verdict
from assetops.quality.reconcile import SHOWN, Comparison, Side
from assetops.quality.reconcile.canonical import Dialect, Form, form_of, readable

FORMS = {"id": Form.WHOLE, "email": Form.TEXT, "total": Form.DECIMAL, "seen": Form.MOMENT}


@pytest.fixture
def connection() -> Any:
    with duckdb.connect() as connection:
        connection.execute(
            "create table here as select i::bigint as id, 'p' || i || '@example.com' as email, "
            "(i / 4)::decimal(12, 2) as total, "
            "timestamp '2026-01-01' + interval (i) minute as seen from range(5000) t(i)"
        )
        # Other order, other scale, other kind of whole number: the same values.
        connection.execute(
            "create table there as select id::integer as id, email, total::decimal(20, 6) as total,"
            " seen from here order by id desc"
        )
        yield connection


def compared(connection: Any, *, pii: tuple[str, ...] = ()) -> Verdict:
    def ask(sql: str) -> Any:
        return connection.execute(sql).fetchall()

    sides = [Side(name, Dialect.DUCKDB, name, ask) for name in ("here", "there")]
    comparison = Comparison(forms=FORMS, key=["id"], buckets=64, pii=pii)
    return comparison.verdict(*sides, check="reconciles", severity=Severity.CRITICAL)


def test_the_same_values_reconcile_whatever_their_order_scale_and_width(connection: Any) -> None:
    verdict = compared(connection)
    assert (verdict.status.value, verdict.rows) == ("passed", 5000)


def test_each_key_that_differs_is_shown_with_both_values(connection: Any) -> None:
    connection.execute("update there set total = 1.5, seen = '2026-01-02 03:04:05' where id = 7")
    connection.execute("delete from there where id = 8")
    connection.execute("insert into there values (9000, null, null, null)")
    verdict = compared(connection)
    assert verdict.failing_rows == 3
    by_key = {row["id"]: row for row in verdict.sample}
    assert by_key["7"]["total"] == "1.75 → 1.5"
    assert by_key["7"]["seen"] == "2026-01-01 00:07:00 → 2026-01-02 03:04:05"
    assert "email" not in by_key["7"]
    assert by_key["8"]["found"] == "only here"
    assert by_key["9000"]["found"] == "only in there"
    assert "3 of 64 buckets differ" in verdict.observed
    assert "sum of total" in verdict.observed


def test_null_is_not_an_empty_text_and_a_row_twice_is_not_once(connection: Any) -> None:
    connection.execute("update here set email = null where id = 1")
    connection.execute("update there set email = '' where id = 1")
    connection.execute("insert into there from there where id = 2")
    by_key = {row["id"]: row for row in compared(connection).sample}
    assert by_key["1"]["email"] == "None → "
    assert by_key["2"]["found"] == "1 rows here, 2 in there"


def test_values_that_move_from_one_row_to_another_are_found(connection: Any) -> None:
    connection.execute("update there set total = 7 - total where id in (10, 18)")
    verdict = compared(connection)
    assert {row["id"] for row in verdict.sample} == {"10", "18"}
    assert "rows and sums are the same" in verdict.observed


def test_private_values_are_never_shown(connection: Any) -> None:
    connection.execute("update there set email = 'secret@example.com', total = 0 where id = 5")
    verdict = compared(connection, pii=("email", "id", "total"))
    assert verdict.sample == (
        {"id": "•••", "found": "differs", "email": "••• → •••"} | {"total": "••• → •••"},
    )
    assert "example.com" not in verdict.model_dump_json()
    assert "sum of total" not in verdict.observed


def test_the_first_keys_stand_for_the_rest(connection: Any) -> None:
    connection.execute("update there set total = total + 1")
    verdict = compared(connection)
    assert len(verdict.sample) == SHOWN
    assert "64 of 64 buckets differ" in verdict.observed


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("DECIMAL(18,3)", Form.DECIMAL),
        ("UBIGINT", Form.WHOLE),
        ("TIMESTAMP WITH TIME ZONE", Form.MOMENT),
        ("STRUCT(a INTEGER)", None),
        ("INTEGER[]", None),
    ],
)
def test_types_without_a_canonical_text_have_none(kind: str, form: Form | None) -> None:
    assert form_of(kind) is form


def test_a_float_is_compared_by_its_bits_and_shown_as_a_number() -> None:
    assert readable(f"{0x3FF8000000000000:064b}", Form.FLOAT) == "1.5"
