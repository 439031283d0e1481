"""What an earlier attempt at a step has done already, so that the next one does only the rest."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.definitions.source_asset import (
    SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION as NO_EVENT,
)
from dagster._core.storage.tags import RESUME_RETRY_TAG

_SEEN = {dg.DagsterEventType.STEP_OUTPUT, dg.DagsterEventType.ASSET_CHECK_EVALUATION}


@dataclass(frozen=True)
class Done:
    """What needs no second time: an earlier attempt at this step succeeded with it."""

    assets: frozenset[dg.AssetKey] = frozenset()
    checks: Mapping[dg.AssetCheckKey, AssetCheckEvaluation] = field(default_factory=dict)
    # The run in which it was done, if that is not this one.
    run_id: str | None = None

    def events(self, order: Iterable[dg.AssetKey]) -> Iterator[Any]:
        """Yield what lets steps go on that wait for it, and tells again what was found.

        `order` are the step's assets, each after its parents, as Dagster wants to hear of them.
        """
        for key in order:
            if key in self.assets:
                name = key.to_python_identifier()
                yield dg.Output(None, output_name=name, metadata={NO_EVENT: True})
        if self.run_id is None:
            return
        for check, found in self.checks.items():
            yield dg.AssetCheckResult(
                asset_key=check.asset_key,
                check_name=check.name,
                passed=found.passed,
                severity=found.severity,
                metadata={**found.metadata, "found in run": self.run_id},
            )


def done_before(context: dg.OpExecutionContext) -> Done:
    """Return what an earlier attempt of this run did, or of the run that this one resumes.

    A run that is re-executed from failure begins its failed steps anew; of a step that builds many
    assets, most may be there. An asset whose blocking check failed is not done.
    """
    before = _before(context)
    if before is None:
        return Done()
    outputs: set[str] = set()
    checks: dict[dg.AssetCheckKey, AssetCheckEvaluation] = {}
    for entry in context.instance.all_logs(before, of_type=_SEEN):
        event = entry.dagster_event
        if event is None or event.step_key != str(context.op_handle):
            continue
        if event.is_successful_output:
            outputs.add(event.step_output_data.step_output_handle.output_name)
        else:
            found = event.asset_check_evaluation_data
            checks[found.asset_check_key] = found
    failed = {key.asset_key for key, found in checks.items() if not passed(found)}
    built = {key for key in context.selected_asset_keys if key.to_python_identifier() in outputs}
    return Done(
        assets=frozenset(built - failed),
        checks={
            key: found
            for key, found in checks.items()
            if key in context.selected_asset_check_keys and key.asset_key not in failed
        },
        run_id=None if before == context.run_id else before,
    )


def passed(found: AssetCheckEvaluation) -> bool:
    """Say whether a check lets what waits for its asset go on."""
    return found.passed or found.severity is dg.AssetCheckSeverity.WARN


def _before(context: dg.OpExecutionContext) -> str | None:
    if context.retry_number > 0:
        return context.run_id
    if context.run.tags.get(RESUME_RETRY_TAG) == "true":
        return context.run.parent_run_id
    return None
