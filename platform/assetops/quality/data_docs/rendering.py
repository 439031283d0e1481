"""What every page has: its templates, what it may load, and no private value."""

from collections.abc import Collection
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader

from assetops.model import MASK, Verdict
from assetops.quality.suites.words import columns_of

# The server sends it as a header; files carry it themselves.
SAFE = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
# What the path of a run says that looked at no partition of its own.
WHOLE = "all"
OURS = PackageLoader("assetops.quality.data_docs", "templates")


def render(template: str, **facts: Any) -> str:
    """Return a page from one of our templates, with every value escaped."""
    return _templates().get_template(template).render(**facts)


@cache
def _templates() -> Environment:
    environment = Environment(loader=OURS, autoescape=True, trim_blocks=True)
    environment.globals["safe_sources"] = SAFE
    return environment


def discreet(verdict: Verdict, pii: Collection[str]) -> Verdict:
    """Mask what has become private since the verdict was given."""
    private = frozenset(pii)
    sample = tuple(
        {k: MASK if k in private and value is not None else value for k, value in row.items()}
        for row in verdict.sample
    )
    hidden = {} if private.isdisjoint(columns_of(verdict.arguments)) else {"observed": None}
    return verdict.model_copy(update={"sample": sample, **hidden})
