"""The dbt graph as Dagster sees it: the specs of its assets and checks, one step for each part."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import dagster as dg
from dagster_dbt.asset_utils import group_from_dbt_resource_props_fallback_to_directory
from dagster_dbt.dagster_dbt_translator import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from assetops.dbt.built import table_schema
from assetops.dbt.cut import Cut
from assetops.dbt.places import code_references
from assetops.dbt.steps import Step
from assetops.errors import ConfigError
from assetops.model import Dataset, Kind
from assetops.project import Project

# What Dagster does not allow in the name of a group.
_NO_NAME = re.compile(r"[^A-Za-z0-9_]")
_ITS_OWN = {"dagster_dbt/manifest", "dagster_dbt/dagster_dbt_translator", "dagster_dbt/project"}


class Translator(DagsterDbtTranslator):
    """dagster-dbt's translation, with what the contract adds."""

    def __init__(self, project: Project) -> None:
        """Translate the project's nodes."""
        super().__init__(
            DagsterDbtTranslatorSettings(
                enable_asset_checks=True, enable_source_tests_as_checks=True
            )
        )
        self.datasets = project.datasets
        # dagster-dbt asks for a node's spec again for each child and each test of it.
        self._specs: dict[str, dg.AssetSpec] = {}

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the asset group of a dbt node, spelled as Dagster allows it.

        Where nothing says it, it is the folder: a graph of thousands without groups has no shape.
        """
        name = group_from_dbt_resource_props_fallback_to_directory(dbt_resource_props)
        return _NO_NAME.sub("_", name) if name else None

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        """Return nothing: contracts say who owns what."""
        return ()

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetSpec:
        """Return the spec of a dbt node."""
        if unique_id not in self._specs:
            self._specs[unique_id] = self._asset_spec(manifest, unique_id, project)
        return self._specs[unique_id]

    def _asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        dataset = self.datasets.get(unique_id)
        if dataset is None:
            return spec
        if dataset.kind is Kind.SOURCE:
            return spec.replace_attributes(key=dg.AssetKey(dataset.key))
        return spec.replace_attributes(
            key=dg.AssetKey(dataset.key),
            kinds=spec.kinds | {dataset.kind.value} - {Kind.MODEL.value},
            description=dataset.description,
            group_name=_NO_NAME.sub("_", dataset.key[0])
            if len(dataset.key) > 1
            else spec.group_name,
            owners=list(dataset.contract.owners),
        )

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetCheckSpec | None:
        """Return the spec of a dbt test, which says what it expects even if its yml does not."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None or spec.description:
            return spec
        return spec._replace(description=self._said.get(spec.name, ""))

    @cached_property
    def _said(self) -> Mapping[str, str]:
        tests = (test for dataset in self.datasets.values() for test in dataset.tests)
        return {test.name: test.description for test in tests}


def _private_columns(dataset: Dataset) -> Mapping[str, Any]:
    """Return the columns with what is private in them, where dagster-dbt's would not say so."""
    if not any(column.pii for column in dataset.columns):
        return {}
    columns = [(column.name, column.data_type or "?") for column in dataset.columns]
    return {"dagster/column_schema": table_schema(dataset, columns)}


def translated(cut: Cut) -> Iterator[Step]:
    """Yield a step for each part of the dbt graph, without the partitions of its assets."""
    translator, manifest = Translator(cut.project), with_places(cut)
    project, code = cut.project, code_references(cut.project)

    def spec(unique_id: str) -> dg.AssetSpec:
        spec = translator.get_asset_spec(manifest, unique_id, None)
        # The manifest itself and the translator, which dagster-dbt reads from no asset of ours.
        return spec.replace_attributes(
            metadata={
                **_without(spec.metadata, _ITS_OWN),
                **code[unique_id],
                **_private_columns(project.datasets[unique_id]),
            },
            deps=[dep._replace(metadata=_without(dep.metadata, _ITS_OWN)) for dep in spec.deps],
        )

    for part in cut.parts:
        checks = []
        for test, at in part.tests.items():
            # dagster-dbt asks for no more of an asset's spec than its key.
            asset = dg.AssetSpec(dg.AssetKey(project.datasets[at].key))
            check = translator.get_asset_check_spec(asset, manifest, test, None)
            if check is None:
                raise ConfigError(f"{test} has no place: dagster-dbt makes no check of it.")
            checks.append(check)
        yield Step(part, [spec(unique_id) for unique_id in part.nodes], checks)


def with_places(cut: Cut) -> Mapping[str, Any]:
    """Return the manifest as dagster-dbt is to see it: each test attached where it runs."""
    manifest = cut.project.manifest
    nodes, parents = dict(manifest["nodes"]), dict(manifest["parent_map"])
    for part in cut.parts:
        for test, at in part.tests.items():
            node, seen = nodes[test], cut.seen_by(test)
            parents[test] = seen
            nodes[test] = {
                **node,
                "attached_node": at,
                "depends_on": {**node["depends_on"], "nodes": seen},
                # A place that the yml asks for has been heard by whoever made the cut.
                "meta": _without(node.get("meta", {}), {"dagster"}),
                "config": {
                    **node["config"],
                    "meta": _without(node["config"]["meta"], {"dagster"}),
                },
            }
    return {**manifest, "nodes": nodes, "parent_map": parents}


def _without(mapping: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name not in names}
