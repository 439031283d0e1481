"""Runs that go one small step at a time, so that anything may happen between two of them.

The events are those that Dagster writes when it executes the graph below, in its order; what the
steps have really read is kept beside them, so that nobody has to believe the events.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.data_version import get_input_event_pointer_tag
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    StepMaterializationData,
)
from dagster._core.storage.dagster_run import DagsterRun

from assetops.automate.asking import SENSOR, Asking, AutomationSensor
from assetops.automate.conditions import Automated
from assetops.automate.graph import Policy
from assetops.model import READ_UP_TO

Type = dg.DagsterEventType
JOB = "__ASSET_JOB"
CHECK = dg.AssetCheckKey(dg.AssetKey("b"), "whole")

# Each asset with its parents, in an order in which they can be made.
PARENTS = {
    "outside": (),
    "source": (),
    "a": ("outside",),
    "b": ("outside", "source"),
    "view": ("b",),
    "c": ("view", "a"),
    "d": ("b",),
    "e": ("d", "outside"),
    "shown_c": ("c",),
    "shown_e": ("e",),
}
OPS = (("source",), ("a", "b", "view"), ("c",), ("d", "e"), ("shown_c", "shown_e"))
# They say what they have read: the dbt project's, and what publishes.
SPEAKING = {"a", "b", "view", "shown_c", "shown_e"}
READ = {**PARENTS, "c": ("view", "a", "b")}


def definitions() -> dg.RepositoryDefinition:
    """Return the graph, with the sensor that asks for it."""

    def spec(key: str, policy: Policy | None = None) -> dg.AssetSpec:
        return dg.AssetSpec(key, deps=PARENTS[key], automation_condition=Automated(policy))

    def op(name: str, *specs: dg.AssetSpec, **more: Any) -> dg.AssetsDefinition:
        @dg.multi_asset(name=name, specs=list(specs), **more)
        def made(): ...  # what it returns, Dagster would take for a type

        return made

    checks = [dg.AssetCheckSpec("whole", asset="b", blocking=True)]
    dbt = [spec("a"), spec("b"), spec("view", Policy(passes=True))]
    shown = [spec(key, Policy(publishes=True)) for key in OPS[-1]]
    assets = [
        dg.AssetSpec("outside"),
        op("source", dg.AssetSpec("source")),
        op("dbt", *dbt, check_specs=checks, can_subset=True),
        op("c", spec("c")),
        op("pair", spec("d"), spec("e"), can_subset=True),
        op("release", *shown),
    ]
    sensor = AutomationSensor(Asking(dict))
    return dg.Definitions(assets, sensors=[sensor]).get_repository_def()


@dataclass
class Run:
    """A run, queued or on its way."""

    id: str
    keys: frozenset[str]
    created: int
    steps: Iterator[None] | None = None


@dataclass
class Shop:
    """An instance in which things happen, and what is true beside what it says."""

    repository: dg.RepositoryDefinition
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)
    clock: int = 0
    # What each asset holds, by number, and of what it was made.
    content: dict[str, int] = field(default_factory=dict)
    reads: dict[str, dict[str, int]] = field(default_factory=dict)
    # When, and in which run, an event told of the content.
    told_at: dict[str, int] = field(default_factory=dict)
    told_in: dict[str, str] = field(default_factory=dict)
    # The newest run that was to make an asset, and whether it did.
    attempts: dict[str, Run] = field(default_factory=dict)
    made_in: set[tuple[str, str]] = field(default_factory=set)
    check_passed: bool | None = None
    unreported: int = 0
    queue: list[Run] = field(default_factory=list)
    active: Run | None = None
    failing: set[str] = field(default_factory=set)
    cursors: list[str | None] = field(default_factory=lambda: [None])
    requests: list[dg.RunRequest] = field(default_factory=list)
    run_keys: set[str] = field(default_factory=set)

    # ------------------------------------------------------------------ what happens

    def update_outside(self) -> None:
        """Change what somebody else makes; it is reported later."""
        self._write("outside", {})
        self.unreported += 1

    def report_outside(self) -> None:
        if self.unreported:
            self.unreported = 0
            self.instance.report_runless_asset_event(dg.AssetMaterialization("outside"))
            self._tell("outside", "")

    def tick(self, cursor: str | None) -> None:
        """Let the sensor decide; what it asks for is submitted later."""
        context = dg.build_sensor_context(self.instance, cursor, repository_def=self.repository)
        result = self.repository.get_sensor_def(SENSOR).evaluate_tick(context)
        self.cursors.append(result.cursor)
        unfinished = [run for run in (*self.queue, self.active) if run]
        for request in result.run_requests or ():
            wanted = {key.to_user_string() for key in request.asset_selection or ()}
            assert not any(wanted & run.keys for run in unfinished), "asked for twice"
        self.requests = list(result.run_requests or ())

    def submit(self) -> None:
        """Queue what was asked for, as the daemon does: a key it knows is no new run."""
        for request in self.requests:
            assert request.run_key is not None
            if request.run_key not in self.run_keys:
                self.run_keys.add(request.run_key)
                keys = {key.to_user_string() for key in request.asset_selection or ()}
                self.enqueue(keys, request.tags)
        self.requests = []

    def enqueue(self, keys: set[str], tags: Mapping[str, str] | None = None) -> None:
        """Create a run."""
        wanted = {key for op in OPS for key in op if op[-1] == "shown_e" and keys & set(op)} | keys
        self.clock += 1
        run = Run(str(uuid.uuid4()), frozenset(wanted), self.clock)
        self.instance.run_storage.add_run(
            DagsterRun(
                JOB,
                run.id,
                asset_selection=frozenset(map(dg.AssetKey, wanted)),
                status=dg.DagsterRunStatus.NOT_STARTED,
                tags=dict(tags or {}),
            )
        )
        for key in wanted:
            self._log(run.id, Type.ASSET_MATERIALIZATION_PLANNED, _planned(key))
            self.attempts[key] = run
        if "b" in wanted:
            planned = AssetCheckEvaluationPlanned(asset_key=CHECK.asset_key, check_name=CHECK.name)
            self._log(run.id, Type.ASSET_CHECK_EVALUATION_PLANNED, planned)
            self.check_passed = None
        self.queue.append(run)

    def advance(self) -> None:
        """Let the run that has the warehouse go one step further, or the next one begin."""
        if self.active is None:
            if self.queue:
                self.active = self.queue.pop(0)
                self.active.steps = self._steps(self.active)
            return
        assert self.active.steps is not None
        if next(self.active.steps, self) is self:
            self.active = None

    def kill(self) -> None:
        """End the run that has the warehouse in the middle of what it does."""
        if self.active is not None:
            assert self.active.steps is not None
            self.active.steps.close()  # type: ignore[attr-defined]
            self._log(self.active.id, Type.RUN_FAILURE)
            self.active = None

    def cancel(self) -> None:
        """Take back the run that has waited longest."""
        if self.queue:
            self._log(self.queue.pop(0).id, Type.RUN_CANCELED)

    def check(self, passed: bool) -> None:
        """Look at b again, without making it."""
        if "b" in self.told_at and self.active is None:
            run = str(uuid.uuid4())
            self.instance.run_storage.add_run(
                DagsterRun(JOB, run, status=dg.DagsterRunStatus.SUCCESS)
            )
            self._check(run, passed)

    # ------------------------------------------------------------------ how it happens

    def _steps(self, run: Run) -> Iterator[None]:
        self._log(run.id, Type.RUN_START)
        undone: set[str] = set()
        for op in OPS:
            wanted = [key for key in op if key in run.keys]
            above = {parent for key in wanted for parent in PARENTS[key]} - set(op)
            if wanted and above & undone:
                undone |= set(wanted)
            elif wanted:
                yield from self._step(run, op, wanted, undone)
        self._log(run.id, Type.RUN_FAILURE if undone else Type.RUN_SUCCESS)

    def _step(
        self, run: Run, op: tuple[str, ...], wanted: list[str], undone: set[str]
    ) -> Iterator[None]:
        seen = self.instance.event_log_storage.get_maximum_record_id() or 0
        outside = {p for key in op for p in PARENTS[key]} - set(op)
        pointers = {parent: self._newest(parent) for parent in outside}
        marts = {parent for key in op for parent in PARENTS[key]} & run.keys
        yield
        later = []
        for key in wanted:
            if op == OPS[-1] and marts and not set(PARENTS[key]) & marts:
                continue  # built by another run: it is published by another, too
            if key in self.failing or undone & set(PARENTS[key]):
                undone.add(key)
                continue
            reads = {parent: self.content.get(parent, 0) for parent in READ[key]}
            yield
            self._write(key, reads)
            yield
            later.append(key)
        for key in later:
            # Of what its own op makes, Dagster takes down what is newest now.
            beside = {p: self._newest(p) for p in PARENTS[key] if p in op}
            self._made(run, key, {**pointers, **beside}, seen)
            yield
            if key == "b":
                self._check(run.id, "check" not in self.failing)
                undone |= {"b"} if "check" in self.failing else set()

    def _made(self, run: Run, key: str, pointers: Mapping[str, int | None], seen: int) -> None:
        tags = {READ_UP_TO: str(seen)} if key in SPEAKING else {}
        if key in OPS[-1] and self.content[key] % 2:
            seen_again = dg.AssetObservation(key, tags=tags)
            self._log(run.id, Type.ASSET_OBSERVATION, AssetObservationData(seen_again))
        else:
            for parent in PARENTS[key]:
                known = pointers.get(parent)
                tags[get_input_event_pointer_tag(dg.AssetKey(parent))] = str(known or "NULL")
            event = dg.AssetMaterialization(key, tags=tags)
            self._log(run.id, Type.ASSET_MATERIALIZATION, StepMaterializationData(event))
        self._tell(key, run.id)
        self.made_in.add((key, run.id))

    def _check(self, run_id: str, passed: bool) -> None:
        record = self._record("b")
        target = AssetCheckEvaluationTargetMaterializationData(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
        found = AssetCheckEvaluation(
            CHECK.asset_key, CHECK.name, passed, {}, target_materialization_data=target
        )
        self._log(run_id, Type.ASSET_CHECK_EVALUATION, found)
        self.check_passed = passed

    def _write(self, key: str, reads: dict[str, int]) -> None:
        self.content[key] = self.content.get(key, 0) + 1
        self.reads[key] = reads

    def _tell(self, key: str, run_id: str) -> None:
        self.clock += 1
        self.told_at[key], self.told_in[key] = self.clock, run_id

    def _record(self, key: str) -> Any:
        (record,) = self.instance.get_asset_records([dg.AssetKey(key)])
        return record.asset_entry.last_materialization_record

    def _newest(self, key: str) -> int | None:
        records = self.instance.get_asset_records([dg.AssetKey(key)])
        newest = records[0].asset_entry.last_materialization_record if records else None
        return newest.storage_id if newest else None

    def _log(self, run_id: str, kind: Any, data: Any = None) -> None:
        event = dg.DagsterEvent(kind.value, JOB, event_specific_data=data)
        self.instance.report_dagster_event(event, run_id)


def _planned(key: str) -> AssetMaterializationPlannedData:
    return AssetMaterializationPlannedData(dg.AssetKey(key), partition=None)
