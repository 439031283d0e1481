"""Renders what a run found by Great Expectations' own Data Docs renderers.

GX's pages load scripts from other hosts and put the values of failing rows into HTML as they are:
ours have no script at all, and every value is escaped.
"""

import html
import logging
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import great_expectations.expectations.core  # noqa: F401  (registers its expectations' renderers)
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.exceptions import GreatExpectationsError
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.registry import get_renderer_impl
from great_expectations.render import LegacyRendererType
from great_expectations.render.renderer.column_section_renderer import (
    ValidationResultsColumnSectionRenderer,
)
from great_expectations.render.view import DefaultJinjaPageView
from jinja2 import ChoiceLoader, TemplateError, pass_context

from assetops.history import result_of
from assetops.model import Status, Verdict
from assetops.quality.data_docs.rendering import OURS, SAFE, discreet

# What GX's renderers and templates raise when a result is not of the form that they know.
_UNRENDERABLE = (
    *(GreatExpectationsError, TemplateError, LookupError, TypeError, ValueError),
    *(AttributeError, AssertionError),
)


def run_page(
    facts: Mapping[str, Any], verdicts: Sequence[Verdict], *, pii: Collection[str] = ()
) -> str:
    """Return the page of what a run found on a dataset.

    Args:
        facts: What the template says of the run.
        verdicts: What it found.
        pii: Columns whose values are shown on no page, whenever the verdict was given.
    """
    found = [discreet(verdict, pii) for verdict in verdicts]
    sections, unrendered = _sections([verdict for verdict in found if verdict.expectation])
    others = [*unrendered, *(verdict for verdict in found if not verdict.expectation)]
    template = _view().env.get_template("run.html")
    return str(
        template.render(
            **facts,
            sections=sections,
            failures=[_shown(v) for v in _worst_first(found)],
            others=[_shown(verdict) for verdict in others],
            unrendered=[verdict.check for verdict in unrendered],
        )
    )


def _worst_first(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return what did not pass, what blocks before what does not."""
    bad = [verdict for verdict in verdicts if verdict.status is not Status.PASSED]
    return sorted(bad, key=lambda verdict: not verdict.blocks)


class _View(DefaultJinjaPageView):
    """GX's view with our templates before its own."""

    def __init__(self) -> None:
        super().__init__()
        assert self.env.loader is not None  # GX gives its own
        self.env.loader = ChoiceLoader([OURS, self.env.loader])
        self.env.globals["safe_sources"] = SAFE
        rendered = self.render_content_block

        @pass_context
        def escaped(context: Any, block: Any, *rest: Any, **options: Any) -> Any:
            # A bare text is a value, or a heading: GX would put it into the page as it is.
            if isinstance(block, str):
                return html.escape(block)
            if isinstance(block, list):
                return "".join(f"<span>{escaped(context, item, *rest)}</span>" for item in block)
            return rendered(context, block, *rest, **options)

        self.env.filters["render_content_block"] = escaped


@cache
def _view() -> _View:
    return _View()


def _sections(verdicts: Sequence[Verdict]) -> tuple[list[dict[str, str]], list[Verdict]]:
    """Return GX's sections, the table's and then each column's, and what GX could not render."""
    groups: dict[str, list[Verdict]] = {"": []}
    for verdict in verdicts:
        groups.setdefault(str(verdict.arguments.get("column", "")), []).append(verdict)
    sections: list[dict[str, str]] = []
    unrendered: list[Verdict] = []
    for group in filter(None, groups.values()):
        contents = {verdict.check: _content(verdict) for verdict in group}
        try:
            if rendered := [content for content in contents.values() if content]:
                sections.append(_section(rendered, len(sections) + 1))
        except _UNRENDERABLE:
            contents = dict.fromkeys(contents)
        unrendered += [verdict for verdict in group if contents[verdict.check] is None]
    return sections, unrendered


def _content(verdict: Verdict) -> dict[str, Any] | None:
    """Return a verdict's table of one row as GX makes it; None if it has no words for it."""
    # Without words of its own, GX would show an expectation's arguments as code.
    if get_renderer_impl(str(verdict.expectation), LegacyRendererType.PRESCRIPTIVE) is None:
        return None
    renderer = ValidationResultsColumnSectionRenderer()
    with _listening() as complaints:
        try:
            found = renderer.render([_result(verdict)])  # type: ignore[no-untyped-call]
            content: dict[str, Any] = found.to_json_dict()
        except _UNRENDERABLE:
            return None
    *_, table = content["content_blocks"]
    table["header_row"] += ["Check", "Severity"]
    for row in table["table"]:
        row += [verdict.check, verdict.severity.value]
    return None if complaints else content


def _section(contents: Sequence[dict[str, Any]], number: int) -> dict[str, str]:
    """Return one section's HTML, with the rows of all its verdicts in one table."""
    first, *others = contents
    first["content_blocks"][-1]["table"] += [
        row for content in others for row in content["content_blocks"][-1]["table"]
    ]
    template = _view().env.get_template("section.html")
    shown = template.render(
        section=first, number=number, renderer_type="ValidationResultsPageRenderer"
    )
    return {"name": str(first["section_name"]), "html": str(shown)}


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Hear GX's renderers fail: they tell the log, stack trace and values and all, and go on."""
    complaints: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            complaints.append(getattr(sys.exc_info()[0], "__name__", record.levelname))

    log, listener = logging.getLogger("great_expectations.render"), Listener(logging.ERROR)
    level, propagates = log.level, log.propagate
    log.addHandler(listener)
    log.setLevel(logging.ERROR)
    log.propagate = False
    try:
        yield complaints
    finally:
        log.removeHandler(listener)
        log.setLevel(level)
        log.propagate = propagates


def _result(verdict: Verdict) -> ExpectationValidationResult:
    result: dict[str, Any] = {"observed_value": verdict.observed}
    if verdict.failing_rows is not None and verdict.rows:
        share = 100 * verdict.failing_rows / verdict.rows
        result |= {
            "element_count": verdict.rows,
            "unexpected_count": verdict.failing_rows,
            "unexpected_percent": share,
            "unexpected_percent_total": share,
            "partial_unexpected_list": [],
        }
    return ExpectationValidationResult(
        success=verdict.status is Status.PASSED,
        expectation_config=ExpectationConfiguration(
            type=str(verdict.expectation),
            kwargs=dict(verdict.arguments),
            severity=FailureSeverity(verdict.severity.value),
        ),
        result=result,
        exception_info={
            "raised_exception": verdict.status is Status.ERRORED,
            "exception_message": verdict.error,
            "exception_traceback": "",
        },
    )


def _shown(verdict: Verdict) -> dict[str, Any]:
    columns = list(dict.fromkeys(name for row in verdict.sample for name in row))
    return {
        "check": verdict.check,
        "severity": verdict.severity.value,
        "result": result_of(verdict.status, verdict.severity),
        "expected": verdict.expected,
        "finding": "" if verdict.status is Status.PASSED else verdict.finding,
        "reason": verdict.description,
        "columns": columns,
        "rows": [[_cell(row.get(name)) for name in columns] for row in verdict.sample],
        "query": verdict.query,
    }


def _cell(value: Any) -> str:
    return "NULL" if value is None else str(value)
