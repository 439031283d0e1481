"""Deep checks run aside from builds, and hold publication back until they pass again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from tests.quality.conftest import MART

from assetops.errors import ConfigError
from assetops.ledger import Ledger
from assetops.model import Dataset
from assetops.project import Project
from assetops.quality.deep import deep_checks, deep_jobs, deep_schedules, standing_objections
from assetops.quality.suites import Expectation, Suite
from assetops.quality.suites.depth import Deep, Depth, SuiteMeta
from assetops.settings import Environment, Settings
from assetops.warehouse import Warehouse
from assetops.warehouse.failing import keep_failing
from assetops.warehouse.snapshot import SampleSize, Snapshots

NOT_NULL = "expect_column_values_to_not_be_null"
Expecting = Callable[..., Expectation]


class Deepened:
    """A project whose marts/orders has the given deep expectations."""

    def __init__(self, project: Project, warehouse: Warehouse, ledger: Ledger, suite: Suite):
        snapshots = Snapshots(project.settings.home / "snapshots", warehouse)

        def hold(dataset: Dataset, size: SampleSize, seed: int) -> Any:
            return snapshots.of_warehouse(dataset.relation, size, seed=seed)

        def facts() -> dict[str, Any]:
            raise AssertionError("no suite here asks for anything")

        self.suite, self.ledger = suite, ledger
        self.suites = {suite.address: suite}
        self.checks = deep_checks(
            project, ledger, self.suites, hold, facts=facts, warehouse=warehouse
        )

    def run(self, *, with_asset: bool = False) -> dg.ExecuteInProcessResult:
        @dg.asset(key=["marts", "orders"])
        def orders() -> None:
            pass

        everything = dg.define_asset_job("everything", selection=dg.AssetSelection.all())
        definitions = dg.Definitions(
            assets=[orders], asset_checks=self.checks, jobs=[*deep_jobs(self.checks), everything]
        )
        job = definitions.resolve_job_def("everything" if with_asset else "deep_checks")
        with dg.DagsterInstance.ephemeral() as instance:
            return job.execute_in_process(instance=instance, raise_on_error=False)

    def standing(self) -> list[str]:
        address = self.suite.address
        found = standing_objections(self.ledger, {address: self.suite}, [address])
        return [verdict.status.value for _, verdict, _ in found]


@pytest.fixture
def deepened(
    project: Project, warehouse: Warehouse, ledger: Ledger, suite: Callable[..., Suite]
) -> Callable[..., Deepened]:
    def make(*expectations: Expectation, **deep: Any) -> Deepened:
        meta = SuiteMeta(depth=Depth.DEEP, deep=Deep(**deep))
        whole = suite(*expectations).model_copy(update={"meta": meta})
        return Deepened(project, warehouse, ledger, whole)

    return make


def results(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def test_a_deep_check_says_of_how_many_rows_it_saw_how_many(
    deepened: Callable[..., Deepened], expecting: Expecting
) -> None:
    result = deepened(expecting(NOT_NULL, column="order_id"), sample=2).run()
    found = results(result)["order_id_not_null"]
    assert found.passed
    assert found.metadata["rows"].value == 2
    assert found.metadata["sampled of"].value == 4


def test_a_critical_one_that_failed_stands_until_it_passes(
    deepened: Callable[..., Deepened], expecting: Expecting, warehouse: Warehouse
) -> None:
    checked = deepened(expecting(NOT_NULL, column="email"))
    assert checked.standing() == []
    assert not checked.run().success
    assert checked.standing() == ["failed"]
    with warehouse.connect() as connection:
        connection.execute("update marts.orders set email = 'x@example.com' where email is null")
    assert checked.run().success
    assert checked.standing() == []


def test_the_rows_that_fail_are_kept_beside_those_of_light_checks_until_they_pass(
    deepened: Callable[..., Deepened], expecting: Expecting, warehouse: Warehouse
) -> None:
    def kept(state: str = "held") -> list[Any]:
        with warehouse.connect() as connection:
            return connection.execute(
                "select order_id, _broke, _fingerprint like 'deep %' from quarantine.marts__orders "
                f"where _state = '{state}'"
            ).fetchall()

    checked = deepened(expecting(NOT_NULL, column="email"), expecting(NOT_NULL, column="status"))
    checked.run()
    assert kept() == [(3, ["email_not_null"], True)]
    with warehouse.connect() as connection:
        # Its content has changed, and a gate has looked at it.
        connection.execute("update marts.orders set total = 1 where order_id = 1")
        keep_failing(connection, MART, [], state="another", run_id="build", limit=10)
    assert len(kept()) == 1
    with warehouse.connect() as connection:
        connection.execute("update marts.orders set email = 'x@example.com' where email is null")
    checked.run()
    assert (kept(), len(kept("superseded"))) == ([], 1)


def test_one_that_could_not_run_stands_too_and_a_warning_never_does(
    deepened: Callable[..., Deepened], expecting: Expecting
) -> None:
    checked = deepened(
        expecting(NOT_NULL, column="no_such_column"),
        expecting(NOT_NULL, column="total", severity="warning"),
    )
    found = results(checked.run())
    assert checked.standing() == ["errored"]
    assert not found["total_not_null"].passed
    assert "no_such_column_not_null" not in found


def test_a_run_that_builds_tables_leaves_deep_checks_out(
    deepened: Callable[..., Deepened], expecting: Expecting
) -> None:
    checked = deepened(expecting(NOT_NULL, column="email"))
    assert checked.run(with_asset=True).success
    assert checked.ledger.latest_results("marts/orders") == []


def test_each_cron_line_is_a_schedule_and_there_are_none_in_development(
    deepened: Callable[..., Deepened], expecting: Expecting, tmp_path: Path
) -> None:
    checked = deepened(expecting(NOT_NULL, column="email"), schedule="30 2 * * 6")
    production = Settings(root=tmp_path, env=Environment.PROD)
    (schedule,) = deep_schedules(checked.suites, checked.checks, production)
    assert schedule.cron_schedule == "30 2 * * 6"
    with dg.DagsterInstance.ephemeral() as instance:
        asked = schedule.evaluate_tick(dg.build_schedule_context(instance)).run_requests or []
    assert [key.name for request in asked for key in request.asset_check_keys] == ["email_not_null"]
    assert deep_schedules(checked.suites, checked.checks, Settings(root=tmp_path)) == []
    # As production's code location has them.
    jobs = deep_jobs(checked.checks)
    whole = dg.Definitions(asset_checks=checked.checks, jobs=jobs, schedules=[schedule])
    assert whole.get_repository_def().has_job(schedule.job_name)


def test_a_bad_cron_line_in_the_settings_is_named(
    deepened: Callable[..., Deepened], expecting: Expecting, tmp_path: Path
) -> None:
    checked = deepened(expecting(NOT_NULL, column="email"))
    settings = Settings(root=tmp_path, env=Environment.PROD, deep_schedule="weekly")
    with pytest.raises(ConfigError, match="ASSETOPS_DEEP_SCHEDULE is 'weekly'"):
        deep_schedules(checked.suites, checked.checks, settings)
