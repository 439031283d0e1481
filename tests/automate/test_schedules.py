"""The daily refresh is there where schedules belong, and asks for what says on_schedule."""

from pathlib import Path

import dagster as dg
import pytest
from tests.publish.shop import Shop

from assetops.automate.schedules import refresh_schedule
from assetops.errors import ConfigError
from assetops.project import Project
from assetops.settings import Environment

TAGS = {"assetops/only_pending": "true"}


def project(root: Path, **settings: object) -> Project:
    """Return a production whose orders are built by the clock, and whose customers are not."""
    known = Shop(root).project
    datasets = dict(known.datasets)
    orders = datasets["model.shop.orders"]
    contract = orders.contract.model_copy(update={"automate": "on_schedule"})
    datasets[orders.unique_id] = orders.model_copy(update={"contract": contract})
    given = known.settings.model_copy(update={"env": Environment.PROD, **settings})
    return Project(given, known.manifest_path, datasets)


def test_it_builds_what_says_so_and_publishes(tmp_path: Path) -> None:
    (schedule,) = refresh_schedule(project(tmp_path), "build", lambda: TAGS)
    assert (schedule.cron_schedule, schedule.job_name) == ("0 5 * * *", "build")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    (request,) = schedule.evaluate_tick(dg.build_schedule_context()).run_requests or ()
    assert [key.to_user_string() for key in request.asset_selection or ()] == [
        "marts/orders",
        "published/customers",
        "published/orders",
    ]
    assert request.tags["assetops/only_pending"] == "true"


@pytest.mark.parametrize(
    "settings", [{"env": Environment.DEV}, {"env": Environment.CI}, {"automation": False}]
)
def test_where_it_does_not_belong_there_is_none(
    tmp_path: Path, settings: dict[str, object]
) -> None:
    assert refresh_schedule(project(tmp_path, **settings), "build", dict) == []


def test_there_is_none_that_would_ask_for_nothing(tmp_path: Path) -> None:
    known = project(tmp_path)
    datasets = {"model.shop.customers": known.datasets["model.shop.customers"]}
    nothing = Project(known.settings, known.manifest_path, datasets)
    assert refresh_schedule(nothing, "build", dict) == []


def test_a_line_that_is_no_cron_line_is_named(tmp_path: Path) -> None:
    bad = project(tmp_path, refresh_schedule="at five")
    with pytest.raises(ConfigError, match="ASSETOPS_REFRESH_SCHEDULE is 'at five': expected a"):
        refresh_schedule(bad, "build", dict)
