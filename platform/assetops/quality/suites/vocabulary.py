"""Which expectations there are and what they take, so that suites can be read without GX."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from assetops.errors import SuiteError
from assetops.model import Word
from assetops.quality.suites.sql_rules import sql_arguments


class Arguments(Word):
    """The arguments of one type of expectation."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def all(self) -> frozenset[str]:
        """Every argument that it takes."""
        return frozenset(self.required + self.optional)


@cache
def builtin() -> Mapping[str, Arguments]:
    """Return GX's own expectations; the file is written by `gx.vocabulary_of_gx`."""
    text = resources.files("assetops.quality.suites").joinpath("vocabulary.json").read_text()
    return {kind: Arguments.model_validate(given) for kind, given in json.loads(text).items()}


def vocabulary(plugins: Path) -> Mapping[str, Arguments]:
    """Return every expectation a suite may use: GX's own, and those in the plugins folder.

    Raises `SuiteError` if a file of the folder cannot be read as expectations.
    """
    own = {
        kind: given for path in sorted(plugins.rglob("*.py")) for kind, given in defined_in(path)
    }
    for path in sorted(plugins.rglob("*.sql")):
        own[path.stem] = Arguments(required=sql_arguments(path), optional=_COMMON)
    return {**builtin(), **own}


def has_figure(kind: str) -> bool:
    """Say whether an expectation observes one figure, which can be compared with the next one."""
    about_rows = kind.startswith(("expect_column_value", "expect_column_quantile"))
    return kind in builtin() and kind.endswith("_to_be_between") and not about_rows


def defined_in(path: Path) -> Iterator[tuple[str, Arguments]]:
    """Yield the expectation classes of a module, which is read and not run."""
    try:
        module = ast.parse(path.read_text("utf-8"), filename=str(path))
    except SyntaxError as error:
        shown = f"plugins/{path.parent.name}/{path.name}"
        raise SuiteError(f"{shown}:{error.lineno}: is no Python: {error.msg}.") from None
    for node in module.body:
        if not isinstance(node, ast.ClassDef) or not node.bases:
            continue
        base = snake(ast.unparse(node.bases[0]).split(".")[-1])
        inherited = builtin().get(base) or _BASES.get(base)
        if inherited is None:
            continue
        fields = [
            (item.target.id, item.value is None)
            for item in node.body
            if isinstance(item, ast.AnnAssign)
            and isinstance(item.target, ast.Name)
            and "ClassVar" not in ast.unparse(item.annotation)
        ]
        given = {name for item in node.body for name in _defaults(item)}
        given |= {name for name, needed in fields if not needed}
        yield (
            snake(node.name),
            Arguments(
                required=(
                    *(name for name in inherited.required if name not in given),
                    *(name for name, needed in fields if needed),
                ),
                optional=tuple({*inherited.optional, *inherited.required, *given}),
            ),
        )


def _defaults(item: ast.stmt) -> list[str]:
    """Return the fields that a statement of a class gives a default."""
    targets = item.targets if isinstance(item, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def snake(name: str) -> str:
    """Return GX's type for the name of an expectation's class."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z0-9])([A-Z])", r"\1_\2", name).lower()


_COMMON = ("batch_id", "row_condition", "condition_parser", "result_format", "catch_exceptions")
_BASES: Mapping[str, Arguments] = {
    "batch_expectation": Arguments(optional=_COMMON),
    "query_expectation": Arguments(optional=_COMMON),
    "column_aggregate_expectation": Arguments(required=("column",), optional=_COMMON),
    "column_map_expectation": Arguments(required=("column",), optional=(*_COMMON, "mostly")),
    "column_pair_map_expectation": Arguments(
        required=("column_A", "column_B"), optional=(*_COMMON, "mostly", "ignore_row_if")
    ),
    "multicolumn_map_expectation": Arguments(
        required=("column_list",), optional=(*_COMMON, "mostly", "ignore_row_if")
    ),
}
