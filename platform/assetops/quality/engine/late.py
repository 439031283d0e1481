"""Imports Great Expectations without what almost no suite of it needs: half of its import.

`scipy.stats` computes, and `altair` draws, one expectation about distributions; GX imports both
with every process. Here it gets a stand-in for each, which imports the real one when it is first
used. Nobody else sees them: they are gone again when GX is imported.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

_LATE = ("altair", "scipy.stats")


class _Late(ModuleType):
    """Stands for a module until somebody wants something of it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


def _import_great_expectations() -> None:
    stand_ins = {name: _Late(name) for name in _LATE if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        importlib.import_module("great_expectations")
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


_import_great_expectations()
