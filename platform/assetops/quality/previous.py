"""Yesterday's figures as parameters: what the checks of an asset observed the last time."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from assetops.model import Verdict
from assetops.quality.suites import Suite
from assetops.quality.suites.parameters import PREVIOUS
from assetops.quality.suites.reading import Expectation

_OWN = "previous_value"
_ROWS = "previous_row_count"
_COUNTS = "expect_table_row_count_to_"
_NOTHING_YET = "There is nothing earlier to compare with yet."


def compared(
    suite: Suite, recall: Callable[[], Mapping[str, Verdict]]
) -> tuple[Suite, dict[str, Any]]:
    """Return a suite whose checks know what they observed before, and the parameters for it.

    A bound that has nothing to be compared with, because the check is new, is left out: the first
    figure is accepted, and the next one is compared with it.

    Args:
        suite: The expectations; `previous_value` in one of them is its own last figure.
        recall: Returns, by check, the last verdict on other content that did not block; not asked
            for a suite that compares nothing.
    """
    if not any(_compares(expectation) for expectation in suite.expectations):
        return suite, {}
    before = recall()
    rows = _rows(suite, before)
    known: dict[str, Any] = {} if rows is None else {_ROWS: rows}
    expectations = []
    for expectation in suite.expectations:
        own = f"{_OWN}_of_{expectation.name}"
        last = before.get(expectation.name)
        if last is not None and (figure := _figure(last.observed)) is not None:
            known[own] = figure
        missing = {_OWN} if last is None else set()
        missing |= {_ROWS} if rows is None else set()
        expectations.append(_asking(expectation, own, missing))
    return suite.model_copy(update={"expectations": tuple(expectations)}), known


def _compares(expectation: Expectation) -> bool:
    """Say whether an expectation compares itself with an earlier figure."""
    return any(
        name in str(value.get("$PARAMETER", ""))
        for value in expectation.kwargs.values()
        if isinstance(value, Mapping)
        for name in PREVIOUS
    )


def _asking(expectation: Expectation, own: str, missing: set[str]) -> Expectation:
    """Return an expectation that asks for its own figure by name, and for none that is missing."""
    kwargs, left_out = {}, False
    for name, value in expectation.kwargs.items():
        if isinstance(value, Mapping) and "$PARAMETER" in value:
            expression = str(value["$PARAMETER"])
            if missing & set(re.findall(r"\w+", expression)):
                left_out = True
                continue
            value = {"$PARAMETER": re.sub(rf"\b{_OWN}\b", own, expression)}
        kwargs[name] = value
    said = f"{expectation.description} {_NOTHING_YET}".strip()
    description = said if left_out else expectation.description
    return expectation.model_copy(update={"kwargs": kwargs, "description": description})


def _rows(suite: Suite, before: Mapping[str, Verdict]) -> int | None:
    """Return how many rows there were: as a check of that says, or as those of all rows counted."""
    counted: list[int] = []
    for expectation in suite.expectations:
        last = before.get(expectation.name)
        if last is None:
            continue
        if expectation.type.startswith(_COUNTS) and isinstance(last.observed, int):
            return last.observed
        if last.rows is not None and not expectation.kwargs.get("row_condition"):
            counted.append(last.sampled_of or last.rows)
    return max(counted, default=None)


def _figure(observed: Any) -> Any:
    if isinstance(observed, str):
        try:
            return datetime.fromisoformat(observed)
        except ValueError:
            return None
    return observed if isinstance(observed, int | float) else None
