"""What all tests share."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.postgres import new_database, shared_server
from tests.processes import forked_python, shared_template

from assetops.dbt import command, manifest
from assetops.dbt.manifest import refresh_manifest
from assetops.dbt.profiles import located, read_profile
from assetops.project import Project, load_project
from assetops.settings import Settings, load_settings

ROOT = Path(__file__).parents[1]

# Their tests run the dbt project and the simulator, not the engine whose coverage is measured.
_NOT_THE_ENGINE = ("dbt_project", "retail")
# Their tests take most of the time, though they are few: seconds each, where others take a tenth.
_LONG = ("end_to_end",), ("cli", "dbt", "dbt_project", "publish", "project")
_IN_PROCESSES = "COVERAGE_PROCESS_CONFIG"
DBT = ("-m", "dbt.cli.main")
_ASKED = pytest.StashKey[dict[str, str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure coverage where the engine is tested, and let no process wait for another at the end.

    Measuring makes Python half as fast. Two processes begin with a half of the tests each, and
    whoever is done first takes some of the other's last: each half begins with long ones, of
    folders that share what is built for them, and ends with short ones.
    """
    for item in items:
        if item.path.parent.name in _NOT_THE_ENGINE:
            item.add_marker("no_cover")
    first, second = ([i for i in items if i.path.parent.name in names] for names in _LONG)
    short = [item for item in items if item not in {*first, *second}]
    half = max(0, len(items) // 2 - len(first))
    items[:] = [*first, *short[:half], *second, *short[half:]]


def pytest_collection_finish() -> None:
    """Collect garbage more rarely, as the engine's commands do: it takes a tenth of the time."""
    gc.set_threshold(50_000, 20, 5)


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
def common_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what all processes of the tests share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def retail(common_folder: Path) -> Project:
    """The repository's own project, its dbt part parsed once for all processes of the tests."""
    given = load_settings(ROOT, {"ASSETOPS_DATA": str(common_folder / "data")})
    # As a platform is opened, or copies of it would be parsed again.
    settings = located(given, read_profile(given))
    return load_project(settings, refresh_manifest(settings))


@pytest.fixture(scope="session")
def template(common_folder: Path) -> Iterator[Path]:
    """What the processes of tests are forked from: see tests/processes.py."""
    with shared_template(common_folder) as path:
        yield path


@pytest.fixture(scope="session")
def warm_dbt(template: Path) -> Iterator[None]:
    """Where the engine, in this process, starts dbt as a command, let that be forked."""
    cold = manifest.dbt_command

    def warm(settings: Settings) -> list[str]:
        return cold(settings) if settings.dbt_executable else [*forked_python(template), *DBT]

    with pytest.MonkeyPatch.context() as patch:
        for caller in (manifest, command):
            patch.setattr(caller, "dbt_command", warm)
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[sa.URL]:
    """The URL of a Postgres that all processes of the tests share."""
    with shared_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url(postgres_server: sa.URL) -> str:
    """The URL of a database of one's own, which the tests of this process share."""
    return new_database(postgres_server, "tests")
