"""dbt inside the process: one invocation, its events as they happen, its results at the end."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
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
                outcome.append(_run(self.settings, self.arguments, stream.put))
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


def build_arguments(
    settings: Settings,
    *,
    select: Sequence[str],
    variables: Mapping[str, Any],
    artifacts: Path,
) -> list[str]:
    """Return the arguments of a `dbt build` of exactly the selected nodes."""
    return [
        "build",
        *project_arguments(settings),
        *("--target-path", str(artifacts), "--log-path", str(artifacts)),
        *("--vars", json.dumps(dict(variables))),
        *("--indirect-selection", "empty"),
        *("--select", *select),
    ]


def _run(settings: Settings, arguments: Sequence[str], put: Any) -> Any:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import reset_adapters
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    export(settings)
    manifest = Manifest.from_msgpack(packed_manifest(settings))
    try:
        # Paths in the project and in the profile start in its folder, and so does its owner.
        with contextlib.chdir(settings.dbt_project):
            return dbtRunner(manifest=manifest, callbacks=[put]).invoke(
                ["--quiet", "--no-use-colors", "--log-level-file", "none", *arguments]
            )
    finally:
        # dbt keeps the file, and its own DuckDB configuration, for the life of the process.
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
        reset_adapters()  # type: ignore[no-untyped-call]
