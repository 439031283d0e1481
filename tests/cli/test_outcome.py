"""How a command says that it has ended."""

import pytest

from assetops.cli.outcome import Outcome
from assetops.cli.progress import AssetRow


@pytest.mark.parametrize(
    ("warned", "said"),
    [(0, "All checks passed in 1.5 s."), (2, "No critical check failed; 2 warned, in 1.5 s.")],
)
def test_a_check_that_warned_is_not_called_passed(warned: int, said: str) -> None:
    rows = [AssetRow("marts/orders", passed=3, warned=warned)]
    outcome = Outcome("run", True, rows, [], "", seconds=1.5, checks_only=True)
    assert (outcome.exit_code, outcome.verdict()) == (0, said)
