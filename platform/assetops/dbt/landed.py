"""Which landed days a run brings into a model: Dagster is told of each of them."""

from collections.abc import Mapping, Sequence

import dagster as dg

from assetops.model import ONLY_PENDING, Dataset
from assetops.project import Project
from assetops.warehouse import Warehouse, journal


def landed_partitions(
    context: dg.OpExecutionContext,
    project: Project,
    warehouse: Warehouse,
    chosen: Sequence[Dataset],
) -> dict[dg.AssetKey, list[str]]:
    """Return, for each partitioned model, the landed days that this run brings into it.

    These are the days asked for, and those that a source has had news of since the model was last
    told of: by this run, or by one that did not get as far as the model.
    """
    wanted: set[str] = set()
    if context.has_partition_key_range and not only_pending(context):
        wanted = set(context.partition_keys)
    found = {}
    for dataset in chosen:
        if not dataset.contract.partition:
            continue
        key = dg.AssetKey(dataset.key)
        told = _latest_events(context, key)
        days: set[str] = set()
        for source in _daily_sources(project, dataset):
            with warehouse.connect() as connection:
                standing = map(str, journal.standing_loads(connection, source.address))
            news = _latest_events(context, dg.AssetKey(source.key))
            days |= {
                day
                for day in standing
                if day in wanted or day not in told or news.get(day, 0) > told[day]
            }
        found[key] = sorted(days)
    return found


def _daily_sources(project: Project, dataset: Dataset) -> list[Dataset]:
    above = (project.datasets[unique_id] for unique_id in project.ancestors(dataset))
    return [
        source for source in above if source.contract.ingest and source.contract.ingest.partition
    ]


def _latest_events(context: dg.OpExecutionContext, key: dg.AssetKey) -> Mapping[str, int]:
    """Return, by partition, a number that grows with each materialisation of any asset."""
    storage = context.instance.event_log_storage
    event = dg.DagsterEventType.ASSET_MATERIALIZATION
    found: Mapping[str, int] = storage.get_latest_storage_id_by_partition(key, event)
    return found


def only_pending(context: dg.OpExecutionContext) -> bool:
    """Say whether a run brings in all that is new, and names a day for Dagster alone."""
    return ONLY_PENDING in context.run.tags
