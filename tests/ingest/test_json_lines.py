"""What JSON lines hold comes in, and what does not fit is named where it begins."""

from pathlib import Path

import duckdb
import pytest

from assetops.errors import IngestError
from assetops.ingest.candidate import make_candidate
from assetops.model import Column, Contract, Dataset, Ingest, Kind, Relation

ODD = ["id", "a b", "it's", "$.q"]
CANDIDATE = Relation(schema_name="candidate", name="retail__events")


def taken(tmp_path: Path, columns: list[str], text: str) -> list[tuple[str | None, ...]]:
    """Return the rows of a candidate made from lines."""
    ingest = Ingest.model_validate({"path": "events.jsonl", "format": "jsonl", "key": []})
    dataset = Dataset(
        key=("retail", "events"),
        kind=Kind.SOURCE,
        unique_id="source.shop.retail.events",
        description="",
        relation=Relation(schema_name="raw", name="events"),
        file="sources.yml",
        columns=tuple(Column(name=name, data_type="VARCHAR") for name in columns),
        contract=Contract(ingest=ingest),
    )
    file = tmp_path / "events.jsonl"
    file.write_text(text)
    with duckdb.connect() as connection:
        make_candidate(connection, file, dataset, CANDIDATE)
        found = connection.execute(f"select * exclude (_row) from {CANDIDATE.quoted} order by _row")
        return found.fetchall()


def test_values_are_found_under_any_name_and_missing_ones_are_null(tmp_path: Path) -> None:
    lines = """{"id": 1.50, "a b": "x y", "it's": true, "$.q": {"n": [1]}}
{"$.q": "", "id": "null"}
"""
    assert taken(tmp_path, ODD, lines) == [
        ("1.5", "x y", "true", '{"n":[1]}'),
        ("null", None, None, ""),
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('{"id": 1}\n[1]\n{"zz": 2}\n3\n', "row 2 is no JSON object"),
        ('null\n{"id": 1}\n', "row 1 is no JSON object"),
        ('{"id": 1}\n{"id": 1, "zz": 1, "aa": 2}\n{"aa": 1}\n', "row 2 has a key 'zz'"),
        ('{"id": 1}\n{"id": 2}\n', "no row has name"),
    ],
)
def test_what_does_not_fit_is_named_where_it_begins(tmp_path: Path, lines: str, said: str) -> None:
    with pytest.raises(IngestError, match=said):
        taken(tmp_path, ["id", "name"], lines)
