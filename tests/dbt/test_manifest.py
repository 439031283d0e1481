"""A dbt project is parsed again when what dbt reads has changed, and not when it was moved."""

import shutil
from pathlib import Path

import pytest

from assetops.dbt.manifest import refresh_manifest
from assetops.settings import load_settings

# A dbt of one's own: each line of its manifest is a time that it was asked to parse.
DBT = """#!/bin/sh
while [ "$1" != --target-path ]; do shift; done
echo parsed >> "$2/manifest.json"
"""
PATH = "{{ env_var('ASSETOPS_WAREHOUSE') }}"


def parsed(root: Path) -> int:
    """Return how often the project has been parsed, once the manifest is as new as the project."""
    return len(refresh_manifest(load_settings(root, {})).read_text().splitlines())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / "dbt_project/models").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[tool.assetops]\ndbt_executable = "./dbt"\n')
    (root / "dbt").write_text(DBT)
    (root / "dbt").chmod(0o755)
    (root / "dbt_project/dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    profile = f'shop: {{outputs: {{dev: {{type: duckdb, path: "{PATH}"}}}}}}\n'
    (root / "dbt_project/profiles.yml").write_text(profile)
    (root / "dbt_project/models/one.sql").write_text("select 1 as n")
    return root


def test_it_is_parsed_again_when_a_file_or_a_variable_has_changed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = root / "dbt_project/models/one.sql"
    assert (parsed(root), parsed(root)) == (1, 1)
    model.write_text("select {{ env_var('NUMBER') }} as n")
    monkeypatch.setenv("NUMBER", "1")
    assert (parsed(root), parsed(root)) == (2, 2)
    monkeypatch.setenv("NUMBER", "2")
    assert (parsed(root), parsed(root)) == (3, 3)


@pytest.mark.parametrize(("model", "times"), [("select 1", 1), (f"from '{PATH}'", 2)])
def test_one_that_was_moved_is_parsed_again_only_if_a_model_reads_where_it_was(
    root: Path, model: str, times: int
) -> None:
    (root / "dbt_project/models/one.sql").write_text(model)
    assert parsed(root) == 1
    moved = shutil.move(root, root.with_name("elsewhere"))
    assert parsed(moved) == times
