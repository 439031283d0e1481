"""The UI leads from an asset to the file and the line of its code."""

from pathlib import Path

import pytest
from tests.test_project import node, project

from assetops.dbt.places import code_references
from assetops.project import Project


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    models = tmp_path / "dbt_project/models"
    models.mkdir(parents=True)
    (tmp_path / "data/dev/dbt").mkdir(parents=True)
    (models / "customers.sql").write_text("select 1")
    (models / "all.yml").write_text(
        'models:\n  - name: customers_old\n  - name: "customers" # who bought\n  - {name: orders}\n'
    )
    (models / "history.sql").write_text("\n{% snapshot history %}select 1{% endsnapshot %}")
    together = {"patch_path": "shop://models/all.yml"}
    return project(
        tmp_path,
        node("customers", **together),
        node("orders", **together),
        node("history", kind="snapshot", patch_path=None),
    )


def places(project: Project) -> dict[str, list[str]]:
    """Return the references of each node, as paths below the root with a line."""
    root = f"{project.settings.root}/dbt_project/models/"
    return {
        unique_id.split(".")[2]: [
            reference.source.removeprefix(root)
            for reference in metadata["dagster/code_references"].code_references
        ]
        for unique_id, metadata in code_references(project).items()
    }


def test_each_node_is_found_at_its_line_of_each_of_its_files(shop: Project) -> None:
    assert places(shop) == {
        "customers": ["customers.sql:1", "all.yml:3"],
        "orders": ["orders.sql:1", "all.yml:4"],
        "history": ["history.sql:2"],
    }
