"""The project's own expectations, in Python and in SQL, made known to Great Expectations."""

import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from great_expectations.compatibility import pydantic
from great_expectations.expectations.core import UnexpectedRowsExpectation

from assetops.quality.suites.sql_rules import filled_in, sql_arguments
from assetops.quality.suites.vocabulary import defined_in


@cache
def import_plugins(folder: Path) -> Mapping[str, str]:
    """Register every expectation of a plugins folder, once.

    Returns:
        Why the expectations of a type cannot be used: their module raises when it is imported.
    """
    broken: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        try:
            _run(path)
        except Exception as error:
            reason = f"{path.name} cannot be imported: {type(error).__name__}: {error}"
            broken |= dict.fromkeys(dict(defined_in(path)), reason)
    for path in sorted(folder.rglob("*.sql")):
        _register(path)
    return broken


def _run(path: Path) -> None:
    """Run a module: defining an expectation's class registers it with GX."""
    spec = importlib.util.spec_from_file_location(f"assetops_gx_plugin_{path.stem}", path)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def _register(path: Path) -> None:
    """Define the class of an expectation that is an SQL file; GX names its type by the class."""
    arguments = sql_arguments(path)

    def query(cls: type, values: dict[str, Any]) -> dict[str, Any]:
        given = {name: values.get(name) for name in arguments}
        return {**values, "unexpected_rows_query": filled_in(path, given)}

    metaclass: Any = type(UnexpectedRowsExpectation)
    metaclass(
        "".join(word.title() for word in path.stem.split("_")),
        (UnexpectedRowsExpectation,),
        {
            "__module__": __name__,
            "__annotations__": {**dict.fromkeys(arguments, Any), "unexpected_rows_query": str},
            "unexpected_rows_query": "",
            "written": pydantic.root_validator(pre=True, allow_reuse=True)(query),
        },
    )
