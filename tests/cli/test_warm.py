"""The template under `assetops up` is there again when it has ended, unless that would go on."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from assetops.cli.warm import Warm, warm_template
from assetops.resident.client import Forked, NoTemplate, ask
from assetops.resident.launcher import TemplateRunLauncher
from assetops.settings import load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def warm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warm]:
    (tmp_path / "imported.py").write_text("")
    added = os.pathsep.join([str(ROOT / "platform"), str(tmp_path)])
    monkeypatch.setenv("PYTHONPATH", added)
    warm = Warm(load_settings(tmp_path, {}), ["imported"])
    yield warm
    warm.close()
    if warm.process:
        warm.process.kill()
        warm.process.wait()
    assert not warm.folder.exists()


def tended(warm: Warm, until: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not until():
        assert time.monotonic() < deadline
        warm.tend()
        time.sleep(0.01)


def test_one_that_retires_is_replaced(warm: Warm, tmp_path: Path) -> None:
    tended(warm, lambda: warm.connection)
    first = warm.process
    assert first and warm.folder.stat().st_mode & 0o077 == 0
    os.utime(tmp_path / "imported.py", (1, 1))
    with pytest.raises(NoTemplate, match="has changed since"):
        forked(warm)
    tended(warm, lambda: warm.process is not first and warm.connection)
    assert forked(warm) == 0
    assert ask(warm.path, "nobody") is None


def forked(warm: Warm) -> int:
    there = {"folder": warm.folder, "environment": {}}
    return Forked(warm.path, ["-c", "import imported"], **there).wait(timeout=60)


def test_one_that_is_killed_is_replaced(warm: Warm) -> None:
    tended(warm, lambda: warm.connection)
    first = warm.process
    assert first
    first.kill()
    tended(warm, lambda: warm.process is not first and warm.connection)
    assert forked(warm) == 0


def test_one_that_ends_before_it_listens_is_not_started_for_ever(warm: Warm, capsys) -> None:
    assert warm.process
    warm.process.kill()
    tended(warm, lambda: warm.process is None)
    assert "The template ended with exit code -9: runs start cold." in capsys.readouterr().err


def test_without_our_launcher_there_is_no_template(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")
    assert warm_template(load_settings(tmp_path, {})) is None


def test_the_instance_of_the_root_has_our_launcher(tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    with dg.instance_for_test(overrides={"run_launcher": config["run_launcher"]}) as instance:
        launcher = instance.run_launcher
    assert isinstance(launcher, TemplateRunLauncher)
    assert "pandas" in launcher.imports
