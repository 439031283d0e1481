"""Where things are: the root, what its dbt manifest says, its contracts and its suites."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from assetops.dbt_tests import meta_of, tested_node, tests_by_node
from assetops.errors import ConfigError, ContractError, did_you_mean, sentence
from assetops.marts import fit_test_names, with_fit_keys, with_marts, with_sources_made_here
from assetops.model import (
    MASK,
    Column,
    ColumnContract,
    Contract,
    Dataset,
    DbtTest,
    Kind,
    Relation,
)
from assetops.settings import Settings
from assetops.settings_file import has_settings

Node = Mapping[str, Any]
Block = TypeVar("Block", bound=BaseModel)
_KEPT = TypeAdapter(tuple[str, dict[str, Dataset]])


@dataclass(frozen=True)
class Project:
    """Everything the files of one platform say."""

    settings: Settings
    manifest_path: Path
    datasets: dict[str, Dataset]

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """Dbt's manifest, whole: read by who runs dbt, too large to be read by all who look."""
        return _manifest(self.manifest_path)

    @property
    def suites_dir(self) -> Path:
        """Where suites are, each found by its asset key as a path."""
        return self.settings.root / "gx" / "expectations"

    @cached_property
    def by_address(self) -> Mapping[str, Dataset]:
        """The datasets by asset key, such as `marts/customers`."""
        return {dataset.address: dataset for dataset in self.datasets.values()}

    def learn_parents(self, parents: Mapping[tuple[str, ...], Iterable[tuple[str, ...]]]) -> None:
        """Take in what Python-made datasets are made from, which dbt does not know.

        Args:
            parents: By asset key, the keys of its parents.
        """
        known = {dataset.key: dataset for dataset in self.datasets.values()}
        for key in parents.keys() & known.keys():
            above = parents[key]
            made_from = tuple(known[parent].unique_id for parent in above if parent in known)
            learned = known[key].model_copy(update={"kind": Kind.PYTHON, "parents": made_from})
            self.datasets[learned.unique_id] = learned
        for unique_id, dataset in self.datasets.items():
            if dataset.kind is Kind.PYTHON and dataset.key not in parents:
                # Somebody else's asset: dbt finds its table in the warehouse, as any source.
                self.datasets[unique_id] = dataset.model_copy(update={"kind": Kind.SOURCE})
        self.__dict__.pop("by_address", None)

    def dataset(self, address: str) -> Dataset:
        """Return one dataset by its asset key; published/<name> is the mart of that name."""
        if address.startswith("published/"):
            for dataset in self.published():
                if "/".join(dataset.published_key) == address:
                    return dataset
        if address not in self.by_address:
            known = [*self.by_address, *("/".join(d.published_key) for d in self.published())]
            raise ConfigError(f"No dataset is called {address}.{did_you_mean(address, known)}")
        return self.by_address[address]

    def ingested(self) -> list[Dataset]:
        """Return the sources that landing files feed."""
        return [d for d in self.datasets.values() if d.contract.ingest]

    @property
    def partitioned(self) -> bool:
        """Whether anything here comes by landing day."""
        contracts = [dataset.contract for dataset in self.datasets.values()]
        return any(c.partition or (c.ingest and c.ingest.partition) for c in contracts)

    def published(self) -> list[Dataset]:
        """Return the datasets that consumers read."""
        return [d for d in self.datasets.values() if d.contract.publish]

    def home_of(self, test: str) -> str | None:
        """Return the dataset that a dbt test counts for."""
        return tested_node(self.manifest["nodes"][test], self.manifest)

    def ancestors(self, dataset: Dataset) -> set[str]:
        """Return the unique ids of everything the dataset is made from."""
        found: set[str] = set()
        waiting = list(dataset.parents)
        while waiting:
            unique_id = waiting.pop()
            if unique_id not in found and unique_id in self.datasets:
                found.add(unique_id)
                waiting.extend(self.datasets[unique_id].parents)
        return found


def find_root(start: Path) -> Path:
    """Return the nearest folder at or above `start` that holds a platform."""
    for folder in (start, *start.parents):
        if (folder / "dbt_project" / "dbt_project.yml").exists() or has_settings(folder):
            return folder
    raise ConfigError(
        f"{start} is not inside an AssetOps project: no dbt_project/dbt_project.yml here or above, "
        "and no pyproject.toml with [tool.assetops]. Go to the project's folder and try again, or "
        "make one: assetops init DIR"
    )


def load_project(settings: Settings, manifest_path: Path) -> Project:
    """Read every contract in the manifest; a `ContractError` names file, model and key.

    What they say is kept beside the manifest, and read again only when that has changed.
    """
    kept = manifest_path.with_name("datasets.json")
    files = key_of_files(manifest_path, *Path(__file__).parent.glob("*.py"))
    key = f"{files} {settings.publish} {settings.catalog} {settings.dbt_project_dir}"
    found = _kept(kept, key)
    if found is None:
        found = _datasets(_manifest(manifest_path), settings)
        (aside := kept.with_suffix(f".{os.getpid()}")).write_bytes(_KEPT.dump_json((key, found)))
        aside.replace(kept)
    return Project(settings, manifest_path, found)


def key_of_files(*files: Path) -> str:
    """Return what stands for the contents of files: their names, sizes and times of change."""
    stats = [(file.name, stat.st_size, stat.st_mtime_ns) for file in files if (stat := file.stat())]
    return hashlib.sha256(repr(sorted(stats)).encode()).hexdigest()


def _kept(file: Path, key: str) -> dict[str, Dataset] | None:
    try:
        known, found = _KEPT.validate_json(file.read_bytes())
        return found if known == key else None
    except (FileNotFoundError, ValidationError):
        return None


