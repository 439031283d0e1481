"""dbt builds a project of three models, for what it works out once in the life of a process.

Its macros compiled, schemas and codecs of its own classes made: most of a second, which a template
spends once and the runs that are forked from it never. Nothing of it depends on a project.
"""

import gc
import os
import traceback
from multiprocessing import resource_tracker
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from assetops.errors import TransformError
from assetops.settings import own_environment, replace_environment

_PROJECT = {
    "dbt_project.yml": (
        "{name: rehearsal, version: 1.0.0, profile: rehearsal,"
        " flags: {send_anonymous_usage_stats: false}}"
    ),
    "profiles.yml": (
        "rehearsal: {target: dev, outputs: {dev:"
        " {type: duckdb, path: ':memory:', threads: 1, config_options: {threads: 1}}}}"
    ),
    "models/one.sql": "{{ config(materialized='table') }} select 1 as id, 'a' as kind",
    "models/two.sql": (
        "{{ config(materialized='incremental', unique_key='id') }} select * from {{ ref('one') }}"
    ),
    "models/three.sql": "{{ config(materialized='view') }} select * from {{ ref('two') }}",
    "models/models.yml": (
        "models: [{name: one, columns: ["
        "{name: id, data_tests: [unique, not_null, {relationships:"
        " {arguments: {to: ref('two'), field: id}}}]},"
        "{name: kind, data_tests: [{accepted_values: {arguments: {values: [a]}}}]}]}]"
    ),
}


def rehearse() -> None:
    """Build a project in a folder of its own, and leave no thread, process or connection.

    Raises:
        TransformError: dbt could not build it.
    """
    before = own_environment()
    # What dbt is told by its environment is meant for others.
    replace_environment({n: value for n, value in before.items() if not n.startswith("DBT_")})
    try:
        with TemporaryDirectory(prefix="assetops-rehearsal-") as folder:
            for name, text in _PROJECT.items():
                (Path(folder) / name).parent.mkdir(exist_ok=True)
                (Path(folder) / name).write_text(text)
            _build(Path(folder))
    finally:
        # Locks of dbt's would be reported as left over by whoever is last.
        gc.collect()
        replace_environment(before)
        # Whoever is forked starts its own; there is nothing in it to track.
        getattr(resource_tracker._resource_tracker, "_stop", bool)()


def _build(project: Path) -> None:
    from dbt.contracts.graph.manifest import Manifest

    from assetops.dbt import session

    # As runs do, which never parse; and what parses starts threads.
    if (pid := os.fork()) == 0:
        os._exit(_parse(project))
    if os.waitpid(pid, 0)[1] != 0:
        raise TransformError("dbt could not parse the project that it rehearses with.")
    manifest = Manifest.from_msgpack((project / "target/partial_parse.msgpack").read_bytes())
    try:
        # A run's later calls do otherwise what its first one does.
        for selected in ("fqn:*", "three"):
            words = _words(project, "build", "--select", selected)
            result: Any = session.call(manifest, words, _listen, stays_open=True)
            if not result.success:
                raise TransformError(f"dbt could not build its rehearsal: {result.exception}")
            result.result.write(str(project / "run_results.json"))
    finally:
        session.end()


def _parse(project: Path) -> int:
    """Parse in a process that was forked for it, and return its exit code."""
    from dbt.adapters.factory import reset_adapters
    from dbt.cli.main import dbtRunner

    quiet = ["--log-level", "none", "--log-level-file", "none"]
    try:
        done = dbtRunner(callbacks=[_listen]).invoke([*quiet, *_words(project, "parse")]).success
        reset_adapters()  # type: ignore[no-untyped-call]
        gc.collect()
    except BaseException:
        # The process ends here, so that nobody else would tell.
        traceback.print_exc()
        return 1
    return 0 if done else 1


def _words(project: Path, command: str, *more: str) -> list[str]:
    return [
        *(command, "--target", "dev", "--profile", "rehearsal"),
        *("--project-dir", str(project), "--profiles-dir", str(project)),
        *("--target-path", str(project / "target"), "--log-path", str(project), *more),
    ]


def _listen(event: Any) -> None:
    from google.protobuf.json_format import MessageToDict

    MessageToDict(event, preserving_proto_field_name=True)
