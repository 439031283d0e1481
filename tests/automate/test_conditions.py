"""What is asked for and what is not, on Dagster's own evaluation of small graphs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from assetops.automate.asking import SENSOR, Asking, AutomationSensor
from assetops.automate.conditions import Automated, decided_now
from assetops.automate.decide import Decision, State, last_time
from assetops.automate.graph import Policy
from assetops.model import Cron

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class World:
    """A few assets on an instance of their own, and the sensor that asks for them."""

    def __init__(self, *assets: Any) -> None:
        self.instance = dg.DagsterInstance.ephemeral()
        self.definitions(*assets)
        self.cursor: str | None = None

    def definitions(self, *assets: Any) -> None:
        sensor = AutomationSensor(Asking(dict))
        defs = dg.Definitions(list(assets), sensors=[sensor], executor=dg.in_process_executor)
        self.repository = defs.get_repository_def()

    def tick(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(
            self.instance, self.cursor, repository_def=self.repository
        )
        result = self.repository.get_sensor_def(SENSOR).evaluate_tick(context)
        self.cursor, self.told = result.cursor, result.automation_condition_evaluations
        return list(result.run_requests or ())

    def asked(self) -> list[set[str]]:
        """Tick, and return what is asked for, each run by its assets."""
        return [names(request) for request in self.tick()]

    def run(self, *requests: dg.RunRequest) -> bool:
        """Execute what was requested."""
        done = True
        for request in requests:
            job = self.repository.get_job(request.job_name or "")
            subset = job.get_subset(
                asset_selection=set(request.asset_selection or ()),
                asset_check_selection=set(request.asset_check_keys or ()),
            )
            done &= subset.execute_in_process(
                QUIET, self.instance, tags=request.tags, raise_on_error=False
            ).success
        return done

    def settle(self) -> None:
        """Run whatever is asked for, until nothing is."""
        for _ in range(5):
            if not (requests := self.tick()):
                return
            self.run(*requests)
        raise AssertionError("It does not come to rest.")

    def make(self, *keys: str) -> bool:
        """Make assets as a person does, with their checks."""
        assets = [dg.AssetKey(key) for key in keys]
        graph = self.repository.asset_graph
        checks = [check for key in assets for check in graph.get(key).check_keys]
        job = self.repository.get_implicit_job_def_for_assets(assets)
        assert job is not None
        request = dg.RunRequest(job_name=job.name, asset_selection=assets, asset_check_keys=checks)
        return self.run(request)

    def report(self, key: str) -> None:
        """Report an asset from outside."""
        self.instance.report_runless_asset_event(dg.AssetMaterialization(key))

    def decisions(self, now: datetime | None = None) -> Mapping[str, Decision]:
        found = decided_now(self.repository.asset_graph, self.instance, now=now)
        return {key.to_user_string(): decision for key, decision in found.items()}


def names(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


def made_of(name: str, *deps: str, policy: Policy | None = None, does: Any = None) -> Any:
    @dg.asset(name=name, deps=list(deps), automation_condition=Automated(policy))
    def made() -> None:
        if does:
            does()

    return made


OUTSIDE = dg.AssetSpec("outside")


def test_a_chain_comes_in_one_run_and_then_there_is_rest() -> None:
    world = World(OUTSIDE, made_of("a", "outside"), made_of("b", "a"), made_of("c", "b", "a"))
    world.settle()
    assert world.asked() == []
    world.report("outside")
    (request,) = world.tick()
    assert names(request) == {"a", "b", "c"}
    # Asked for, and its run has not ended: no second time.
    world.instance.create_run_for_job(
        world.repository.get_job(request.job_name), asset_selection=set(request.asset_selection)
    )
    assert world.asked() == []
    assert world.decisions()["a"].state is State.IN_PROGRESS


def test_ten_updates_are_one_run() -> None:
    world = World(OUTSIDE, made_of("a", "outside"))
    world.settle()
    for _ in range(10):
        world.report("outside")
    assert world.asked() == [{"a"}]


def test_a_failure_is_told_and_tried_again_only_when_there_are_news() -> None:
    broken = [True]

    def does() -> None:
        if broken[0]:
            raise ValueError("no such column")

    world = World(OUTSIDE, made_of("a", "outside", does=does), made_of("b", "a"))
    assert not world.run(*world.tick())
    assert world.asked() == []
    decisions = world.decisions()
    assert decisions["a"].state is State.TRIED
    assert decisions["a"].why.startswith("its last run, ")
    assert decisions["a"].why.endswith(" failed")
    assert decisions["b"].why == "a has never been made"
    assert world.asked() == []
    broken[0] = False
    world.report("outside")
    assert world.run(*world.tick())
    assert world.asked() == []
    assert world.decisions()["b"].state is State.CURRENT


def test_what_failed_is_tried_again_when_its_code_has_changed() -> None:
    def version(number: str) -> Any:
        @dg.asset(deps=["outside"], code_version=number, automation_condition=Automated())
        def a() -> None:
            if number == "1":
                raise ValueError("no such column")

        return a

    world = World(OUTSIDE, version("1"))
    world.run(*world.tick())
    assert world.asked() == []
    world.definitions(OUTSIDE, version("2"))
    assert world.run(*world.tick())
    assert world.asked() == []


@pytest.mark.parametrize("severity", [dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN])
def test_a_blocking_check_holds_back_until_it_has_passed(severity: dg.AssetCheckSeverity) -> None:
    good = [False]

    @dg.asset(check_specs=[dg.AssetCheckSpec("whole", asset="a", blocking=True)])
    def a() -> Any:
        yield dg.MaterializeResult(
            check_results=[dg.AssetCheckResult(passed=good[0], severity=severity)]
        )

    world = World(a, made_of("b", "a"))
    world.make("a")
    if severity is dg.AssetCheckSeverity.WARN:
        assert world.asked() == [{"b"}]
        return
    assert world.asked() == []
    assert world.decisions()["b"] == Decision(State.BLOCKED, "a:whole failed")
    good[0] = True
    world.make("a")
    assert world.asked() == [{"b"}]


def test_a_view_without_checks_passes_news_on_and_is_not_rebuilt() -> None:
    view = made_of("view", "outside", policy=Policy(passes=True))
    world = World(OUTSIDE, view, made_of("a", "view"))
    world.settle()
    world.report("outside")
    assert world.asked() == [{"a"}]
    assert world.decisions()["view"].why.startswith("a view: it shows the news")


def test_a_view_between_two_that_are_made_keeps_them_in_order() -> None:
    view = made_of("view", "a", policy=Policy(passes=True))
    leaf = made_of("leaf", "a", policy=Policy(passes=True))
    world = World(OUTSIDE, made_of("a", "outside"), view, leaf, made_of("b", "view"))
    world.settle()
    world.report("outside")
    assert world.asked() == [{"a", "view", "b"}]


def test_who_has_a_time_waits_for_it_and_is_asked_for_once_then() -> None:
    world = World(OUTSIDE, made_of("a", "outside", policy=Policy(cron=Cron("0 6 * * *"))))
    world.settle()
    world.report("outside")
    assert world.decisions()["a"].state is State.NOT_DUE
    assert world.decisions()["a"].why == "it is asked for at 0 6 * * * (UTC)"
    tomorrow = datetime.fromtimestamp(datetime.now(UTC).timestamp() + 86400, UTC)
    assert world.decisions(tomorrow)["a"].state is State.REQUESTED


HALF_PAST_TWO, EIGHT = Cron("30 2 * * *", "Europe/Berlin"), Cron("0 8 * * *", "Europe/Berlin")


@pytest.mark.parametrize(
    ("cron", "before", "at"),
    [
        (EIGHT, "2027-03-27 07:00", "2027-03-28 06:00"),
        (EIGHT, "2027-10-30 06:00", "2027-10-31 07:00"),
        # Half past two is left out on the one day, and comes twice on the other.
        (HALF_PAST_TWO, "2027-03-27 01:30", "2027-03-28 01:00"),
        (HALF_PAST_TWO, "2027-10-30 00:30", "2027-10-31 01:30"),
        (HALF_PAST_TWO, "2027-10-31 01:30", "2027-11-01 01:30"),
    ],
)
def test_a_time_is_by_the_clocks_of_its_place_once_a_day(cron: Cron, before: str, at: str) -> None:
    earlier, moment = (datetime.fromisoformat(f"{text}+00:00") for text in (before, at))
    second = timedelta(seconds=1)
    assert last_time(cron, moment - second).timestamp() == earlier.timestamp()
    assert last_time(cron, moment + second).timestamp() == moment.timestamp()


def test_who_waits_for_a_parent_in_progress_joins_what_it_brings() -> None:
    slow = dg.AssetSpec("slow")
    source = dg.asset(name="source")(lambda: None)
    world = World(OUTSIDE, slow, source, made_of("a", "outside", "source"))
    world.make("source")
    world.settle()
    job = world.repository.get_implicit_job_def_for_assets([dg.AssetKey("source")])
    assert job is not None
    run = world.instance.create_run_for_job(job, asset_selection={dg.AssetKey("source")})
    world.report("outside")
    assert world.asked() == []
    assert world.decisions()["a"] == Decision(
        State.WAITING, "source may have news soon", (dg.AssetKey("outside"),)
    )
    world.instance.report_run_failed(run)
    assert world.asked() == [{"a"}]


def test_the_ui_is_told_why_only_when_something_has_changed() -> None:
    world = World(OUTSIDE, made_of("a", "outside"))
    world.settle()
    world.report("outside")
    world.tick()
    (told,) = world.told
    assert told.metadata == {"why": dg.MetadataValue.text("news of outside")}
    steps = [step.condition_snapshot.name for step in told.child_evaluations]
    assert steps[0] == "it is behind its parents, or is to be made after them"
    assert all(step.true_subset.value for step in told.child_evaluations)
    world.settle()
    world.tick()
    assert world.told == []


def test_a_mart_that_was_made_apart_is_published_by_a_run_of_its_own() -> None:
    shows = Policy(publishes=True)
    specs = [
        dg.AssetSpec(f"published_{mart}", deps=[mart], automation_condition=Automated(shows))
        for mart in ("x", "y")
    ]

    @dg.multi_asset(specs=specs)
    def release() -> Any:
        yield from (dg.MaterializeResult(asset_key=spec.key) for spec in specs)

    world = World(OUTSIDE, made_of("x", "outside"), dg.asset(name="y")(lambda: None), release)
    world.make("y")
    world.settle()
    world.make("y")
    published = {"published_x", "published_y"}
    assert world.asked() == [published]
    world.report("outside")
    # A run that builds marts publishes those alone.
    assert world.asked() == [published, {"x"} | published]
    world.settle()
    assert world.asked() == []
