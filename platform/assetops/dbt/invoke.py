"""dbt inside the process: one invocation, its events as they happen, its results at the end."""

import contextlib
import json
import re
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from assetops.dbt.manifest import packed_manifest, project_arguments
from assetops.errors import TransformError
from assetops.settings import Settings, export

_RESULTS = {"LogModelResult", "LogTestResult", "LogSnapshotResult", "LogSeedResult"}


@dataclass(frozen=True)
class NodeResult:
    """What became of one dbt node."""

    unique_id: str
    status: str
    message: str
    failures: int | None
    file: str
    compiled: str | None
    compiled_path: str | None


@dataclass
class Invocation:
    """One `dbt build`: iterate over its events, then read its results."""

    settings: Settings
    arguments: Sequence[str]
    # The invocations of one run share what dbt reads of its project.
    run_id: str
    artifacts: Path
    results: dict[str, NodeResult] = field(default_factory=dict)

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield dbt's structured log events while dbt works.

        Raises `TransformError` if dbt could not start its work. A node that failed is in `results`.
        """
        from google.protobuf.json_format import MessageToDict

        stream: SimpleQueue[Any] = SimpleQueue()
        done = object()
        outcome: list[Any] = []

        def work() -> None:
            try:
                outcome.append(_run(self.settings, self.arguments, stream.put, self.run_id))
            finally:
                stream.put(done)

        # dbt blocks until it has finished; a thread lets its events out meanwhile.
        worker = Thread(target=work, name="dbt", daemon=True)
        worker.start()
        try:
            while (event := stream.get()) is not done:
                # Nine of ten events are for dbt's debug log, and converting them takes its time.
                if event.info.name in _RESULTS or event.info.level in ("warn", "error"):
                    yield MessageToDict(
                        event,
                        preserving_proto_field_name=True,
                        always_print_fields_with_no_presence=True,
                    )
        finally:
            worker.join()
        self._read(outcome)

    def _read(self, outcome: Sequence[Any]) -> None:
        if not outcome:
            raise TransformError("dbt ended without a result; its log is in the run's compute log.")
        if outcome[0].exception is not None:
            raise TransformError(f"dbt could not do its work: {outcome[0].exception}")
        if not outcome[0].success:
            # A node that is tried again must not be taken for compiled.
            _loaded.clear()
        self._keep_artifacts(outcome[0].result)
        for result in getattr(outcome[0].result, "results", []):
            self.results[result.node.unique_id] = NodeResult(
                unique_id=result.node.unique_id,
                status=str(result.status),
                message=(result.message or "").strip(),
                failures=result.failures,
                file=result.node.original_file_path,
                compiled=getattr(result.node, "compiled_code", None),
                compiled_path=getattr(result.node, "compiled_path", None),
            )

    def _keep_artifacts(self, result: Any) -> None:
        """Write dbt's artifacts as dbt would, except that a run's parts share one manifest.

        dbt itself writes the whole manifest anew in each invocation, a tenth of a small one's time.
        """
        if hasattr(result, "write"):
            result.write(str(self.artifacts / "run_results.json"))
        manifest = self.artifacts.parent / "manifest.json"
        if not manifest.exists():
            shutil.copyfile(self.settings.dbt_target / "manifest.json", manifest)


def build_arguments(
    settings: Settings,
    *,
    nodes: Collection[str],
    manifest: Mapping[str, Any],
    variables: Mapping[str, Any],
    artifacts: Path,
) -> list[str]:
    """Return the arguments of a `dbt build` of exactly the nodes with these unique ids."""
    names = [
        (tuple(node["fqn"]), unique_id in nodes)
        for kind in ("nodes", "unit_tests")
        for unique_id, node in manifest.get(kind, {}).items()
    ]
    wanted = {name for name, chosen in names if chosen}
    # dbt takes a name for everything below it too: a model may be called as a folder is.
    below = {
        name
        for name, chosen in names
        if not chosen and any(name[:length] in wanted for length in range(1, len(name)))
    }
    return [
        "build",
        *project_arguments(settings),
        *("--target-path", str(artifacts), "--log-path", str(artifacts)),
        *("--vars", json.dumps(dict(variables))),
        *("--indirect-selection", "empty"),
        *("--select", *map(_by_name, sorted(wanted))),
        *(("--exclude", *map(_by_name, sorted(below))) if below else ()),
    ]


def _by_name(fqn: Sequence[str]) -> str:
    # dbt would take a space or a comma, in a folder's name, for the end of a name.
    return "fqn:" + re.sub(r"[ ,]", "?", ".".join(fqn))


# The manifest as dbt's own object, of the run that this process is working for.
_loaded: dict[str, Any] = {}


def _manifest(settings: Settings, run_id: str) -> Any:
    from dbt.contracts.graph.manifest import Manifest

    if run_id not in _loaded:
        _loaded.clear()
        _loaded[run_id] = Manifest.from_msgpack(packed_manifest(settings))
    return _loaded[run_id]


def _run(settings: Settings, arguments: Sequence[str], put: Any, run_id: str) -> Any:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import reset_adapters
    from dbt.cli.main import dbtRunner

    export(settings)
    manifest = _manifest(settings, run_id)
    try:
        # Paths in the project and in the profile start in its folder, and so does its owner.
        with contextlib.chdir(settings.dbt_project):
            # Events go to the callback; dbt's own logs would format each of them for nobody.
            return dbtRunner(manifest=manifest, callbacks=[put]).invoke(
                ["--log-level", "none", "--log-level-file", "none", "--no-write-json", *arguments]
            )
    finally:
        # dbt keeps the file, and its own DuckDB configuration, for the life of the process.
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
        reset_adapters()  # type: ignore[no-untyped-call]
