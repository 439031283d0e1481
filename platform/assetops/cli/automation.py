"""When a dataset is asked for, and why it is or is not now: what `show` says of it."""

from typing import Any

import dagster as dg

from assetops.automate.conditions import decided_now
from assetops.automate.policies import policy_of_contract
from assetops.cli.instance import open_instance
from assetops.model import MANUAL, ON_SCHEDULE, Dataset
from assetops.opened import Platform


def automation_of(
    platform: Platform, definitions: dg.Definitions, dataset: Dataset
) -> dict[str, Any]:
    """Return a dataset's policy, and what the automation would decide for it now, with reasons."""
    if dataset.contract.ingest:
        return {"policy": "when its files land", "decided": {}}
    policy = policy_of_contract(dataset)
    if not platform.settings.automates or policy in (MANUAL, ON_SCHEDULE):
        return {"policy": policy, "decided": {}}
    with open_instance(platform.settings) as instance:
        decisions = decided_now(definitions.resolve_asset_graph(), instance)
    keys = [dataset.key, *([dataset.published_key] if dataset.contract.publish else [])]
    found = {"/".join(key): decisions.get(dg.AssetKey(key)) for key in keys}
    return {
        "policy": policy,
        "decided": {
            address: {"state": decision.state.name.lower(), "why": decision.why}
            for address, decision in found.items()
            if decision is not None
        },
    }


def said_of(automation: dict[str, Any]) -> str:
    """Return the same for a person: the policy, and what stands in its way."""
    whys = [f"{address}: {found['why']}" for address, found in automation["decided"].items()]
    if len({found["state"] for found in automation["decided"].values()}) == 1:
        # The mart and what consumers see of it are as far as each other.
        whys = whys[:1]
    return "\n".join([automation["policy"], *whys])
