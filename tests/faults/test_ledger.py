"""The ledger on a server that goes away in the middle of a statement, and comes back."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.postgres import end_connections, new_database

from assetops.ledger import Ledger
from assetops.ledger.landed import Memory, Seen
from assetops.model import Batch, Release, Severity, Status, Verdict

PASSED = Verdict(check="known", severity=Severity.CRITICAL, status=Status.PASSED, expected="it is")
BATCH = Batch(source="a/b", file=Path("b.csv"), fingerprint="1", as_of=datetime(2026, 1, 5))
RELEASE = Release(id="1", created_at=datetime(2026, 1, 5), run_id="run", tables={})
SEEN = Seen("2026-01-05", 10, 1, "1", decided=True)

# What is told, each in its way, and how often it is there then.
TOLD: dict[str, tuple[Callable[[Ledger], object], Callable[[Ledger], int]]] = {
    "results": (
        # An iterator is not there twice.
        lambda ledger: ledger.record_results("a/b", iter([PASSED]), state="1", run_id="run"),
        lambda ledger: len(ledger.results_on("a/b", "1")),
    ),
    "rejections": (
        lambda ledger: ledger.record_rejection(BATCH, ["bad"], run_id="run"),
        lambda ledger: len(ledger.rejections("a/b")),
    ),
    "publications": (
        lambda ledger: ledger.record_publication("1", "published", run_id="run"),
        lambda ledger: len(ledger.publications()),
    ),
    "releases": (lambda ledger: ledger.reconcile_releases([RELEASE]), lambda ledger: 1),
    "landed files": (
        lambda ledger: Memory(ledger).keep("a/b", iter([SEEN])),
        lambda ledger: len(Memory(ledger).of("a/b")),
    ),
}


@pytest.fixture
def ledger(postgres_server: sa.URL) -> Iterator[Ledger]:
    ledger = Ledger(new_database(postgres_server, "surviving"))
    yield ledger
    ledger._engine.dispose()


@pytest.mark.parametrize("what", TOLD)
def test_what_is_told_while_the_server_goes_away_is_there_once(ledger: Ledger, what: str):
    tell, count = TOLD[what]
    ended = []

    @sa.event.listens_for(ledger._engine, "before_cursor_execute")
    def end(*words: Any) -> None:
        if not ended and words[2].startswith(("INSERT", "DELETE")):
            ended.append(words[2])
            end_connections(ledger._engine.url.render_as_string(hide_password=False))

    tell(ledger)
    assert ended
    assert count(ledger) == 1


def test_what_is_wrong_with_a_statement_is_said_at_once(ledger: Ledger):
    asked = []
    sa.event.listen(ledger._engine, "before_cursor_execute", lambda *words: asked.append(words[2]))
    with pytest.raises(sa.exc.DBAPIError):
        ledger.record_publication("1", "x" * 10, run_id="run", at="no time")  # type: ignore[arg-type]
    assert len(asked) <= 1
