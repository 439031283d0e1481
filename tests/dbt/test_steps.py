"""What the dbt graph is to Dagster is worked out once, and again when something has changed."""

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from assetops.dbt.cut import Cut
from assetops.dbt.steps import Step, steps_of
from assetops.project import Project, load_project

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01")


@pytest.fixture
def copied(retail: Project, tmp_path: Path) -> Project:
    """The example's project, with a target folder of its own."""
    settings = retail.settings.model_copy(update={"data": tmp_path})
    shutil.copytree(retail.settings.dbt_target, settings.dbt_target)
    (settings.dbt_target / "steps.pickle").unlink(missing_ok=True)
    return load_project(settings, settings.dbt_target / "manifest.json")


def facts(steps: list[Step]) -> list[object]:
    return [(step.part, step.assets, step.checks) for step in steps]


def test_what_is_kept_is_what_was_worked_out(copied: Project) -> None:
    cut = Cut(copied, {"marts/orders"})
    first = steps_of(cut, DAYS)
    file = copied.settings.dbt_target / "steps.pickle"
    written = file.stat().st_mtime_ns
    again = steps_of(Cut(copied, {"marts/orders"}), DAYS)
    assert facts(again) == facts(first)
    assert file.stat().st_mtime_ns == written
    specs = {spec.key.to_user_string(): spec for step in again for spec in step.assets}
    assert specs["marts/orders"].partitions_def == DAYS
    assert specs["marts/customers"].partitions_def is None


def test_a_platform_that_was_moved_refers_to_its_own_code(copied: Project, tmp_path: Path) -> None:
    steps_of(Cut(copied), DAYS)
    moved = copied.settings.model_copy(update={"dbt_project_dir": tmp_path / "elsewhere"})
    file = copied.settings.dbt_target / "steps.pickle"
    written = file.stat().st_mtime_ns
    (first, *_) = steps_of(Cut(replace(copied, settings=moved)), DAYS)
    assert file.stat().st_mtime_ns == written
    found = [spec.metadata["dagster/code_references"] for spec in first.assets]
    paths = [reference.file_path for each in found for reference in each.code_references]
    assert paths
    assert all(path.startswith(str(tmp_path / "elsewhere")) for path in paths)


def test_another_gate_makes_other_steps(copied: Project) -> None:
    names = [step.part.name for step in steps_of(Cut(copied), DAYS)]
    gated = [step.part.name for step in steps_of(Cut(copied, {"marts/orders"}), DAYS)]
    assert "dbt_after_orders" in gated
    assert "dbt_after_orders" not in names


def test_another_manifest_makes_other_steps(copied: Project) -> None:
    steps_of(Cut(copied), DAYS)
    file = copied.settings.dbt_target / "steps.pickle"
    kept = file.read_bytes()
    later = datetime.now(UTC).timestamp() + 5
    os.utime(copied.manifest_path, (later, later))
    steps_of(Cut(replace(copied)), DAYS)
    assert file.read_bytes()[:32] != kept[:32]


def test_contracts_are_read_again_when_the_manifest_has_changed(copied: Project) -> None:
    assert load_project(copied.settings, copied.manifest_path).datasets == copied.datasets
    text = copied.manifest_path.read_text()
    assert text.count("One row per order as it is now") >= 1
    copied.manifest_path.write_text(text.replace("One row per order as it is now", "Orders"))
    changed = load_project(copied.settings, copied.manifest_path)
    assert changed.dataset("marts/orders").description.startswith("Orders")


def test_kept_contracts_that_cannot_be_read_are_made_again(copied: Project) -> None:
    kept = copied.manifest_path.with_name("datasets.json")
    kept.write_text("{")
    assert load_project(copied.settings, copied.manifest_path).datasets == copied.datasets
    assert kept.read_text() != "{"
