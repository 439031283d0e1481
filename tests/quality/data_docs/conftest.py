"""Results in a ledger, and the pages made of them."""

from collections.abc import Callable

import pytest
from tests.quality.data_docs.results import RUN

from assetops.history import History
from assetops.ledger import Ledger
from assetops.model import Verdict
from assetops.quality.data_docs import DataDocs
from assetops.quality.suites import Suite


@pytest.fixture
def suites() -> dict[str, Suite]:
    """The suites of the project: a test may add one."""
    return {}


@pytest.fixture
def docs(project, ledger: Ledger, suites: dict[str, Suite]) -> DataDocs:
    return DataDocs(
        env="dev",
        history=History(ledger),
        datasets=project.by_address,
        suites=suites,
        runs_shown=20,
    )


@pytest.fixture
def record(ledger: Ledger) -> Callable[..., None]:
    def recorded(*verdicts: Verdict, run: str = RUN, partition: str | None = None) -> None:
        ledger.record_results("marts/orders", verdicts, state=run, run_id=run, partition=partition)

    return recorded
