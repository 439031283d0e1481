"""dbt's own docs of one release, as `dbt docs generate --static` writes them, without running dbt.

Manifest and columns were kept when the release was made: dbt would describe the warehouse of now.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# dbt's page is one script, and asks for nothing more. Without an origin of its own it could not
# read a page beside it either, whatever a description in the project has brought into it.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; base-uri 'none'; form-action 'none'; "
    "sandbox allow-scripts allow-popups"
)
_PLACES = re.compile(r'"(MANIFEST|CATALOG)\.JSON INLINE DATA"')


def docs_page(release: Path) -> str | None:
    """Return the docs of a release, by its folder; None where it has kept no manifest."""
    from dbt.task.docs import DOCS_INDEX_FILE_PATH

    try:
        manifest = (release / "manifest.json").read_text()
    except FileNotFoundError:
        return None
    data = {"MANIFEST": manifest, "CATALOG": json.dumps(_catalog(json.loads(manifest), release))}
    # A description may say </script>; in JSON there is no < but in texts.
    inline = {name: text.replace("<", r"\u003c") for name, text in data.items()}
    page = Path(DOCS_INDEX_FILE_PATH).read_text()
    return _PLACES.sub(lambda place: inline[place[1]], page)


def _catalog(manifest: Mapping[str, Any], release: Path) -> dict[str, Any]:
    """Return what dbt calls its catalog: each node's columns, as they were in the warehouse."""
    kept = release / "columns.json"
    columns = json.loads(kept.read_text()) if kept.exists() else {}
    entries = {kind: dict(_entries(manifest[kind], columns)) for kind in ("nodes", "sources")}
    return {"metadata": {}, **entries, "errors": None}


def _entries(
    nodes: Mapping[str, Any], columns: Mapping[str, list[tuple[str, str]]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for unique_id, node in nodes.items():
        name = node.get("identifier") or node.get("alias") or node["name"]
        found = columns.get(f"{node.get('schema')}.{name}".lower())
        if found:
            yield (
                unique_id,
                {
                    "unique_id": unique_id,
                    "metadata": {
                        "type": (node.get("config") or {}).get("materialized") or "table",
                        "database": node.get("database"),
                        "schema": node["schema"],
                        "name": name,
                        "owner": "",
                        "comment": None,
                    },
                    "columns": {
                        column: {"name": column, "type": kind, "index": index, "comment": None}
                        for index, (column, kind) in enumerate(found, 1)
                    },
                    "stats": {
                        "has_stats": {
                            "id": "has_stats",
                            "label": "Has Stats?",
                            "value": False,
                            "include": False,
                            "description": "",
                        }
                    },
                },
            )
