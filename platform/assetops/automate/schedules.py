"""The daily refresh: one run of all that its contract has asked for by the clock alone."""

from collections.abc import Callable, Mapping

import dagster as dg

from assetops.errors import ConfigError
from assetops.model import ON_SCHEDULE
from assetops.model.cron import CRON, is_cron
from assetops.project import Project

REFRESH = "refresh"


def refresh_schedule(
    project: Project, job: str, tags: Callable[[], Mapping[str, str]]
) -> list[dg.ScheduleDefinition]:
    """Return the schedule of datasets whose contract says on_schedule, where schedules belong.

    Elsewhere, and where no contract says so, there is none: one that is there could be turned on.

    Args:
        project: Knows the datasets.
        job: The job that builds all, of which the run is a part.
        tags: Returns the tags of a run that brings in all that is new.
    """
    settings = project.settings
    datasets = [d for d in project.datasets.values() if d.contract.automate == ON_SCHEDULE]
    if not (datasets and settings.keeps_schedules and settings.automates):
        return []
    cron = settings.refresh_schedule
    if not is_cron(cron):
        raise ConfigError(f"ASSETOPS_REFRESH_SCHEDULE is {cron!r}: expected a {CRON}.")
    keys = {dg.AssetKey(dataset.key) for dataset in datasets}
    if any(dataset.contract.publish for dataset in datasets):
        # A release is one op; what the run has not built is in it as it was.
        keys |= {dg.AssetKey(dataset.published_key) for dataset in project.published()}

    def request(_: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(asset_selection=sorted(keys), tags=tags())

    return [
        dg.ScheduleDefinition(
            name=REFRESH,
            job_name=job,
            cron_schedule=cron,
            execution_fn=request,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Builds what its contract has built by the clock: automate: on_schedule.",
        )
    ]
