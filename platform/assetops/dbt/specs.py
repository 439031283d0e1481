"""The dbt graph as Dagster sees it: specs of assets and checks, cut where Python comes between."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from assetops.errors import ConfigError
from assetops.model import Kind
from assetops.project import Project

# What Dagster does not allow in the name of a group.
_NO_NAME = re.compile(r"[^A-Za-z0-9_]")
_BUILT = (Kind.MODEL, Kind.SNAPSHOT, Kind.SEED)


class Translator(DagsterDbtTranslator):
    """dagster-dbt's translation, with what the contract adds."""

    def __init__(self, project: Project, partitions: dg.PartitionsDefinition[str] | None) -> None:
        """Translate the project's nodes; those with a daily contract get the partitions."""
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=True))
        self.datasets = project.datasets
        self.partitions = partitions

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the asset group of a dbt node, spelled as Dagster allows it."""
        name = super().get_group_name(dbt_resource_props)
        return _NO_NAME.sub("_", name) if name else None

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        """Return nothing: contracts say who owns what."""
        return ()

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetSpec:
        """Return the spec of a dbt node."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        dataset = self.datasets.get(unique_id)
        if dataset is None:
            return spec
        if dataset.kind is Kind.SOURCE:
            return spec.replace_attributes(key=dg.AssetKey(dataset.key))
        return spec.replace_attributes(
            key=dg.AssetKey(dataset.key),
            description=dataset.description,
            group_name=_NO_NAME.sub("_", dataset.key[0])
            if len(dataset.key) > 1
            else spec.group_name,
            owners=list(dataset.contract.owners),
            partitions_def=self.partitions if dataset.contract.partition else None,
        )

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetCheckSpec | None:
        """Return the spec of a dbt test, which says what it expects even if its yml does not."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None or spec.description:
            return spec
        tests = (test for dataset in self.datasets.values() for test in dataset.tests)
        said = next((test.description for test in tests if test.name == spec.name), "")
        return spec._replace(description=said)


@dataclass
class Stage:
    """What one op builds and tests: all of dbt that no Python asset comes between."""

    assets: list[dg.AssetSpec] = field(default_factory=list)
    checks: list[dg.AssetCheckSpec] = field(default_factory=list)


def stages_of(
    project: Project, translator: Translator, python: Sequence[dg.AssetsDefinition]
) -> list[Stage]:
    """Return the dbt graph cut into as few stages as the Python assets inside it allow.

    Dagster would cut it too, but by the depth of the graph and so into more pieces.
    """
    specs = {
        dataset.unique_id: translator.get_asset_spec(project.manifest, dataset.unique_id, None)
        for dataset in project.datasets.values()
        if dataset.kind in _BUILT and not _is_ephemeral(project, dataset.unique_id)
    }
    depth = _depths(specs.values(), python, _read_as_sources(project))
    stages: dict[int, Stage] = {}
    for spec in specs.values():
        stages.setdefault(depth[spec.key], Stage()).assets.append(spec)
    for unique_id, node in project.manifest["nodes"].items():
        if node["resource_type"] == "test":
            parents = [specs[p] for p in node["depends_on"]["nodes"] if p in specs]
            checks = (
                translator.get_asset_check_spec(parent, project.manifest, unique_id, None)
                for parent in parents
            )
            if check := next(filter(None, checks), None):
                # A test that looks at several models can run once the last of them is built.
                stages[max(depth[parent.key] for parent in parents)].checks.append(check)
    return [stages[number] for number in sorted(stages)]


def _read_as_sources(project: Project) -> set[tuple[dg.AssetKey, dg.AssetKey]]:
    """Return which assets are read by source() although dbt builds them: it would not wait."""
    sources = {i: d for i, d in project.datasets.items() if d.kind is Kind.SOURCE and d.parents}
    return {
        (dg.AssetKey(dataset.key), dg.AssetKey(sources[parent].key))
        for dataset in project.datasets.values()
        for parent in dataset.parents
        if parent in sources
    }


def _depths(
    specs: Iterable[dg.AssetSpec],
    python: Sequence[dg.AssetsDefinition],
    apart: Collection[tuple[dg.AssetKey, dg.AssetKey]],
) -> Mapping[dg.AssetKey, int]:
    """Return how many Python assets stand in line before each dbt asset."""
    dbt = {spec.key: [dep.asset_key for dep in spec.deps] for spec in specs}
    others = {key: asset.asset_deps[key] for asset in python for key in asset.keys}

    @cache
    def depth(key: dg.AssetKey) -> int:
        above = dbt.get(key, others.get(key, ()))
        before = max((depth(parent) + ((key, parent) in apart) for parent in above), default=0)
        return before + (key in others)

    try:
        return {key: depth(key) for key in dbt}
    except RecursionError:
        names = ", ".join(key.to_user_string() for key in others)
        raise ConfigError(
            f"The Python assets {names} and the dbt models depend on each other in a circle. "
            "Remove a dep from the asset, or a source() from a model."
        ) from None


def _is_ephemeral(project: Project, unique_id: str) -> bool:
    node = project.manifest["nodes"][unique_id]
    return bool(node.get("config", {}).get("materialized") == "ephemeral")
