"""What the manifest says of a node: its meta, and its tests as promises of a dataset."""

from collections.abc import Container, Mapping
from typing import Any

from assetops.model import DbtTest, Severity

Node = Mapping[str, Any]


def tests_by_node(manifest: Node) -> dict[str, tuple[DbtTest, ...]]:
    """Return each node's dbt tests, placed as dagster-dbt places them."""
    found: dict[str, list[DbtTest]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and (target := tested_node(node, manifest)):
            found.setdefault(target, []).append(
                DbtTest(
                    name=node["name"],
                    kind=(node.get("test_metadata") or {}).get("name", ""),
                    severity=Severity.CRITICAL
                    if node["config"]["severity"].lower() == "error"
                    else Severity.WARNING,
                    column=node.get("column_name"),
                    description=node.get("description") or _said(node),
                )
            )
    return {unique_id: tuple(tests) for unique_id, tests in found.items()}


def _said(test: Node) -> str:
    """Say what a generic test without a description expects, from its name and its arguments."""
    metadata = test.get("test_metadata") or {}
    arguments = metadata.get("kwargs", {})
    words = [test.get("column_name"), metadata.get("name", "").replace("_", " ")]
    given = [v for name, v in arguments.items() if name not in ("model", "column_name")]
    if given:
        words[-1] = f"{words[-1]}:"
        words += [", ".join(map(str, v)) if isinstance(v, list) else str(v) for v in given]
    return " ".join(filter(None, words))


def meta_of(node: Node) -> dict[str, Any]:
    """Return a node's or a column's meta, in which its config outranks its properties."""
    return {**node.get("meta", {}), **node.get("config", {}).get("meta", {})}


def tested_node(test: Node, manifest: Node) -> str | None:
    """Return the node or source that a test counts for: the last, if its yml names none."""
    if test.get("attached_node"):
        return str(test["attached_node"])
    ref = meta_of(test).get("dagster", {}).get("ref")
    parents: list[str] = test["depends_on"]["nodes"]
    if ref:
        return next((p for p in parents if p.split(".")[2] == ref["name"]), None)
    return next((p for p in parents if not _is_above(p, parents, manifest)), None)


def _is_above(node: str, others: Container[str], manifest: Node) -> bool:
    """Say whether one of the others is made from a node."""
    below = list(manifest.get("child_map", {}).get(node, ()))
    seen: set[str] = set()
    while below:
        child = below.pop()
        if child in others:
            return True
        if child not in seen:
            seen.add(child)
            below.extend(manifest.get("child_map", {}).get(child, ()))
    return False
