"""The peer: the same two questions in stock Dagster, with the defaults of its sensors."""

from pathlib import Path

import dagster as dg

LANDING = Path.cwd() / "landing"

upstream = dg.AssetSpec("accounts")


@dg.asset(deps=[upstream], automation_condition=dg.AutomationCondition.eager())
def customers() -> None:
    """Follows from what is reported."""


@dg.asset
def tickets() -> None:
    """Follows from a file."""


take_in = dg.define_asset_job("take_in", selection=[tickets])


@dg.sensor(job=take_in, default_status=dg.DefaultSensorStatus.RUNNING)
def arrival() -> dg.SensorResult:
    """Ask for each file that has changed."""
    found = [(file.name, file.stat().st_mtime_ns) for file in LANDING.glob("*.csv")]
    return dg.SensorResult([dg.RunRequest(run_key=f"{name} {when}") for name, when in found])


defs = dg.Definitions(
    assets=[upstream, customers, tickets],
    jobs=[take_in],
    sensors=[
        arrival,
        dg.AutomationConditionSensorDefinition(
            "automation",
            target=dg.AssetSelection.all(),
            default_status=dg.DefaultSensorStatus.RUNNING,
        ),
    ],
)
