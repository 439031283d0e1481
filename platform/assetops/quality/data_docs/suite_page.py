"""The page of what a dataset promises: each check in words, its last result and its history."""

from collections.abc import Iterator, Mapping
from typing import Any

from assetops.history import CheckOutcome, History
from assetops.model import Dataset
from assetops.quality.data_docs.rendering import WHOLE, discreet
from assetops.quality.promises import Maker, Promise, promises_of
from assetops.quality.suites import Suite

# How many results of a check are drawn.
SHOWN = 20
TIME = "%Y-%m-%d %H:%M"
_TITLES: Mapping[Maker, str] = {
    Maker.CONTRACT: "The landing file",
    Maker.DBT: "dbt tests",
    Maker.RECONCILIATION: "Reconciliation",
}


def sections_of(dataset: Dataset, suite: Suite | None, history: History) -> list[dict[str, Any]]:
    """Return what the page shows: the suite by column, then what others promise of the dataset."""
    latest = {v.check: v for v, _, _ in history.ledger.latest_results(dataset.address)}
    private = {column.name for column in dataset.columns if column.pii}
    sections: dict[str, list[dict[str, Any]]] = {}
    for promise in sorted(promises_of(dataset, suite), key=_order(dataset)):
        outcomes = history.outcomes_of(dataset.address, promise.check, limit=SHOWN)
        verdict = latest.get(promise.check)
        sections.setdefault(_title(promise), []).append(
            {
                **promise.model_dump(mode="json"),
                "outcomes": [_mark(outcome) for outcome in reversed(outcomes)],
                "last": _mark(outcomes[0]) if outcomes else None,
                "found": discreet(verdict, private).finding if verdict else "",
            }
        )
    return [{"title": title, "promises": promises} for title, promises in sections.items()]


def notes_on(suite: Suite | None) -> Iterator[str]:
    """Yield what else the suite says of how it looks at the data."""
    if suite is None:
        return
    if suite.input is not None:
        given = suite.input.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
        said = ", ".join(f"{name}: {value}" for name, value in given.items())
        yield f"It does not look at the table itself, but at {said}."
    if suite.aside:
        rows = f"a sample of {suite.meta.deep.sample}" if suite.meta.deep.sample else "all rows"
        yield f"Deep checks do not run in builds; they look at {rows}."


def _order(dataset: Dataset) -> Any:
    columns = [column.name for column in dataset.columns]
    place = {name: number for number, name in enumerate(columns)}
    makers = [Maker.CONTRACT, Maker.SUITE, Maker.DBT, Maker.RECONCILIATION]
    return lambda promise: (
        makers.index(promise.maker),
        # What is said of several columns, or of the table, comes before its columns.
        place.get(promise.column, -1) if promise.maker is Maker.SUITE else 0,
    )


def _title(promise: Promise) -> str:
    return _TITLES.get(promise.maker) or promise.column or "The whole table"


def _mark(outcome: CheckOutcome) -> dict[str, Any]:
    return {
        "result": outcome.result,
        "at": outcome.at.strftime(TIME),
        "partition": outcome.partition,
        "place": (outcome.run_id, outcome.partition or WHOLE),
    }
