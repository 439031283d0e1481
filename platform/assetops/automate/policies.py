"""Gives assets the conditions that their contracts choose: the one place where it is done."""

from collections.abc import Iterable, Sequence

import dagster as dg
from dagster._core.definitions.partitions.definition import TimeWindowPartitionsDefinition

from assetops.automate.conditions import Automated
from assetops.automate.graph import Policy
from assetops.automate.rollup import Rollup
from assetops.errors import ContractError
from assetops.model import MANUAL, ON_SCHEDULE, ON_UPDATE, Dataset, Kind, cron_of
from assetops.project import Project

_MADE_HERE = (Kind.MODEL, Kind.SNAPSHOT, Kind.SEED, Kind.PYTHON)


def policy_of_contract(dataset: Dataset) -> str:
    """Return when a dataset is asked for: what its contract says, or on_update if we make it."""
    default = ON_UPDATE if dataset.kind in _MADE_HERE else MANUAL
    return dataset.contract.automate or default


def automated(
    assets: Sequence[dg.AssetsDefinition],
    checks: Iterable[dg.AssetChecksDefinition],
    project: Project,
) -> list[dg.AssetsDefinition]:
    """Return the assets, each with the condition that its contract chooses."""
    if not project.settings.automates:
        return list(assets)
    checked = {key.asset_key for some in (*assets, *checks) for key in some.check_keys}
    datasets = {d.key: d for d in project.datasets.values() if d.kind in _MADE_HERE}
    published = {d.published_key: d for d in project.published()}

    def conditioned(spec: dg.AssetSpec) -> dg.AssetSpec:
        key = tuple(spec.key.path)
        if (mart := published.get((key[0], key[-1]))) is not None and len(key) == 2:
            said = policy_of_contract(mart)
            policy = None if said == MANUAL else Policy(publishes=True)
        elif (dataset := datasets.get(key)) is not None:
            if dataset.contract.wait_for and policy_of_contract(dataset) != MANUAL:
                return spec.replace_attributes(automation_condition=_rollup(dataset, spec))
            passes = _is_view(spec) and spec.key not in checked
            policy = _policy(policy_of_contract(dataset), passes=passes)
        else:
            policy = None
        condition = Automated(policy) if policy else None
        return spec.replace_attributes(automation_condition=condition) if condition else spec

    return list(dg.map_asset_specs(conditioned, assets))


def _policy(said: str, *, passes: bool) -> Policy | None:
    if said in (MANUAL, ON_SCHEDULE):
        return None
    return Policy(cron=cron_of(said), passes=passes)


def _rollup(dataset: Dataset, spec: dg.AssetSpec) -> Rollup:
    """Return the condition of a dataset that waits for parts of its partitions' time."""
    said = dataset.contract.wait_for or "all"
    if not isinstance(spec.partitions_def, TimeWindowPartitionsDefinition):
        raise ContractError(
            f"{dataset.file}: {dataset.key[-1]}: meta.assetops.wait_for is {said!r}, and the asset "
            "has no partitions that are times. Give it some, or leave wait_for out."
        )
    return Rollup(None if said == "all" else int(said.removeprefix("at least ")))


def _is_view(spec: dg.AssetSpec) -> bool:
    return spec.metadata.get("dagster-dbt/materialization_type") == "view"