def _manifest(path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(path.read_bytes())
    fit_test_names(manifest)
    return manifest


def _datasets(manifest: Node, settings: Settings) -> dict[str, Dataset]:
    tests = tests_by_node(manifest)
    nodes = {**manifest["sources"], **manifest["nodes"]}
    datasets = {
        unique_id: _dataset(node, manifest, settings, tests.get(unique_id, ()))
        for unique_id, node in nodes.items()
        if node["resource_type"] in ("model", "source", "snapshot", "seed")
    }
    datasets = with_sources_made_here(with_fit_keys(datasets, manifest), manifest)
    if settings.publish == "marts":
        datasets = with_marts(datasets, manifest, settings.catalog)
    _reject_name_clashes(datasets)
    return datasets


def _dataset(node: Node, manifest: Node, settings: Settings, tests: tuple[DbtTest, ...]) -> Dataset:
    package, _, file = (node.get("patch_path") or "").rpartition("://")
    package, file = package or node["package_name"], file or node["original_file_path"]
    inside = package == manifest["metadata"]["project_name"]
    folder = settings.dbt_project_dir
    file = str((folder if inside else folder / "dbt_packages" / package) / file)
    contract = _contract(node, manifest, file)
    return Dataset(
        key=asset_key(node),
        kind=_kind(node, contract),
        unique_id=node["unique_id"],
        relation=Relation(
            schema_name=node["schema"],
            name=node.get("identifier") or node.get("alias") or node["name"],
        ),
        description=node.get("description", ""),
        file=file,
        contract=contract,
        columns=tuple(_column(column, node, file) for column in node["columns"].values()),
        tests=tests,
        parents=tuple(node.get("depends_on", {}).get("nodes", ())),
    )


def asset_key(node: Node) -> tuple[str, ...]:
    """Return dagster-dbt's asset key for a manifest node, without importing dagster-dbt."""
    declared = meta_of(node).get("dagster", {}).get("asset_key")
    if declared:
        return tuple(declared)
    if node["resource_type"] == "source":
        return (node["source_name"], node["name"])
    name = node["alias"] if node.get("version") else node["name"]
    schema = node.get("config", {}).get("schema")
    return (schema, name) if schema else (name,)


def _kind(node: Node, contract: Contract) -> Kind:
    if node["resource_type"] == "source" and meta_of(node).get("dagster", {}).get("asset_key"):
        return Kind.SOURCE if contract.ingest else Kind.PYTHON
    return Kind(node["resource_type"])


def _contract(node: Node, manifest: Node, file: str) -> Contract:
    where = f"{file}: {node['name']}"
    block = meta_of(node).get("assetops", {})
    hidden = set(node.get("source_meta", {}).get("assetops", {})) - set(block)
    if hidden:
        raise ContractError(
            f"{where}: meta.assetops hides {', '.join(sorted(hidden))} of its source, because dbt "
            "does not merge the two. Repeat it on the table, or give it by a dbt group."
        )
    contract = _parse(Contract, block, where)
    group = (node.get("config") or {}).get("group")
    if not contract.owners and group:
        owner = manifest["groups"][f"group.{node['package_name']}.{group}"]["owner"]
        emails = owner.get("email") or ()
        emails = (emails,) if isinstance(emails, str) else tuple(emails)
        owners = tuple(e for e in emails if "@" in e) or (f"team:{group}",)
        contract = contract.model_copy(update={"owners": owners})
    return contract


def _column(column: Node, node: Node, file: str) -> Column:
    where = f"{file}: {node['name']}.{column['name']}"
    return Column(
        name=column["name"],
        description=column.get("description", ""),
        data_type=column.get("data_type"),
        pii=_parse(ColumnContract, meta_of(column).get("assetops", {}), where).pii,
        tags=tuple(column.get("tags", ())),
    )


def _parse(kind: type[Block], block: Any, where: str) -> Block:
    try:
        return kind.model_validate(block)
    except ValidationError as error:
        raise ContractError(
            "\n".join(f"{where}: {mistake(kind, dict(e))}" for e in error.errors())
        ) from None


def mistake(kind: type[BaseModel], error: Mapping[str, Any], block: str = "contract") -> str:
    """Say what pydantic found wrong with a `meta.assetops` block, with the nearest valid key."""
    path = [part for part in error["loc"] if isinstance(part, str)]
    key = ".".join(["meta.assetops", *path])
    if error["type"] == "extra_forbidden":
        known = _fields_at(kind, path[:-1])
        return f"{key} is no key of a {block}.{did_you_mean(path[-1], known)}"
    if error["type"] == "missing":
        return f"{key} is missing."
    # A URL that should not be there may have a password in it.
    said = MASK if "://" in (plain := repr(error["input"])) else plain
    return f"{key} is {said}: {sentence(error['msg'])}"


def _fields_at(kind: type[BaseModel], path: list[str]) -> list[str]:
    """Return the field names of the model that a path of keys leads to."""
    for part in path:
        for candidate in _models_in(kind.model_fields[part].annotation):
            kind = candidate
    return list(kind.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models_in(inner)


def _reject_name_clashes(datasets: Mapping[str, Dataset]) -> None:
    published: dict[str, Dataset] = {}
    for dataset in datasets.values():
        if dataset.contract.publish:
            other = published.setdefault(dataset.published_name, dataset)
            if other is not dataset:
                raise ContractError(
                    f"{dataset.file} and {other.file} both publish {dataset.published_name}. "
                    "Consumers know a table by its name: rename one, or publish one."
                )
