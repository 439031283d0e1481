"""Renders what a run found by Great Expectations' own Data Docs renderers.

GX's pages load scripts from other hosts and put the values of failing rows into HTML as they are:
ours have no script at all, and every value is escaped.
"""

import html
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.render.renderer.column_section_renderer import (
    ValidationResultsColumnSectionRenderer,
)
from great_expectations.render.view import DefaultJinjaPageView
from jinja2 import ChoiceLoader, PackageLoader, pass_context

from assetops.model import MASK, Status, Verdict
from assetops.quality.suites.words import columns_of


def run_page(
    facts: Mapping[str, Any], verdicts: Sequence[Verdict], *, pii: Collection[str] = ()
) -> str:
    """Return the page of what a run found on a dataset.

    Args:
        facts: What the template says of the run.
        verdicts: What it found.
        pii: Columns whose values are shown on no page, whenever the verdict was given.
    """
    discreet = [_discreet(verdict, frozenset(pii)) for verdict in verdicts]
    sections, others = _sections([verdict for verdict in discreet if verdict.expectation])
    others += [verdict for verdict in discreet if not verdict.expectation]
    template = _view().env.get_template("run.html")
    return str(
        template.render(
            **facts,
            sections=sections,
            failures=[
                _failure(verdict)
                for verdict in discreet
                if verdict.status is Status.FAILED and verdict.expectation
            ],
            others=[
                {**verdict.model_dump(mode="json"), "sentence": verdict.sentence()}
                for verdict in others
            ],
        )
    )


class _View(DefaultJinjaPageView):
    """GX's view with our templates before its own."""

    def __init__(self) -> None:
        super().__init__()
        ours = PackageLoader("assetops.quality.data_docs", "templates")
        assert self.env.loader is not None  # GX gives its own
        self.env.loader = ChoiceLoader([ours, self.env.loader])
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
    renderer = ValidationResultsColumnSectionRenderer()
    template = _view().env.get_template("section.html")
    sections: list[dict[str, str]] = []
    others: list[Verdict] = []
    for group in filter(None, groups.values()):
        try:
            found = renderer.render([_result(v) for v in group])  # type: ignore[no-untyped-call]
            content = found.to_json_dict()
            shown = template.render(
                section=content,
                number=len(sections) + 1,
                renderer_type="ValidationResultsPageRenderer",
            )
            sections.append({"name": str(content["section_name"]), "html": str(shown)})
        except Exception:
            # An expectation of one's own may know no renderer, or one that wants GX's own result.
            others += group
    return sections, others


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
            meta={"notes": verdict.description} if verdict.description else None,
            severity=FailureSeverity(verdict.severity.value),
        ),
        result=result,
        exception_info={
            "raised_exception": verdict.status is Status.ERRORED,
            "exception_message": verdict.error,
            "exception_traceback": "",
        },
    )


def _failure(verdict: Verdict) -> dict[str, Any]:
    columns = list(dict.fromkeys(name for row in verdict.sample for name in row))
    return {
        "check": verdict.check,
        "severity": verdict.severity.value,
        "sentence": verdict.sentence(),
        "columns": columns,
        "rows": [[_cell(row.get(name)) for name in columns] for row in verdict.sample],
        "query": verdict.query,
    }


def _cell(value: Any) -> str:
    return "NULL" if value is None else str(value)


def _discreet(verdict: Verdict, pii: frozenset[str]) -> Verdict:
    """Mask what has become private since the verdict was given."""
    sample = tuple(
        {name: MASK if name in pii and value is not None else value for name, value in row.items()}
        for row in verdict.sample
    )
    hidden = {"observed": None} if not pii.isdisjoint(columns_of(verdict.arguments)) else {}
    return verdict.model_copy(update={"sample": sample, **hidden})
