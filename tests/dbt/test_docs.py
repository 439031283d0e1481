"""dbt's docs of a release are its own page, with what was kept when the release was made."""

import json
import re
from pathlib import Path
from typing import Any

from assetops.dbt.docs import docs_page


def release(folder: Path, description: str = "") -> Path:
    node = {"name": "customers", "alias": "people", "schema": "Marts", "description": description}
    manifest = {"nodes": {"model.shop.customers": node}, "sources": {}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    columns = {"marts.people": [["id", "BIGINT"], ["name", "VARCHAR"]]}
    (folder / "columns.json").write_text(json.dumps(columns))
    return folder


def inlined(page: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the manifest and the catalog that dbt's script finds in the page."""
    found = re.search(r"n=\{manifest:(.*?),catalog:(.*?)\},r=\{project", page or "")
    assert found
    return json.loads(found[1]), json.loads(found[2])


def test_the_columns_are_those_of_the_release(tmp_path: Path) -> None:
    _, catalog = inlined(docs_page(release(tmp_path)))
    columns = catalog["nodes"]["model.shop.customers"]["columns"]
    assert [(c["name"], c["type"], c["index"]) for c in columns.values()] == [
        ("id", "BIGINT", 1),
        ("name", "VARCHAR", 2),
    ]


def test_a_description_brings_no_script_into_the_page(tmp_path: Path) -> None:
    bad = '</script><script>alert(1)</script> "CATALOG.JSON INLINE DATA"'
    page = docs_page(release(tmp_path, bad))
    assert page and "<script>alert(1)" not in page
    manifest, _ = inlined(page)
    assert manifest["nodes"]["model.shop.customers"]["description"] == bad


def test_a_release_without_a_manifest_has_no_docs(tmp_path: Path) -> None:
    assert docs_page(tmp_path) is None
