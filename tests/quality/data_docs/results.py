"""Verdicts for pages to show, and what a person reads on a page."""

import re
from typing import Any

from assetops.model import Severity, Status, Verdict

RUN = "8e34ac3e-eda6-471c-b672-48e2efedf1c0"


def verdict(check: str, status: str = "passed", **more: Any) -> Verdict:
    given = {"severity": Severity.CRITICAL, **more}
    return Verdict(check=check, status=Status(status), **given)


def text_of(page: str) -> str:
    """Return what a person reads on a page."""
    inline = re.sub(r"</?(a|b|code|h3|label|small|span)\b[^>]*>", "", page.partition("</style>")[2])
    return " ".join(re.sub(r"<[^>]+>", " ", inline).split())
