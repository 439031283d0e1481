"""What dbt's results mean: for the ledger, for the end of a step, for what is to be published."""

import re
from collections.abc import Mapping, Sequence

import dagster as dg

from assetops.dbt.causes import all_pass
from assetops.dbt.cut import Cut
from assetops.dbt.results import NodeResult
from assetops.ledger import Ledger
from assetops.model import EXIT_CODE, Dataset, DbtTest, Severity, Status, Verdict
from assetops.project import Project
from assetops.warehouse import Warehouse

# DuckDB's words for rows that do not fit into the table that is there.
_OTHER_COLUMNS = re.compile(r"^\s*(Conversion|Binder|Mismatch Type) Error", re.MULTILINE)
_STATUS = {"pass": Status.PASSED, "fail": Status.FAILED, "warn": Status.FAILED}


def remember(
    project: Project,
    warehouse: Warehouse,
    ledger: Ledger,
    results: Mapping[str, NodeResult],
    run_id: str,
    days: str | None,
) -> None:
    """Write the tests' verdicts to the ledger, on the content that they saw.

    `days` says which days the run is about.
    """
    verdicts: dict[str, list[Verdict]] = {}
    for unique_id, result in results.items():
        if unique_id.startswith("test.") and result.status != "skipped":
            home, test = _test(project, unique_id)
            verdicts.setdefault(home.unique_id, []).append(_verdict(test, result))
    for unique_id, found in verdicts.items():
        dataset = project.datasets[unique_id]
        state = f"run {run_id}"
        if dataset.contract.publish:
            state = warehouse.fingerprint(dataset.relation)
        ledger.record_results(dataset.address, found, state=state, run_id=run_id, partition=days)


def standing_tests(cut: Cut, ledger: Ledger, dataset: Dataset) -> list[tuple[str, Verdict, str]]:
    """Return what stands against a dataset: tests of what it is made from that run by themselves.

    A test that dbt runs beside the models stops them itself. One that looks at several parts of
    the graph runs after them, and those that wait for one of them need not wait for it.
    """
    found = []
    why = "It stands until it passes on what it looks at, built again."
    for unique_id in cut.apart_below(dataset.unique_id):
        home, test = _test(cut.project, unique_id)
        newest = [verdict for verdict, _, _ in ledger.latest_results(home.address)]
        found += [(home.address, v, why) for v in newest if v.check == test.name and v.blocks]
    return found


def _test(project: Project, unique_id: str) -> tuple[Dataset, DbtTest]:
    home = project.datasets[project.home_of(unique_id) or ""]
    name = project.manifest["nodes"][unique_id]["name"]
    return home, next(test for test in home.tests if test.name == name)


def _verdict(test: DbtTest, result: NodeResult) -> Verdict:
    status = _STATUS.get(result.status, Status.ERRORED)
    return Verdict(
        check=test.name,
        severity=Severity.WARNING if result.status == "warn" else test.severity,
        status=status,
        description=test.description,
        expected="no rows that break the test",
        failing_rows=result.failures if status is Status.FAILED else None,
        query=result.compiled,
        error=result.message if status is Status.ERRORED else None,
    )


def raise_for(
    results: Mapping[str, NodeResult], unreported: Sequence[str], project: Project
) -> None:
    """Fail the step if a node did not succeed, or if what was planned has not been heard of.

    What could not be done outranks what is bad. What fails for a passing reason may be tried again.
    """
    broken = [r for r in results.values() if r.status in ("error", "runtime error")]
    failed = [r for r in results.values() if r.status == "fail"]
    said = [_sentence(r, project) for r in (*broken, *failed)]
    if unreported and not said:
        said = [f"dbt was to report on {', '.join(unreported)} and did not."]
    if said:
        raise dg.Failure(
            description="\n".join(said),
            metadata={EXIT_CODE: 2 if broken or not failed else 1},
            allow_retries=all_pass([*broken, *failed]),
        )


def _sentence(result: NodeResult, project: Project) -> str:
    kind, _, *names = result.unique_id.split(".")
    name = names[-1] if kind == "unit_test" else names[0]
    query = f" Its rows: {result.compiled_path}" if result.failures and result.compiled_path else ""
    file = project.settings.dbt_project_dir / result.file
    mend = _mend(result, project.datasets.get(result.unique_id), project)
    return f"{file}: {name}: {result.message or result.status}.{query}{mend}"


def _mend(result: NodeResult, dataset: Dataset | None, project: Project) -> str:
    """Return what to do where a table may still have the columns of an earlier code."""
    config = project.manifest["nodes"].get(result.unique_id, {}).get("config", {})
    if dataset is None or config.get("materialized") != "incremental":
        return ""
    if not _OTHER_COLUMNS.search(result.message):
        return ""
    return (
        " If its columns or their types have changed, make it anew: "
        f"assetops build --full-refresh --select {dataset.address}"
    )
