"""What all tests share."""

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from tests.postgres import new_database, shared_server
from tests.processes import forked_python, shared_template

from assetops.dbt import command, manifest
from assetops.dbt.manifest import refresh_manifest
from assetops.dbt.profiles import located, read_profile
from assetops.project import Project, load_project
from assetops.settings import Settings, load_settings

ROOT = Path(__file__).parents[1]

# Where memory is a file system, with room for what tests write: a gigabyte or two.
_MEMORY, _ROOM = Path("/dev/shm"), 6 * 1024**3
_PLACE = "PYTEST_DEBUG_TEMPROOT"
if _MEMORY.is_dir() and _PLACE not in os.environ:
    found = os.statvfs(_MEMORY)
    # Tests write programs, too.
    if found.f_bavail * found.f_frsize > _ROOM and not found.f_flag & os.ST_NOEXEC:
        # No test cuts the power: a disk would only be waited for, at each commit of each database.
        os.environ[_PLACE] = str(_MEMORY)

# Their tests run the dbt project, the simulator, and two engines of Great Expectations beside ours,
# not what the coverage is measured of; or other tests run the same.
_NOT_MEASURED = ("dbt_project", "retail", "conformance")
# What each process of the tests begins with: folders whose tests take seconds each, where others
# take a tenth of one, and whose tests share what is built for them.
_LONG = ("end_to_end",), ("dbt", "dbt_project", "publish"), ("faults", "cli", "project", "resident")
# Of these, files whose tests take longest: at the end another process would wait for them.
_LONGEST = ("test_kills.py", "test_faults.py", "test_partitions.py", "test_concurrency.py")
_IN_PROCESSES = "COVERAGE_PROCESS_CONFIG"
DBT = ("-m", "dbt.cli.main")
_ASKED = pytest.StashKey[str]()
_MEASURED = pytest.StashKey[dict[str, str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure coverage where the engine is tested, and let no process wait for another at the end.

    Measuring makes Python half as fast. Each process begins with its share of the tests, and
    whoever is done first takes some of another's last: each share begins with long ones, of
    folders that share what is built for them, and ends with short ones.
    """
    for item in items:
        if item.path.parent.name in _NOT_MEASURED:
            item.add_marker("no_cover")
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    longest = sorted(items, key=lambda item: item.path.name not in _LONGEST)
    long = [[i for i in longest if i.path.parent.name in names] for names in _LONG]
    while len(long) > processes:
        long[-2:] = [long[-2] + long[-1]]
    begun = {item for share in long for item in share}
    short = [item for item in items if item not in begun]
    size, items[:] = len(items) // processes, []
    for share in long:
        rest = max(0, size - len(share))
        items += [*share, *short[:rest]]
        del short[:rest]
    items += short


def pytest_collection_finish() -> None:
    """Collect garbage more rarely, as the engine's commands do: it takes a tenth of the time."""
    gc.set_threshold(50_000, 20, 5)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Give memory back, unless somebody has to look at what a test has left there."""
    factory = session.config._tmp_path_factory  # type: ignore[attr-defined]
    if exitstatus == 0 and "PYTEST_XDIST_WORKER" not in os.environ:
        if factory.getbasetemp().is_relative_to(_MEMORY):
            shutil.rmtree(factory.getbasetemp(), ignore_errors=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Let processes that tests start be, unless a test asks for them to be measured.

    Where tests are not measured, neither are those, nor what tests share, which takes as long.
    """
    stash, is_measured = item.config.stash, item.get_closest_marker("no_cover") is None
    if asked := os.environ.pop(_IN_PROCESSES, None):
        stash[_ASKED] = asked
    # One for all tests: what they share holds on to it.
    of_processes = stash.setdefault(_MEASURED, {})
    of_processes.clear()
    if is_measured and _ASKED in stash:
        of_processes[_IN_PROCESSES] = stash[_ASKED]
    measuring = item.config.pluginmanager.getplugin("_cov")
    if is_measured or not (measuring and measuring.cov_controller):
        return (yield)
    measuring.cov_controller.pause()
    try:
        return (yield)
    finally:
        measuring.cov_controller.resume()
        os.environ.pop(_IN_PROCESSES, None)


@pytest.fixture(scope="session", autouse=True)
def migrations_read_once() -> Iterator[None]:
    """Dagster reads all its migrations whenever it opens an instance, and they stay the same."""
    read, known = ScriptDirectory.from_config, dict[str | None, ScriptDirectory]()

    def remembered(config: Config) -> ScriptDirectory:
        place = config.get_main_option("script_location")
        return known.get(place) or known.setdefault(place, read(config))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", remembered)
        yield


@pytest.fixture(scope="session")
def measured(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of a process whose coverage is to be measured; empty while none is."""
    return request.config.stash[_MEASURED]


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
