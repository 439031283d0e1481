"""A code location loads in every run and every step, so that it must not load what is heavy."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assetops.project import Project

ROOT = Path(__file__).parents[2]
HEAVY = ("great_expectations", "pandas", "sklearn", "matplotlib", "dbt", "dagster_dbt", "sqlglot")


@pytest.fixture(scope="module")
def loaded(retail: Project) -> set[str]:
    """The modules that loading the code location loads, in a process of its own."""
    # All of them, as the code server does: names that clash are found only then.
    program = "import sys; from retail.definitions import defs; "
    program += "defs.get_repository_def().load_all_definitions(); print('\\n'.join(sys.modules))"
    call: dict[str, Any] = {
        "args": [sys.executable, "-c", program],
        "env": {
            **os.environ,
            "PYTHONPATH": str(ROOT / "platform"),
            "ASSETOPS_DATA": str(retail.settings.data),
        },
        "cwd": ROOT,
        "capture_output": True,
        "text": True,
        "timeout": 120,
    }
    done = subprocess.run(**call)
    assert done.returncode == 0, done.stderr
    # The first load works out what the later ones read.
    done = subprocess.run(**call)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("heavy", HEAVY)
def test_the_code_location_does_not_load(heavy: str, loaded: set[str]) -> None:
    assert "retail.definitions" in loaded
    assert heavy not in loaded
