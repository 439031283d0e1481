"""How a command says that it has ended."""

import pytest

from assetops.cli.outcome import Outcome
from assetops.cli.progress import AssetRow, Failure


@pytest.mark.parametrize(
    ("warned", "errored", "said"),
    [
        (0, 0, "All checks passed in 1.5 s."),
        (2, 0, "No critical check failed; 2 warned, in 1.5 s."),
        (2, 1, "No critical check failed; 2 warned, 1 errored, in 1.5 s."),
    ],
)
def test_a_check_that_warned_or_could_not_run_is_not_called_passed(
    warned: int, errored: int, said: str
) -> None:
    rows = [AssetRow("marts/orders", passed=3, warned=warned, errored=errored)]
    outcome = Outcome("run", True, rows, [], "", seconds=1.5, checks_only=True)
    assert (outcome.exit_code, outcome.verdict()) == (0, said)


@pytest.mark.parametrize(
    ("publication", "said"),
    [
        (
            "Built and checked",
            "The data is bad. Nothing was published: consumers see what they saw.",
        ),
        (
            "Release A is published",
            "The data is bad. Release A is published: nothing in it is made from what failed.",
        ),
    ],
)
def test_a_failure_beside_the_marts_is_not_called_a_failure_to_publish(
    publication: str, said: str
) -> None:
    outcome = Outcome("run", False, [], [Failure("gate", "bad", 1)], publication)
    assert (outcome.exit_code, outcome.verdict()) == (1, said)
