"""What failed is done again, and nothing else: by command, by Dagster, and by itself."""

import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from rich.console import Console
from tests.dbt.school import build, events, make_school, ran, recorded

from assetops.build import BUILD_JOB, build_definitions
from assetops.cli.outcome import Outcome
from assetops.cli.progress import Progress
from assetops.cli.retry import run_retry
from assetops.opened import open_platform

pytestmark = pytest.mark.no_cover

# A unit test's name begins with its model's.
LEFT = {"broken", "after_broken", "wrong", "doubtful", "after_doubtful", "wrong.pupils_are_renamed"}
CHECKS_LEFT = {
    "odd_has_height",
    "not_null_after_broken_n",
    "accepted_values_doubtful_age__10",
    "not_null_after_doubtful_age",
}


@pytest.fixture(scope="module")
def failed(school: Path) -> Outcome:
    outcome = build(school)
    assert outcome.exit_code == 2
    return outcome


class Relief(Progress):
    """Ends a process as soon as a step is to be tried again."""

    def __init__(self, stranger: subprocess.Popen[str]) -> None:
        super().__init__(Console(quiet=True))
        self.stranger = stranger

    def __call__(self, entry: dg.EventLogEntry) -> None:
        super().__call__(entry)
        event = entry.dagster_event
        if event and event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY:
            self.stranger.communicate("go")


def retry(root: Path) -> tuple[Outcome | str, str]:
    with (root / "said").open("w") as file:
        progress = Progress(Console(file=file, width=1000))
        outcome = run_retry(open_platform(root), build_definitions(root), progress)
    return outcome, (root / "said").read_text()


def names(found: set[str]) -> set[str]:
    """Return the names of nodes without the hashes that dbt gives to those of generic tests."""
    return {re.sub(r"\.[0-9a-f]{10}$", "", name) for name in found}


def again(root: str) -> dg.JobDefinition:
    """Return the build job, for Dagster to make anew."""
    return build_definitions(Path(root)).resolve_job_def(BUILD_JOB)


def test_dagster_re_executes_from_failure_only_what_a_step_left(
    school: Path, failed: Outcome
) -> None:
    job = dg.build_reconstructable_job(__name__, "again", reconstructable_args=(str(school),))
    with dg.DagsterInstance.from_config(str(school)) as instance:
        options = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
        # As the UI and the daemon mark such a run.
        tags = {"dagster/is_resume_retry": "true"}
        with dg.execute_job(job, instance, tags=tags, reexecution_options=options) as result:
            run_id = result.run_id
    assert names(ran(school, run_id)) == LEFT | CHECKS_LEFT
    told = events(recorded(school, run_id))
    assert not {"ages", "pupils", "kept", "history"} & told.keys()
    # No command shows this run: its log is where dbt's lines are read.
    (log,) = (school / "data/dagster/compute_logs" / run_id).rglob("*.out")
    assert "ERROR creating sql table model main.broken" in log.read_text()
    # What was found before is told again, or Dagster would say that it did not run.
    (again,) = told["ages unique_ages_pupil"]
    assert again[-1]["found in run"] == failed.run_id


def test_retry_does_what_the_last_build_left_until_nothing_is_left(
    school: Path, failed: Outcome
) -> None:
    outcome, said = retry(school)
    assert isinstance(outcome, Outcome)
    assert outcome.exit_code == 2
    assert names(ran(school, outcome.run_id)) == LEFT | CHECKS_LEFT
    assert "5 assets and 4 checks are left: after_broken, after_doubtful, broken" in said
    assert "odd_has_height on odd" in said

    mended = {
        "broken": "select 1 as n",
        "doubtful": "select 10 as age",
        "odd": "select 1 as height where false",
        "wrong": "select pupil + 1 as id from {{ ref('ages') }}",
    }
    make_school(school, **mended)
    open_platform.cache_clear()
    outcome, _ = retry(school)
    assert isinstance(outcome, Outcome)
    # The table that the check looks at was not built again, and has no height.
    assert [f.reason.split(":")[1] for f in outcome.failures] == [" odd_has_height"]
    build(school, select="odd")
    outcome, _ = retry(school)
    assert outcome.startswith("There is nothing to retry: the last build"), outcome


def test_an_incremental_table_of_other_types_is_made_anew_when_that_is_asked_for(
    school: Path, failed: Outcome
) -> None:
    other = "{{ config(materialized='incremental') }} select 'x' as pupil, 1 as age"
    make_school(school, kept=other)
    open_platform.cache_clear()
    outcome = build(school, select="kept")
    assert outcome.exit_code == 2
    (reason,) = (failure.reason for failure in outcome.failures)
    assert reason.startswith("dbt_project/models/kept.sql: kept: Runtime Error")
    assert reason.endswith("make it anew: assetops build --full-refresh --select kept")
    assert build(school, select="kept", full_refresh=True).exit_code == 0


def test_what_fails_for_a_passing_reason_is_tried_again_by_itself(school: Path) -> None:
    other = school / "other.duckdb"
    hook = f"{{{{ config(pre_hook=\"attach if not exists '{other}' as other\") }}}}"
    make_school(
        school, locked=f"{hook} select * from {{{{ ref('beside') }}}}", beside="select 1 as n"
    )
    open_platform.cache_clear()
    hold = f"import duckdb; c = duckdb.connect({str(other)!r}); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as stranger:
        assert stranger.stdout
        stranger.stdout.readline()
        outcome = build(school, Relief(stranger), select="beside+")
    assert outcome.exit_code == 0, outcome.failures
    # What was there already was not built again.
    assert ran(school, outcome.run_id) == {"locked"}
    told = events(recorded(school, outcome.run_id))
    assert {name: len(kinds) for name, kinds in told.items()} == {"beside": 1, "locked": 1}
    assert not outcome.failures
