"""Every expectation on every kind of data, by DuckDB and by GX's own pandas engine."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from tests.processes import made_once
from tests.quality.cases import CASES
from tests.quality.conformance.data import TABLES, statements
from tests.quality.conformance.differences import ALL, page_rows, pairs
from tests.quality.conformance.edges import EDGES
from tests.quality.conformance.judges import Answer, Asked, Judges, full
from tests.quality.conftest import expect, suite_of

from assetops.model import Relation, Status
from assetops.quality.engine import Validator

PAGE = Path(__file__).parents[3] / "docs" / "quality" / "conformance.md"
BASE: Asked = [(kind, kwargs) for kind, case in CASES.items() for kwargs in case[:2]]
# It is not a column that these speak of, but the table's names as such, or a query's own.
NAMES = ("table_columns_", "unexpected_rows_expectation")
# The edges are tried where nulls are among the values, under plain and under odd names.
NULL_RIDDEN = ("null-ridden", "oddly named")

Answers = dict[str, list[Answer]]


def asked_of(data: str) -> Asked:
    cases = [*BASE, *EDGES] if data in NULL_RIDDEN else BASE
    return [(kind, TABLES[data].renamed(kwargs)) for kind, kwargs in cases]


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for statement in statements():
            connection.execute(statement)
        yield connection


@pytest.fixture(scope="module")
def judges(database: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> Judges:
    path = tmp_path_factory.mktemp("conformance") / "published.duckdb"
    database.execute(f"attach '{path}' as published; copy from database memory to published")
    database.execute("detach published")
    path.chmod(0o444)
    return Judges(path)


def asked_once(folder: Path, ask: Callable[[], Answers]) -> Answers:
    """Return answers, which the first process of the tests that needs them asks for."""

    def write(place: Path) -> None:
        place.mkdir()
        (place / "answers").write_bytes(pickle.dumps(ask()))

    return pickle.loads((made_once(folder, write) / "answers").read_bytes())


@pytest.fixture(scope="module")
def by_duckdb(judges: Judges, common_folder: Path) -> Answers:
    return asked_once(
        common_folder / "by_duckdb",
        lambda: {name: judges.on_duckdb(t.name, asked_of(name)) for name, t in TABLES.items()},
    )


@pytest.fixture(scope="module")
def by_pandas(database: duckdb.DuckDBPyConnection, judges: Judges, common_folder: Path) -> Answers:
    return asked_once(common_folder / "by_pandas", lambda: asked_of_pandas(database, judges))


def asked_of_pandas(database: duckdb.DuckDBPyConnection, judges: Judges) -> Answers:
    found = {}
    for data in ALL:
        frame = database.execute(f"from marts.{TABLES[data].name}").df()
        # As pandas has numbers with gaps by itself: GX trips over its newer types for them.
        gaps = [name for name in frame.select_dtypes("number") if frame[name].isna().any()]
        found[data] = judges.on_pandas(
            data, frame.astype(dict.fromkeys(gaps, float)), asked_of(data)
        )
    return found


def test_duckdb_and_pandas_differ_where_it_is_said_and_nowhere_else(
    by_duckdb: Answers, by_pandas: Answers
) -> None:
    unlike: dict[tuple[str, str], tuple[object, Answer, Answer]] = {}
    for data, of_pandas in by_pandas.items():
        for (kind, kwargs), ours, theirs in zip(
            asked_of(data), by_duckdb[data], of_pandas, strict=True
        ):
            if not ours.same_as(theirs):
                unlike[kind, data] = (kwargs, ours, theirs)
    known = set(pairs())
    assert {pair: said for pair, said in unlike.items() if pair not in known} == {}
    assert known - unlike.keys() == set(), "these agree by now"


def test_odd_names_change_no_answer(by_duckdb: Answers) -> None:
    unlike = [
        (case, odd, plain)
        for case, odd, plain in zip(
            asked_of("oddly named"), by_duckdb["oddly named"], by_duckdb["null-ridden"], strict=True
        )
        if not case[0].startswith(NAMES) and not odd.same_as(plain)
    ]
    assert unlike == []
    assert {answer.status for answer in by_duckdb["oddly named"]} == {"passed", "failed", "errored"}


def test_nothing_errors_for_another_expectations_reason(by_duckdb: Answers) -> None:
    blamed = {
        str(kwargs["column"])
        for (_, kwargs), answer in zip(
            asked_of("null-ridden"), by_duckdb["null-ridden"], strict=True
        )
        if 'column "no such column"' in answer.error
    }
    assert blamed == {"no such column"}


@pytest.mark.parametrize("data", TABLES)
def test_a_gate_says_what_stock_gx_says(
    database: duckdb.DuckDBPyConnection, by_duckdb: Answers, data: str
) -> None:
    asked = asked_of(data)
    suite = suite_of(*(expect(full(k), str(n), **kwargs) for n, (k, kwargs) in enumerate(asked)))
    relation = Relation(schema_name="marts", name=TABLES[data].name)
    with Validator(database.cursor) as validator:
        verdicts = validator.validate(relation, suite, parameters={})
    unlike = [
        (case, verdict, stock)
        for case, verdict, stock in zip(asked, verdicts, by_duckdb[data], strict=True)
        if verdict.status.value != stock.status
        or (
            verdict.failing_rows is not None and stock.counts[2] not in (None, verdict.failing_rows)
        )
        or (verdict.rows is not None and stock.counts[0] not in (None, verdict.rows))
    ]
    assert unlike == []
    assert all(verdict.error for verdict in verdicts if verdict.status is Status.ERRORED)


def test_the_page_lists_the_differences() -> None:
    written = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert written == list(page_rows())
