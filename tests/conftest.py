"""What all tests share."""

import os
from pathlib import Path

import pytest

from assetops.dbt.manifest import refresh_manifest
from assetops.project import Project, load_project
from assetops.settings import load_settings

ROOT = Path(__file__).parents[1]

# Their tests run the dbt project and the simulator, not the engine whose coverage is measured.
_NOT_THE_ENGINE = ("dbt_project", "retail")
_IN_PROCESSES = "COVERAGE_PROCESS_CONFIG"
_ASKED = pytest.StashKey[dict[str, str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure coverage where the engine is tested: measuring makes Python half as fast."""
    for item in items:
        if item.path.parent.name in _NOT_THE_ENGINE:
            item.add_marker("no_cover")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let processes that tests start be, unless a test asks for them to be measured."""
    if asked := os.environ.pop(_IN_PROCESSES, None):
        item.config.stash[_ASKED] = {_IN_PROCESSES: asked}


@pytest.fixture(scope="session")
def measured(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of a process whose coverage is to be measured."""
    return request.config.stash.get(_ASKED, {})


@pytest.fixture(scope="session")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The repository's own project, its dbt part parsed once for all processes of the tests."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    settings = load_settings(ROOT, {"ASSETOPS_DATA": str(folder / "data")})
    return load_project(settings, refresh_manifest(settings))
