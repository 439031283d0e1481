"""The last gate: a mart is published only if its checks passed on exactly what it holds now."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from assetops.errors import AssetOpsError, GateFailed, PublishError
from assetops.model import Status, Verdict


class Objection(NamedTuple):
    """Why a mart may not be published."""

    asset: str
    reason: str
    bad_data: bool


def objections(
    asset: str, required: Collection[str], verdicts: Mapping[str, Verdict]
) -> list[Objection]:
    """Return what speaks against publishing an asset, given its verdicts on its present content."""
    found: list[Objection] = []
    unknown = sorted(set(required) - set(verdicts))
    if unknown:
        found.append(
            Objection(
                asset,
                f"{', '.join(unknown)} did not run on what the table holds now. "
                f"Run `assetops build`, or `assetops check {asset}`.",
                bad_data=False,
            )
        )
    for name in sorted(set(required) & set(verdicts)):
        verdict = verdicts[name]
        if verdict.status is not Status.PASSED:
            failed = verdict.status is Status.FAILED
            found.append(Objection(asset, verdict.sentence(), bad_data=failed))
    return found


def standing_objections(standing: Iterable[tuple[str, Verdict, str]]) -> list[Objection]:
    """Return what speaks against publishing because of checks that stand as not passed.

    Args:
        standing: The checked asset, the verdict of each, whatever content it was about, and why it
            stands.
    """
    return [
        Objection(asset, f"{verdict.sentence()}. {why}", bad_data=verdict.status is Status.FAILED)
        for asset, verdict, why in standing
    ]


def refusal(found: Collection[Objection]) -> AssetOpsError | None:
    """Return the error that holds back the marts of a run, all of them, or nothing."""
    if not found:
        return None
    # What stands against a source stands against each mart made from it: once is enough.
    lines = "\n".join(dict.fromkeys(f"  {asset}: {reason}" for asset, reason, _ in found))
    # That something could not be done outranks that data is bad.
    kind = GateFailed if all(objection.bad_data for objection in found) else PublishError
    return kind(f"Nothing is published, because not every mart is verified:\n{lines}")
