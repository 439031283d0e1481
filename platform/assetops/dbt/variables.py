"""Which of dbt's variables decide what a unit test comes to: those that its model's code reads."""

import re
from collections.abc import Mapping
from typing import Any

_LITERAL = r"\s*\(\s*(['\"])(\w+)\1\s*[,)]"
_READ = re.compile(rf"\bvar{_LITERAL}")
# Any other use of variables: a name that is made up, a look at what was passed, all of them.
_ELSE = re.compile(rf"\bvar\b(?!{_LITERAL})|\binvocation_args_dict\b|\bflags\b(?!\.(?!VARS\b)\w)")


def variables_read(
    unit_test: Mapping[str, Any], manifest: Mapping[str, Any], variables: Mapping[str, Any]
) -> dict[str, Any]:
    """Return those of the variables that a unit test's model reads, itself or by its macros.

    Macros are those that dbt finds in the code, as its own `state:modified.macros` does; of those
    that the unit test itself replaces, what they read does not matter.
    """
    texts = list(_texts(unit_test, manifest))
    if any(_ELSE.search(text) for text in texts):
        return dict(variables)
    read = {name for text in texts for _, name in _READ.findall(text)}
    return {name: value for name, value in variables.items() if name in read}


def _texts(unit_test: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[str]:
    """Return the code of the unit test's model, and of all macros that it may call."""
    replaced = ((unit_test.get("overrides") or {}).get("macros") or {}).keys()
    model = manifest["nodes"][unit_test["depends_on"]["nodes"][0]]
    macros, texts = manifest["macros"], [model["raw_code"]]
    called = [m for m in model["depends_on"]["macros"] if macros[m]["name"] not in replaced]
    seen: set[str] = set()
    while called:
        if (macro := called.pop()) not in seen:
            seen.add(macro)
            texts.append(macros[macro]["macro_sql"])
            called += macros[macro]["depends_on"]["macros"]
    return texts
