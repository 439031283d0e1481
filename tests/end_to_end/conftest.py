"""A small shop on the real stack: built once, copied for every test that breaks something."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from rich.console import Console
from tests import processes
from tests.processes import made_once

from assetops.build import build_definitions
from assetops.cli import run
from assetops.cli.outcome import Outcome
from assetops.cli.progress import Progress
from assetops.cli.running import run_build, run_checks
from assetops.opened import Platform, open_platform
from assetops.project import Project
from assetops.warehouse import open_read_only

REPO = Path(__file__).parents[2]
ASSETOPS = ("-c", "from assetops.cli import main; main()")
DAYS = 12
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


@dataclass
class Shop:
    """One platform root that a test may break."""

    root: Path
    # What the processes of its commands are forked from.
    template: Path
    # What lets coverage be measured in the processes of commands.
    measured: Mapping[str, str] = field(default_factory=dict)

    def copied(self, folder: Path) -> "Shop":
        shutil.copytree(self.root, folder / "shop", symlinks=True)
        return replace(self, root=folder / "shop")

    @cached_property
    def platform(self) -> Platform:
        return open_platform(self.root)

    @cached_property
    def definitions(self) -> dg.Definitions:
        from retail.segments import customer_segments

        return build_definitions(self.root, assets=[customer_segments])

    @property
    def landing(self) -> Path:
        return self.root / "data/dev/landing/retail"

    @property
    def published(self) -> Path:
        return self.root / "data/dev/published/warehouse.duckdb"

    def file(self, source: str, day: date = YESTERDAY) -> Path:
        return next((self.landing / source).glob(f"{day}.*"))

    def build(self, **options: Any) -> Outcome:
        """Build in this process, as `assetops build` does in its own."""
        os.chdir(self.root)
        progress = Progress(Console(quiet=True))
        return run_build(self.platform, self.definitions, progress, **options)

    def check(self, *addresses: str) -> Outcome:
        os.chdir(self.root)
        progress = Progress(Console(quiet=True))
        return run_checks(self.platform, self.definitions, progress, addresses)

    def command(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `assetops …` in a process of its own, in the root."""
        return processes.run(
            self.template, *ASSETOPS, *words, **self.whereabouts(**self.measured, **environment)
        )

    def cold_command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `assetops …` in a process that has to import all that it needs, in the root."""
        return subprocess.run(
            [sys.executable, *ASSETOPS, *words],
            cwd=self.root,
            env=self.environment(**self.measured),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def say(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `assetops …` in this process, which knows the project as it was at first."""
        os.chdir(self.root)
        with CliRunner().isolation(env=environment) as (out, err, _):
            code = run(words)
        said, failed = (stream.getvalue().decode() for stream in (out, err))
        return subprocess.CompletedProcess(words, code, said, failed)

    def environment(self, **more: str) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("ASSETOPS_", "DAGSTER_"))}
        return {**clean, "PYTHONPATH": str(REPO / "platform"), **more}

    def whereabouts(self, **environment: str) -> dict[str, Any]:
        """Return where a process of this shop runs, and in which environment."""
        return {"folder": self.root, "environment": self.environment(**environment)}

    def consumed(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what a consumer reads from the published file."""
        with open_read_only(self.published) as connection:
            return connection.execute(sql).fetchall()

    def private(self, sql: str) -> list[tuple[Any, ...]]:
        with self.platform.warehouse.connect() as connection:
            return connection.execute(sql).fetchall()

    def state(self) -> dict[str, Any]:
        """Return what a failed build must leave as it was: raw, and what consumers see."""
        with self.platform.warehouse.connect() as connection:
            raw = {
                table: connection.execute(
                    f"select count(*), sum(hash(t)) from raw.{table} t"
                ).fetchone()
                for (table,) in connection.execute(
                    "select table_name from duckdb_tables() where schema_name = 'raw'"
                ).fetchall()
            }
        return {"raw": raw, "published": os.readlink(self.published)}


def simulate(root: Path, days: int, *, start: date, orders: int = 20) -> None:
    from retail.cli import main

    out = root / "data/dev/landing/retail"
    words = ["simulate", f"--days={days}", f"--orders-per-day={orders}", f"--start={start}"]
    result = CliRunner().invoke(main, [*words, f"--out={out}"])
    assert result.exit_code == 0, result.output


def make_root(root: Path) -> Path:
    """Return a root with the project's files, and nothing landed."""
    root.mkdir(parents=True)
    for name in ("dbt_project", "gx"):
        shutil.copytree(REPO / name, root / name, ignore=shutil.ignore_patterns("target", "logs"))
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy2(REPO / name, root / name)
    (root / "platform").symlink_to(REPO / "platform")
    return root


@pytest.fixture(scope="session")
def bare(
    retail: Project,
    tmp_path_factory: pytest.TempPathFactory,
    template: Path,
    measured: dict[str, str],
    warm_dbt: None,
) -> Shop:
    """A root in which nothing has landed, its dbt project parsed; no test may change it."""
    shop = Shop(make_root(tmp_path_factory.mktemp("bare") / "shop"), template, measured)
    shutil.copytree(retail.settings.dbt_target, shop.root / "data/dev/dbt")
    return shop


@pytest.fixture(scope="session")
def built(bare: Shop, common_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop with twelve days, built and published; no test may change it."""

    def make(folder: Path) -> None:
        shop = bare.copied(folder)
        simulate(shop.root, DAYS, start=YESTERDAY - timedelta(days=DAYS - 1))
        outcome = shop.build()
        assert outcome.exit_code == 0, outcome.failures

    root = made_once(common_folder / "built", make) / "shop"
    # One of its own for each process of the tests: one process at a time has a warehouse.
    return replace(bare, root=root).copied(tmp_path_factory.mktemp("built"))


@pytest.fixture
def shop(built: Shop, tmp_path: Path) -> Shop:
    """A copy of the built shop, for one test to break."""
    return built.copied(tmp_path)


@pytest.fixture(scope="session")
def built_behind(bare: Shop, built: Shop, common_folder: Path) -> Shop:
    """The same shop, built before its last two days landed; it is only copied."""
    last = {str(YESTERDAY - timedelta(days=ago)) for ago in range(2)}

    def make(folder: Path) -> None:
        shop = bare.copied(folder)
        shutil.copytree(
            built.landing,
            shop.landing,
            ignore=lambda _, names: [name for name in names if name.split(".")[0] in last],
        )
        outcome = shop.build()
        assert outcome.exit_code == 0, outcome.failures
        shutil.copytree(built.landing, shop.landing, dirs_exist_ok=True)

    return replace(bare, root=made_once(common_folder / "behind", make) / "shop")


@pytest.fixture
def behind(built_behind: Shop, tmp_path: Path) -> Shop:
    """A copy of the built shop in which two days have landed since."""
    return built_behind.copied(tmp_path)


@pytest.fixture
def empty_shop(bare: Shop, tmp_path: Path) -> Shop:
    """A root in which nothing has landed yet."""
    return bare.copied(tmp_path / "empty")


@pytest.fixture(autouse=True)
def back_home() -> Any:
    """Builds make the root the current folder, as the command line does."""
    before = Path.cwd()
    yield
    os.chdir(before)
