"""What `assetops check` prints of each check."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from assetops.cli.check import _asked, _rows
from assetops.ledger import Ledger
from assetops.model import Contract, Dataset, DbtTest, Kind, Relation, Severity, Status, Verdict

MART = Dataset(
    key=("marts", "orders"),
    kind=Kind.MODEL,
    unique_id="model.shop.orders",
    relation=Relation(schema_name="marts", name="orders"),
    description="Orders.",
    file="models/marts/orders.yml",
    contract=Contract(),
    tests=(
        DbtTest(name="unique_order_id", severity=Severity.CRITICAL),
        DbtTest(name="known_status", severity=Severity.WARNING),
    ),
)


def test_each_check_that_there_is_says_what_it_found_in_the_words_of_its_severity(
    tmp_path: Path,
) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    failed: dict[str, Any] = {"status": Status.FAILED, "expected": "once", "observed": "[red]3"}
    verdicts = [
        Verdict(check="unique_order_id", severity=Severity.CRITICAL, **failed),
        Verdict(check="known_status", severity=Severity.WARNING, **failed),
        Verdict(check="taken_out_since", severity=Severity.CRITICAL, **failed),
    ]
    ledger.record_results("marts/orders", verdicts, state="now", run_id="one")
    platform: Any = SimpleNamespace(ledger=ledger, suites={}, deep_names=lambda dataset: set())
    asked = _asked(platform, MART, deep=False, freshness=False)
    rows = [[str(cell) for cell in row] for row in _rows(platform, MART, asked)]
    assert rows == [
        ["known_status", "warned", "expected once; found [red]3"],
        ["unique_order_id", "failed", "expected once; found [red]3"],
    ]
