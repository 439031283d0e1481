"""A code location in which files land, for the tests of what asks for them."""

import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from assetops.automate.arrival import Arrival, arrival_sensors
from assetops.automate.asking import Asking, AutomationSensor
from assetops.automate.conditions import Automated
from assetops.automate.graph import Policy
from assetops.automate.news import Landing
from assetops.ingest.landing import Landed, landed_files
from assetops.ingest.pending import remember
from assetops.ledger import Ledger
from assetops.ledger.landed import Memory
from assetops.model import Batch, Contract, Cron, Dataset, Ingest, Kind, Relation
from assetops.zone import Zone
from assetops.zone.folder import Folder

JOB = "build"
DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01", end_date="2027-12-31", end_offset=1)
# Where the location finds its landing, and what landing is looked at with: tests say so.
place: dict[str, Any] = {}


def source(name: str, path: str, *, daily: bool) -> Dataset:
    ingest = Ingest(path=path, format="csv", partition="daily" if daily else None)
    return Dataset(
        key=("retail", name),
        kind=Kind.SOURCE,
        unique_id=f"source.desk.retail.{name}",
        relation=Relation(schema_name="raw", name=name),
        description="",
        file="retail.yml",
        contract=Contract(ingest=ingest),
    )


ORDERS = source("orders", "orders/{date}.csv", daily=True)
STORES = source("stores", "stores.csv", daily=False)
SOURCES = {dg.AssetKey(dataset.key): dataset for dataset in (ORDERS, STORES)}


def zone() -> Zone:
    """Return where files land."""
    return place.get("zone") or Folder(place["root"] / "landing")


def landing() -> Landing:
    """Return what landing is looked at with."""
    ledger = Ledger(f"sqlite:///{place['root'] / 'ledger.db'}")
    return Landing(
        lambda dataset: landed_files(dataset, zone()),
        lambda file: place["open_for_writing"](file),
        ledger,
        Memory(ledger),
        now=lambda: time.time() + place["ahead"],
    )


def batches(key: dg.AssetKey) -> Iterator[Batch]:
    """Yield what has landed for a source, while it is at hand."""
    files, _ = landed_files(SOURCES[key], zone())
    for day, file in files.items():
        landed = Landed(SOURCES[key], file, day)
        with landed.at_hand() as batch:
            remember(landing().memory, landed, batch)
            yield batch


@dg.asset(key=["retail", "orders"], partitions_def=DAYS)
def orders() -> None:
    """Comes in day by day."""


@dg.asset(key=["retail", "stores"])
def stores() -> None:
    """Comes in whole."""


follows = Automated(Policy())


@dg.asset(key=["seeds", "regions"], automation_condition=follows)
def regions() -> None:
    """Never made until it is needed."""


@dg.asset(key=["marts", "sales"], deps=[orders, regions], automation_condition=follows)
def sales() -> None:
    """What follows from orders."""


@dg.asset(deps=[sales])
def audited() -> None:
    """What a person asks for."""


daily = Automated(Policy(cron=Cron("0 6 * * *")))


@dg.asset(deps=[sales], automation_condition=daily)
def counted() -> None:
    """What is asked for once a day."""


def definitions() -> dg.Definitions:
    """Return the location as it is when it is loaded."""

    def days() -> list[date]:
        return [date(2026, 1, 1)]

    return dg.Definitions(
        assets=[orders, stores, regions, sales, audited, counted],
        jobs=[dg.define_asset_job(JOB)],
        sensors=arrival_sensors([ORDERS, STORES], Arrival(JOB, landing(), DAYS, days)),
    )


def reported() -> dg.Definitions:
    """Return a location that waits for what another system reports."""
    accounts = dg.AssetSpec(["crm", "accounts"])

    @dg.asset(deps=[accounts], automation_condition=follows)
    def clients() -> None:
        """What follows from the report."""

    return dg.Definitions(
        assets=[accounts, clients],
        sensors=[AutomationSensor(Asking(dict))],
    )
