"""What the example business promises of its datasets is complete, and nothing checks a ghost."""

import json
from pathlib import Path

import pytest

from assetops.dbt.manifest import refresh_manifest
from assetops.project import Project, load_project
from assetops.settings import load_settings

ROOT = Path(__file__).parents[2]
SUITES = ROOT / "gx" / "expectations"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The repo's own project, parsed into a folder of the test's."""
    data = tmp_path_factory.mktemp("data")
    settings = load_settings(ROOT, {"ASSETOPS_DATA": str(data), "ASSETOPS_ENV": "ci"})
    return load_project(settings, refresh_manifest(settings))


def test_every_published_dataset_has_an_owner_a_description_and_a_freshness(
    project: Project,
) -> None:
    published = project.published()
    assert published
    incomplete = {
        dataset.address
        for dataset in published
        if not (dataset.contract.owners and dataset.description and dataset.contract.fresh_within)
    }
    assert incomplete == set()


def test_every_published_dataset_and_every_source_has_a_suite(project: Project) -> None:
    gated = [*project.published(), *project.ingested()]
    without = [d.address for d in gated if not (SUITES / f"{d.address}.json").exists()]
    assert without == []


def test_every_suite_checks_a_known_asset(project: Project) -> None:
    addresses = {path.relative_to(SUITES).with_suffix("").as_posix() for path in suite_files()}
    assert addresses - set(project.by_address) == set()


def test_every_expectation_says_why_in_words() -> None:
    silent = []
    for path in suite_files():
        for expectation in json.loads(path.read_text())["expectations"]:
            words = (expectation.get(key) for key in ("description", "notes"))
            if not any(words):
                silent.append(f"{path.relative_to(ROOT)}: {expectation['type']}")
    assert silent == []


def test_every_column_is_described(project: Project) -> None:
    silent = [
        f"{dataset.address}.{column.name}"
        for dataset in project.datasets.values()
        for column in dataset.columns
        if not column.description
    ]
    assert silent == []


def test_every_model_has_its_own_yml_beside_it() -> None:
    models = (ROOT / "dbt_project" / "models").rglob("*.sql")
    assert [path.name for path in models if not path.with_suffix(".yml").exists()] == []


def suite_files() -> list[Path]:
    """Return the files of all suites."""
    found = sorted(SUITES.rglob("*.json"))
    assert found
    return found
