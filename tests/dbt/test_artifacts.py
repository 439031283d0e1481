"""dbt's artifacts are kept for the last runs, and the run at work keeps its own."""

import os
from pathlib import Path

from assetops.dbt.artifacts import artifacts_of
from assetops.settings import Settings


def test_the_artifacts_of_the_last_runs_are_kept(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, dbt_runs_kept=3)
    for age, run in enumerate(["oldest", "old", "young", "youngest"]):
        folder = artifacts_of(settings, run, "dbt")
        (folder / "run_results.json").write_text("{}")
        os.utime(folder.parent, (age, age))
    runs = settings.dbt_target / "runs"
    assert {folder.name for folder in runs.iterdir()} == {"old", "young", "youngest"}
    # However old its folder is, and whatever comes after its first step.
    own = artifacts_of(settings, "own", "dbt")
    os.utime(own.parent, (0, 0))
    assert artifacts_of(settings, "own", "dbt_after_a") == own.with_name("dbt_after_a")
    assert {folder.name for folder in runs.iterdir()} == {"young", "youngest", "own"}


def test_one_run_is_kept_if_that_is_what_is_asked(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, dbt_runs_kept=1)
    for run in ("first", "second"):
        assert artifacts_of(settings, run, "dbt").is_dir()
    assert [folder.name for folder in (settings.dbt_target / "runs").iterdir()] == ["second"]
