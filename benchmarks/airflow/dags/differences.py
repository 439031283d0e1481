"""What the differences in docs/airflow.md are shown with."""

from airflow.sdk import (
    Asset,
    FixedKeyMapper,
    MinimumCount,
    PartitionedAssetTimetable,
    RollupMapper,
    SegmentWindow,
    dag,
    task,
)


@task
def first() -> None:
    """Begin."""


@dag(schedule=[Asset("orders"), Asset("customers")])
def of_two() -> None:
    """Follow from two."""
    first()


@dag(
    schedule=PartitionedAssetTimetable(
        assets=Asset("hours"),
        default_partition_mapper=RollupMapper(
            upstream_mapper=FixedKeyMapper("day"),
            window=SegmentWindow(["01", "02", "03"]),
            wait_policy=MinimumCount(2),
        ),
    )
)
def of_hours() -> None:
    """Follow when at least two of three hours are there."""
    first()


of_two()
of_hours()
