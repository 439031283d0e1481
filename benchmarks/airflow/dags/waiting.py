"""What waits, in Airflow: for a file, and for an asset that somebody reports."""

import os
from pathlib import Path

from airflow.providers.standard.triggers.file import FileDeleteTrigger
from airflow.sdk import Asset, AssetWatcher, dag, task

LANDING = Path(os.environ["SHOP"]) / "landing"


def landed(name: str) -> Asset:
    """Return an asset that is updated when a file is there, by Airflow's trigger for files."""
    trigger = FileDeleteTrigger(filepath=str(LANDING / name))
    return Asset(name, watchers=[AssetWatcher(name=f"{name} is there", trigger=trigger)])


@task
def first() -> None:
    """Begin: when it did is what is measured."""


@dag(schedule=[landed("tickets.csv")])
def arrival() -> None:
    """Follow from a file."""
    first()


@dag(schedule=[Asset("accounts")])
def chain() -> None:
    """Follow from what is reported."""
    first()


arrival()
chain()
