"""Expectation suites as gates: read as files, run by Great Expectations, reported to Dagster.

`suite_checks` and `SuiteChecksComponent` are for Dagster projects that use nothing else of ours.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assetops.quality.component import SuiteChecksComponent
    from assetops.quality.standalone import suite_checks

__all__ = ["SuiteChecksComponent", "suite_checks"]


def __getattr__(name: str) -> Any:
    """Import the public API on first use: who reads a suite needs no Dagster component."""
    if name == "SuiteChecksComponent":
        from assetops.quality.component import SuiteChecksComponent

        return SuiteChecksComponent
    if name == "suite_checks":
        from assetops.quality.standalone import suite_checks

        return suite_checks
    raise AttributeError(f"module 'assetops.quality' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Let `dg` find the component, which is imported on first use."""
    return [*globals(), *__all__]
