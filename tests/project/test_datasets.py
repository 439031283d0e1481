"""What the example business promises of its datasets is complete, and nothing checks a ghost."""

import json
from pathlib import Path

from assetops.project import Project

ROOT = Path(__file__).parents[2]
SUITES = ROOT / "gx" / "expectations"


def test_every_published_dataset_has_an_owner_a_description_and_a_freshness(
    retail: Project,
) -> None:
    published = retail.published()
    assert published
    incomplete = {
        dataset.address
        for dataset in published
        if not (dataset.contract.owners and dataset.description and dataset.contract.fresh_within)
    }
    assert incomplete == set()


def test_every_published_dataset_and_every_source_has_a_suite(retail: Project) -> None:
    gated = [*retail.published(), *retail.ingested()]
    without = [d.address for d in gated if not (SUITES / f"{d.address}.json").exists()]
    assert without == []


def test_every_suite_checks_a_known_asset(retail: Project) -> None:
    addresses = {path.relative_to(SUITES).with_suffix("").as_posix() for path in suite_files()}
    assert addresses - set(retail.by_address) == set()


def test_every_expectation_says_why_in_words() -> None:
    silent = []
    for path in suite_files():
        for expectation in json.loads(path.read_text())["expectations"]:
            words = (expectation.get(key) for key in ("description", "notes"))
            if not any(words):
                silent.append(f"{path.relative_to(ROOT)}: {expectation['type']}")
    assert silent == []


def test_every_column_is_described(retail: Project) -> None:
    silent = [
        f"{dataset.address}.{column.name}"
        for dataset in retail.datasets.values()
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
