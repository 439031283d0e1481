"""The folders in which dbt leaves its artifacts, one for each step of the last so many runs."""

import shutil
from pathlib import Path

from assetops.settings import Settings


def artifacts_of(settings: Settings, run_id: str, step: str) -> Path:
    """Return the folder of a step of a run; the first step of a run forgets the oldest runs."""
    runs = settings.dbt_target / "runs"
    folder = runs / run_id
    if not folder.exists():
        folder.mkdir(parents=True)
        _forget(runs, folder, keep=settings.dbt_runs_kept)
    (folder / step).mkdir(exist_ok=True)
    return folder / step


def _forget(runs: Path, own: Path, *, keep: int) -> None:
    others = [folder for folder in runs.iterdir() if folder != own]
    others.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in others[keep - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)
