"""What is published where no contract says so: the marts, by how dbt projects are built."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from assetops.model import Dataset, Kind

# What an asset key may not have, because Dagster makes names of outputs from it.
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")
Node = Mapping[str, Any]

# What people call the folder, or the schema, of what they make for others.
_MARTS = {"mart", "marts", "data_marts", "datamart", "datamarts", "gold"}
# What is made for other models, whether or not there is one yet.
_INNER_FOLDERS = {"staging", "stage", "base", "intermediate", "raw", "bronze", "silver", "sources"}
_INNER_PREFIXES = ("stg_", "base_", "int_", "src_", "raw_", "_")


def with_marts(datasets: Mapping[str, Dataset], manifest: Node, catalog: str) -> dict[str, Dataset]:
    """Return the datasets, of which those that look like marts are now published.

    A model is a mart if an exposure names it, or if it is in a folder or a schema for marts. In a
    project without such a folder it is one if nothing is built from it. What a contract says of
    `publish` stands.

    Args:
        datasets: By dbt's unique id.
        manifest: dbt's.
        catalog: The warehouse's own; what is stored in another is not ours to publish.
    """
    placed = dict(_placed(datasets, manifest)) or dict(_ends(datasets, manifest))
    marts = {
        unique_id: reason
        for unique_id, reason in {**placed, **dict(_exposed(datasets, manifest))}.items()
        if datasets[unique_id].contract.publish is None
        and _is_for_others(manifest["nodes"][unique_id])
        and (manifest["nodes"][unique_id]["database"] or catalog).lower() == catalog.lower()
    }
    published = [*marts, *(i for i, dataset in datasets.items() if dataset.contract.publish)]
    # DuckDB takes no notice of case.
    names = Counter(datasets[unique_id].key[-1].lower() for unique_id in published)
    found = dict(datasets)
    for unique_id, reason in marts.items():
        dataset = datasets[unique_id]
        contract = dataset.contract.model_copy(update={"publish": True})
        news: dict[str, Any] = {"contract": contract, "mart": reason}
        if names[dataset.key[-1].lower()] > 1:
            news["publish_as"] = "__".join((unique_id.split(".")[1], *dataset.key))
        found[unique_id] = dataset.model_copy(update=news)
    return found


def with_fit_keys(datasets: Mapping[str, Dataset], manifest: Node) -> dict[str, Dataset]:
    """Return the datasets with asset keys that Dagster takes, and that no two of them share.

    What it does not take, such as a space in a schema's name, becomes an underscore. Of two models
    with one key that of a package has its name before it, and so has a source `source`.
    """
    found = {
        unique_id: dataset.model_copy(
            update={"key": tuple(_UNFIT.sub("_", part) for part in dataset.key)}
        )
        for unique_id, dataset in datasets.items()
    }
    made = [dataset for dataset in found.values() if dataset.kind is not Kind.SOURCE]
    taken = Counter(dataset.key for dataset in made)
    for unique_id, dataset in found.items():
        package = unique_id.split(".")[1]
        own = package == manifest["metadata"]["project_name"]
        if dataset.key[0] == "published":
            # What consumers see has these keys.
            found[unique_id] = dataset.model_copy(update={"key": (package, *dataset.key)})
        elif dataset.kind is Kind.SOURCE and dataset.key in taken:
            found[unique_id] = dataset.model_copy(update={"key": ("source", *dataset.key)})
        elif taken[dataset.key] > 1 and not own:
            found[unique_id] = dataset.model_copy(update={"key": (package, *dataset.key)})
    return found


def with_sources_made_here(datasets: Mapping[str, Dataset], manifest: Node) -> dict[str, Dataset]:
    """Return the datasets, where a source that dbt itself builds is made from what builds it.

    Projects that come with their own data do this: seeds, and sources that name the seeds' tables.
    dbt knows nothing of it, and would read the table before it is there.
    """
    made = {
        _place(node, node["alias"]): unique_id
        for unique_id, node in manifest["nodes"].items()
        if unique_id in datasets and node["config"].get("materialized") != "ephemeral"
    }
    found = dict(datasets)
    for unique_id, node in manifest["sources"].items():
        maker = made.get(_place(node, node["identifier"]))
        if maker and datasets[unique_id].kind is Kind.SOURCE:
            # One table is one asset.
            same = {"key": datasets[maker].key, "parents": (maker,)}
            found[unique_id] = datasets[unique_id].model_copy(update=same)
    return found


def _place(node: Node, name: str) -> tuple[str, str, str]:
    return ((node.get("database") or "").lower(), node["schema"].lower(), name.lower())


def fit_test_names(manifest: Node) -> None:
    """Rename the manifest's tests where Dagster would not take their names for checks."""
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test":
            node["name"] = re.sub(r"[^A-Za-z0-9_]", "_", node["name"])


def _exposed(datasets: Mapping[str, Dataset], manifest: Node) -> Iterator[tuple[str, str]]:
    for exposure in manifest.get("exposures", {}).values():
        for unique_id in exposure["depends_on"]["nodes"]:
            if unique_id in datasets and datasets[unique_id].kind is Kind.MODEL:
                yield unique_id, f"the exposure {exposure['name']} reads it"


def _placed(datasets: Mapping[str, Dataset], manifest: Node) -> Iterator[tuple[str, str]]:
    for unique_id, node in _own_models(datasets, manifest):
        schema = (node["config"].get("schema") or node["schema"]).lower()
        folders = [folder for folder in node["fqn"][1:-1] if folder.lower() in _MARTS]
        if folders:
            yield unique_id, f"it is in a folder called {folders[0]}"
        elif schema in _MARTS:
            yield unique_id, f"it is in the schema {schema}"


def _ends(datasets: Mapping[str, Dataset], manifest: Node) -> Iterator[tuple[str, str]]:
    """Yield the models that nothing is built from, save what reads like a step on the way."""
    used = {parent for dataset in datasets.values() for parent in dataset.parents}
    for unique_id, node in _own_models(datasets, manifest):
        made_of = [
            datasets[parent].kind for parent in node["depends_on"]["nodes"] if parent in datasets
        ]
        # A view of a source or a seed is the raw data under another name.
        raw = bool(made_of) and not set(made_of) - {Kind.SOURCE, Kind.SEED}
        inner = (
            node["name"].lower().startswith(_INNER_PREFIXES)
            or bool({folder.lower() for folder in node["fqn"][1:-1]} & _INNER_FOLDERS)
            or (raw and node["config"]["materialized"] == "view")
        )
        if unique_id not in used and not inner:
            yield unique_id, "nothing is built from it"


def _own_models(datasets: Mapping[str, Dataset], manifest: Node) -> Iterator[tuple[str, Node]]:
    """Yield the models of the project itself; those of its packages are as they come."""
    for unique_id, dataset in datasets.items():
        if dataset.kind is Kind.MODEL:
            node = manifest["nodes"][unique_id]
            if node["package_name"] == manifest["metadata"]["project_name"]:
                yield unique_id, node


def _is_for_others(node: Node) -> bool:
    """Say whether the model has a table, or a view, that is meant to be read from outside."""
    return (
        node["config"]["materialized"] not in ("ephemeral", "table_function")
        and node.get("access") != "private"
        and not node.get("time_spine")
    )
