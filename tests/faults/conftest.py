"""Houses for faults to strike, and how often: once, or as `make faults` says."""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from tests.faults.disk import Disk
from tests.faults.house import House
from tests.faults.server import Server, own_server

from assetops.cli import run

REPO = Path(__file__).parents[2]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only `make faults` runs."""
    if "faults" not in (config.option.markexpr or ""):
        long = [item for item in items if item.get_closest_marker("faults")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)


@pytest.fixture
def chance() -> random.Random:
    """What decides when a fault strikes: the same for the same seed."""
    return random.Random(int(os.environ.get("FAULTS_SEED", "5")))


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small platform that `assetops init` makes, which looks for dead runs every 2 s."""
    root = tmp_path_factory.mktemp("desk") / "desk"
    assert run(["init", str(root)]) == 0
    config = yaml.safe_load((root / "dagster.yaml").read_text())
    config["run_monitoring"]["poll_interval_seconds"] = 2
    (root / "dagster.yaml").write_text(yaml.safe_dump(config))
    return root


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A Postgres that a test may stop."""
    with own_server() as server:
        yield server


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Disk | None]:
    """A small disk to live on, for tests that need one, or use one where it can be had."""
    asked = request.node.get_closest_marker("small_disk")
    if asked is None:
        yield None
        return
    try:
        disk = Disk(tmp_path / "disk")
    except OSError as error:
        if asked.kwargs.get("needed", True):
            pytest.skip(str(error))
        yield None
        return
    try:
        yield disk
    finally:
        disk.close()


@pytest.fixture
def house(desk: Path, tmp_path: Path, template: Path, disk: Disk | None) -> Iterator[House]:
    """A platform in SQLite, whose runs are forked from the template that the tests share."""
    root = (disk.folder if disk else tmp_path) / "house"
    shutil.copytree(desk, root)
    with left_alone(House(root, {"ASSETOPS_TEMPLATE": str(template)}, disk=disk)) as house:
        yield house


@pytest.fixture
def house_on_postgres(
    desk: Path, tmp_path: Path, server: Server, disk: Disk | None
) -> Iterator[House]:
    """A platform with its history and its ledger in a Postgres, and a template of its own."""
    root = (disk.folder if disk else tmp_path) / "house"
    shutil.copytree(desk, root)
    config = yaml.safe_load((root / "dagster.yaml").read_text())
    production = yaml.safe_load((REPO / "deploy/dagster.yaml").read_text())
    (root / "dagster.yaml").write_text(yaml.safe_dump(config | {"storage": production["storage"]}))
    url = server.database("house")
    urls = {"ASSETOPS_POSTGRES_URL": url, "ASSETOPS_LEDGER_URL": url}
    os.environ.update(urls)
    with left_alone(House(root, urls, server=server, disk=disk)) as house:
        yield house
    for name in urls:
        del os.environ[name]


@contextmanager
def left_alone(house: House) -> Iterator[House]:
    """Leave nothing of a house behind."""
    before = Path.cwd()
    try:
        yield house
    finally:
        house.end()
        os.chdir(before)
