"""A Dagster step that runs an asset's checks: all of them, or those that somebody chose."""

import re
from collections.abc import Callable, Iterator, Sequence

import dagster as dg

from assetops.errors import AssetOpsError
from assetops.model import EXIT_CODE, Severity, Status, Verdict
from assetops.quality.report import metadata_of
from assetops.quality.suites import Suite
from assetops.quality.suites.depth import Depth
from assetops.quality.suites.words import sentence

Look = Callable[[dg.AssetCheckExecutionContext, set[str]], list[Verdict]]


def check_specs(
    suite: Suite, asset_key: dg.AssetKey, *, depth: Depth = Depth.LIGHT
) -> list[dg.AssetCheckSpec]:
    """Return one check for each expectation; the critical light ones block what comes after.

    Deep ones run when that is there already: publication asks the ledger for them.
    """
    return [
        dg.AssetCheckSpec(
            expectation.name,
            asset=asset_key,
            blocking=depth is Depth.LIGHT and expectation.severity is Severity.CRITICAL,
            description=_described(
                sentence(expectation.type, expectation.kwargs), expectation.description
            ),
            metadata={
                "severity": expectation.severity.value,
                "depth": depth.value,
                "expectation": expectation.type,
                "suite": "/".join(("gx", "expectations", f"{suite.address}.json")),
            },
        )
        for expectation in suite.expectations
    ]


def as_check_result(verdict: Verdict, asset_key: dg.AssetKey) -> dg.AssetCheckResult | None:
    """Return a verdict as Dagster's result; a check that could not run has none to give."""
    if verdict.status is Status.ERRORED:
        return None
    critical, passed = verdict.severity is Severity.CRITICAL, verdict.status is Status.PASSED
    said = ("" if passed else verdict.finding, verdict.description)
    return dg.AssetCheckResult(
        passed=passed,
        check_name=verdict.check,
        asset_key=asset_key,
        severity=dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN,
        description=". ".join(filter(None, said)) or None,
        metadata=metadata_of(verdict),
    )


def suite_step(
    suite: Suite,
    key: dg.AssetKey,
    look: Look,
    *,
    resources: set[str] | None = None,
    pool: str | None = "warehouse",
    depth: Depth = Depth.LIGHT,
) -> dg.AssetChecksDefinition:
    """Return a suite as asset checks, of which one step runs all or those that are chosen.

    Args:
        suite: The expectations, one check for each.
        key: The asset that they are about.
        look: Runs the checks of these names; an `AssetOpsError` fails the step in plain words.
        resources: The resources that have to be there when it looks.
        pool: The Dagster pool that the step takes part in.
        depth: Deep checks have a step of their own.
    """
    step = "gate_" if depth is Depth.LIGHT else "deep_"
    specs = check_specs(suite, key, depth=depth)
    return check_step(step, specs, key, look, resources=resources, pool=pool)


def check_step(
    prefix: str,
    specs: Sequence[dg.AssetCheckSpec],
    key: dg.AssetKey,
    look: Look,
    *,
    resources: set[str] | None = None,
    pool: str | None = None,
) -> dg.AssetChecksDefinition:
    """Return one step that runs an asset's checks, named by what kind of step it is."""

    @dg.multi_asset_check(
        name=re.sub(r"[^A-Za-z0-9_]", "_", prefix + "_".join(key.path)),
        specs=specs,
        can_subset=True,
        required_resource_keys=resources or set(),
        pool=pool,
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        chosen = {check.name for check in context.selected_asset_check_keys}
        try:
            verdicts = look(context, chosen)
        except AssetOpsError as error:
            raise _failure(str(error), error.exit_code) from None
        for verdict in verdicts:
            result = as_check_result(verdict, key)
            if result is not None:
                yield result
            elif not verdict.blocks:
                context.log.warning(verdict.sentence())
        _raise_for(key.to_user_string(), verdicts)

    return checks


def _raise_for(address: str, verdicts: Sequence[Verdict]) -> None:
    """Fail the step if a critical check did not pass; what could not run outranks what is bad."""
    blocking = [verdict for verdict in verdicts if verdict.blocks]
    if blocking:
        errored = any(verdict.status is Status.ERRORED for verdict in blocking)
        said = "\n".join(f"{address}: {verdict.sentence()}" for verdict in blocking)
        raise _failure(said, 2 if errored else 1)


def _failure(description: str, exit_code: int) -> dg.Failure:
    return dg.Failure(
        description=description,
        metadata={EXIT_CODE: exit_code},
        allow_retries=False,
    )


def _described(expected: str, reason: str) -> str:
    return f"Expects {expected}." + (f" {reason}" if reason else "")
