"""AssetOps: dbt models as assets, GX suites as gates, and nothing unverified is ever published."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assetops.build import build_definitions
    from assetops.model import Relation

__all__ = ["Relation", "build_definitions"]


def __getattr__(name: str) -> Any:
    """Import the public API on first use, so that the command line starts without Dagster."""
    if name == "build_definitions":
        from assetops.build import build_definitions

        return build_definitions
    if name == "Relation":
        from assetops.model import Relation

        return Relation
    raise AttributeError(f"module 'assetops' has no attribute {name!r}")
