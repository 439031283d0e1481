"""Which landing days a run is about, as Dagster's tags: those asked for, or all that is new."""

from datetime import date

from assetops.errors import AssetOpsError
from assetops.ingest.landing import landed_days, nothing_landed
from assetops.model import ONLY_PENDING
from assetops.opened import Platform

FROM_TAG, TO_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def partition_tags(platform: Platform, partition: str | None) -> dict[str, str]:
    """Return the tags of the run's partitions: those asked for, or the newest that landed.

    A run that brings in all that is new says itself which partitions it has brought; to announce
    the whole range would also announce its gaps.
    """
    landing = platform.settings.landing_dir
    if not platform.project.partitioned:
        if partition is not None:
            raise AssetOpsError(f"--partition {partition}: no dataset here has partitions.")
        return {ONLY_PENDING: "true"}
    landed = landed_days(platform.project.ingested(), landing)
    if not landed:
        raise AssetOpsError(nothing_landed(platform.project.ingested(), landing))
    if partition is None:
        return {FROM_TAG: str(landed[-1]), TO_TAG: str(landed[-1]), ONLY_PENDING: "true"}
    first, last = _days(partition)
    if not any(first <= day <= last for day in landed):
        raise AssetOpsError(
            f"--partition {partition}: no file has landed there; landed are days from {landed[0]} "
            f"to {landed[-1]}."
        )
    return {FROM_TAG: str(max(first, landed[0])), TO_TAG: str(min(last, landed[-1]))}


def newest_pending(platform: Platform) -> dict[str, str]:
    """Return the tags that name the newest day that is to come in, if there is one."""
    newest = max((b.partition for b in platform.pending() if b.partition), default=None)
    return {FROM_TAG: str(newest), TO_TAG: str(newest)} if newest else {}


def _days(partition: str) -> tuple[date, date]:
    first, _, last = partition.partition("..")
    try:
        days = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise AssetOpsError(
            f"--partition {partition}: expected a day such as 2026-01-31, or two as FROM..TO."
        ) from None
    if days[0] > days[1]:
        raise AssetOpsError(f"--partition {partition}: it ends before it begins.")
    return days
