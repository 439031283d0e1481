"""Which unit tests have something to say: their rows are in the code, so code decides it.

dbt runs them in every build, and a fifth of a small build's time goes into that.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from assetops.dbt.manifest import content_key
from assetops.dbt.results import NodeResult
from assetops.dbt.variables import variables_read
from assetops.settings import Settings


class UnitTests:
    """Those that passed on the project as it is now, with the variables of this run."""

    def __init__(
        self, settings: Settings, manifest: Mapping[str, Any], variables: Mapping[str, Any]
    ) -> None:
        """Read which tests passed, and on what."""
        self._file = settings.dbt_target / "unit_tests.json"
        self._settings, self._manifest, self._variables = settings, manifest, variables
        self._passed = _read(self._file)

    @cached_property
    def _content(self) -> str:
        """What stands for the project's files; a step without unit tests never asks."""
        return content_key(self._settings)

    def _state(self, test: str) -> str:
        """Return what stands for the project and the variables that a test depends on."""
        unit_test = self._manifest["unit_tests"][test]
        read = variables_read(unit_test, self._manifest, self._variables)
        said = json.dumps([self._content, read], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()

    def due(self, tests: Iterable[str]) -> list[str]:
        """Return those of the tests that have not passed on this code."""
        return [test for test in tests if self._passed.get(test) != self._state(test)]

    def remember(self, results: Mapping[str, NodeResult]) -> None:
        """Keep which have passed, of all that an invocation came to."""
        statuses = {i: r.status for i, r in results.items() if i.startswith("unit_test.")}
        if statuses:
            passed = {
                test: self._state(test) for test, status in statuses.items() if status == "pass"
            }
            kept = {test: s for test, s in self._passed.items() if test not in statuses}
            aside = self._file.with_suffix(".new")
            aside.write_text(json.dumps(kept | passed))
            aside.replace(self._file)


def _read(file: Path) -> dict[str, str]:
    try:
        return dict(json.loads(file.read_text()))
    except (FileNotFoundError, ValueError):
        # A file that cannot be read costs a run of the tests.
        return {}
