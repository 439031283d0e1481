"""What is counted for less work is counted the same: with nulls, with none, and over no rows."""

from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from great_expectations.core import id_dict
from great_expectations.util import convert_to_json_serializable

from assetops.quality.engine import plans
from assetops.quality.engine.counting import count_of
from assetops.quality.engine.dialect import DuckDBDialect

a: sa.ColumnClause[Any] = sa.column("a")
b: sa.ColumnClause[Any] = sa.column("b")
word: sa.ColumnClause[Any] = sa.column("word")
EITHER = sa.or_(a > 1, b > 1)

# Each condition, and whether its column still has to be asked whether it is there.
CONDITIONS = [
    (a.is_(None), False),
    (a.is_not(None), True),
    (sa.and_(a.is_not(None), sa.not_(sa.and_(a >= 1, a <= 2))), False),
    (sa.and_(a.is_not(None), a < sa.literal(2)), False),
    (sa.and_(a.is_not(None), sa.not_(a.in_([1, 2]))), False),
    (sa.and_(a.is_not(None), sa.not_(a.in_([]))), True),
    (sa.and_(word.is_not(None), sa.not_(word.op("~")("^w"))), False),
    (sa.and_(word.is_not(None), sa.not_(word.like("w%"))), False),
    (sa.and_(word.is_not(None), sa.func.length(word) != 2), False),
    (sa.and_(word.is_not(None), sa.func.coalesce(word, "none") == "none"), True),
    (sa.and_(a.is_not(None), sa.not_(sa.func.coalesce(a, 9) < 5)), True),
    (sa.and_(a.is_not(None), b > 1), True),
    (sa.and_(a.is_not(None), b.is_not(None), a > b), False),
    (sa.and_(a.is_not(None), EITHER), True),
    (sa.and_(a.is_not(None), sa.or_(a > 1, sa.literal(1) == 1)), True),
    (sa.not_(a.is_distinct_from(b)), False),
]


def written(clause: Any) -> str:
    return str(clause.compile(dialect=DuckDBDialect(), compile_kwargs={"literal_binds": True}))


@pytest.mark.parametrize(("condition", "asked"), CONDITIONS, ids=lambda value: str(value)[:60])
def test_a_count_is_what_gx_would_count(condition: Any, asked: bool) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "create table t as select a.v as a, b.v as b, word.v as word "
            "from (values (null), (1), (2), (3)) a(v), (values (null), (1), (2)) b(v), "
            "(values (null), ('w1'), ('v'), ('')) word(v)"
        )
        ours = written(count_of([condition], sa.func.count_if))
        theirs = written(sa.func.sum(sa.case((condition, 1), else_=0)))
        for rows in ("t", "(from t where a is not null)", "(from t where false)"):
            found = connection.execute(
                f"select coalesce({ours}, 0), coalesce({theirs}, 0) from {rows}"
            ).fetchone()
            assert found is not None and found[0] == found[1], (ours, rows)
    assert ("IS NOT NULL" in ours) is asked, ours


def test_conditions_are_counted_together() -> None:
    kept = [a.is_not(None), b.is_not(None)]
    assert written(count_of([*kept, a > b], sa.func.count_if)) == "count_if(a > b)"
    assert written(count_of([], sa.func.count_if)) == "count(*)"


@pytest.mark.parametrize(
    "values",
    [
        {"column": "a", "batch_id": "b"},
        {"a": 1.5, "b": float("nan"), "c": float("inf"), "d": None, "e": True},
        {"set": ["a", 1, None, [2]], "other": {"x": float("nan")}},
        {"set": {1}, "when": sa.func.now},
    ],
)
def test_a_metric_has_the_id_that_gx_gives_it(values: dict[str, Any]) -> None:
    def of(convert: Any) -> Any:
        try:
            return convert(dict(values))
        except TypeError:
            return "no JSON"

    assert plans.id_dict is id_dict
    assert of(id_dict.convert_to_json_serializable) == of(convert_to_json_serializable)
