"""Which landing days a run is about, as Dagster's tags: those asked for, or all that is new."""

from datetime import date

from assetops.errors import AssetOpsError
from assetops.ingest.landing import landed_days, nothing_landed
from assetops.model import ONLY_PENDING
from assetops.opened import Platform
from assetops.zone import landing_zone

FROM_TAG, TO_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def partition_tags(platform: Platform, partition: str | None) -> dict[str, str]:
    """Return the tags of the run's partitions: those asked for, or the newest that landed.

    A run that brings in all that is new says itself which partitions it has brought; to announce
    the whole range would also announce its gaps.
    """
    landing = landing_zone(platform.settings)
    if not platform.project.partitioned and partition is None:
        return {ONLY_PENDING: "true"}
    if partition is not None:
        days = landed_in(platform, partition, "--partition ")
        return {FROM_TAG: str(days[0]), TO_TAG: str(days[-1])}
    landed = landed_days(platform.project.ingested(), landing)
    if not landed:
        raise AssetOpsError(nothing_landed(platform.project.ingested(), landing))
    return {FROM_TAG: str(landed[-1]), TO_TAG: str(landed[-1]), ONLY_PENDING: "true"}


def landed_in(platform: Platform, asked: str, said: str = "") -> list[date]:
    """Return the days of a range, such as FROM..TO, on which anything landed, oldest first.

    Raises `AssetOpsError` if there are none; `said` is what stood before the range.
    """
    if not platform.project.partitioned:
        raise AssetOpsError(f"{said}{asked}: no dataset here has partitions.")
    landing = landing_zone(platform.settings)
    landed = landed_days(platform.project.ingested(), landing)
    if not landed:
        raise AssetOpsError(nothing_landed(platform.project.ingested(), landing))
    first, last = _days(asked, said)
    days = [day for day in landed if first <= day <= last]
    if not days:
        raise AssetOpsError(
            f"{said}{asked}: no file has landed there; landed are days from {landed[0]} "
            f"to {landed[-1]}."
        )
    return days


def newest_pending(platform: Platform) -> dict[str, str]:
    """Return the tags that name the newest day that is to come in, if there is one."""
    newest = max((b.partition for b in platform.pending() if b.partition), default=None)
    return {FROM_TAG: str(newest), TO_TAG: str(newest)} if newest else {}


def _days(partition: str, said: str) -> tuple[date, date]:
    first, _, last = partition.partition("..")
    try:
        days = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise AssetOpsError(
            f"{said}{partition}: expected a day such as 2026-01-31, or two as FROM..TO."
        ) from None
    if days[0] > days[1]:
        raise AssetOpsError(f"{said}{partition}: it ends before it begins.")
    return days
