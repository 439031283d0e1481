"""One invocation of dbt, whichever way it is called: its arguments, its events, its results."""

import contextlib
import json
import re
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster_dbt.core.dbt_cli_event import (
    DbtCliEventMessage,
    DbtCoreCliEventMessage,
    DbtFusionCliEventMessage,
)

from assetops.dbt import early
from assetops.dbt.beside import Beside
from assetops.dbt.command import Command, is_fusion
from assetops.dbt.inside import Inside
from assetops.dbt.lines import Lines, lines
from assetops.dbt.manifest import dbt_command, project_arguments
from assetops.dbt.results import NodeResult, Transport
from assetops.settings import Settings

# dbt compares each name that selects with each node, some 7 µs each.
_MOST_COMPARED = 100_000


class _FusionMessage(DbtFusionCliEventMessage):
    """dbt Fusion's events, without those that dagster-dbt takes for results of nodes."""

    @property
    def is_result_event(self) -> bool:
        unique_id = self.raw_event["data"].get("node_info", {}).get("unique_id") or ""
        # As in dbt Core's: nothing of Dagster's is a unit test.
        return super().is_result_event and not unique_id.startswith("unit_test.")


@dataclass
class Invocation:
    """One `dbt build`: iterate over its events, then read its results."""

    settings: Settings
    arguments: Sequence[str]
    # The invocations of one run share what dbt reads of its project.
    run_id: str
    artifacts: Path
    # Whether dbt's lines belong in the step's compute log, too.
    aloud: bool = False
    # Whether dbt in this process may keep the warehouse's file open for the next call.
    stays_open: bool = False
    # Unique ids of exactly what the arguments select, where they are known.
    nodes: Collection[str] | None = None
    results: dict[str, NodeResult] = field(default_factory=dict)
    worker: early.Worker | None = field(default_factory=early.worker)

    @property
    def is_elsewhere(self) -> bool:
        """Whether dbt runs in a process of its own, which the warehouse's file must be left to."""
        return self._is_command or self.worker is not None

    @property
    def _is_command(self) -> bool:
        return self.settings.dbt_transport == "subprocess" or bool(self.settings.dbt_executable)

    def events(self) -> Generator[DbtCliEventMessage, None, None]:
        """Yield what dbt says of results and of trouble, in dagster-dbt's words, while it works.

        Whoever stops iterating stops dbt. Raises `TransformError` if dbt could not start its work.
        A node that failed is in `results`.
        """
        executable = self.settings.dbt_executable and dbt_command(self.settings)[0]
        fusion = executable is not None and is_fusion(executable)
        message = _FusionMessage if fusion else DbtCoreCliEventMessage
        # Closed at once when nobody listens any more, not when memory is next cleaned.
        with lines(self.artifacts, aloud=self.aloud) as log:
            transport = self._transport(log)
            with contextlib.closing(transport.events()) as events:
                for event in events:
                    yield message(raw_event=event, event_history_metadata={})
        self.results |= transport.results

    def _transport(self, log: Lines) -> Transport:
        if self._is_command:
            return Command(self.settings, self.arguments, self.artifacts, log)
        what = (self.settings, self.arguments, self.run_id, self.artifacts, log)
        if self.worker:
            return Beside(*what, self.worker, self.nodes)
        return Inside(*what, self.stays_open, self.nodes)


def build_arguments(
    settings: Settings,
    *,
    nodes: Collection[str],
    manifest: Mapping[str, Any],
    variables: Mapping[str, Any],
    artifacts: Path,
) -> list[str]:
    """Return the arguments of a `dbt build` of exactly the nodes with these unique ids."""
    known = len(manifest["nodes"]) + len(manifest.get("unit_tests", {}))
    by_name = len(nodes) * known <= _MOST_COMPARED
    return [
        "build",
        *project_arguments(settings, variables),
        *("--target-path", str(artifacts), "--log-path", str(artifacts)),
        *("--indirect-selection", "empty"),
        *(_named(set(nodes), manifest) if by_name else _listed(nodes, artifacts / "selected")),
    ]


def _named(nodes: Collection[str], manifest: Mapping[str, Any]) -> list[str]:
    """Return the arguments that select nodes by their names."""
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
        *("--select", *map(_by_name, sorted(wanted))),
        *(("--exclude", *map(_by_name, sorted(below))) if below else ()),
    ]


def _listed(nodes: Collection[str], folder: Path) -> list[str]:
    """Return the arguments that select nodes as those that succeeded in an earlier invocation.

    500 names among 15,000 nodes took a minute; this takes no time, however many they are.
    """
    blank = {"timing": [], "thread_id": "", "execution_time": 0, "adapter_response": {}}
    blank |= {"message": None, "failures": None, "status": "success"}
    blank |= {"compiled": None, "compiled_code": None, "relation_name": None}
    schema = {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json"}
    results = [{**blank, "unique_id": unique_id} for unique_id in sorted(nodes)]
    folder.mkdir(parents=True, exist_ok=True)
    found = {"metadata": schema, "args": {}, "elapsed_time": 0, "results": results}
    (folder / "run_results.json").write_text(json.dumps(found))
    return ["--select", "result:success", "--state", str(folder)]


def freshness_arguments(
    settings: Settings, *, names: Collection[tuple[str, ...]], artifacts: Path
) -> list[str]:
    """Return the arguments of a `dbt source freshness` of the sources with these dbt names."""
    # The package, the source and the table; folders, which stand between, are no part of it.
    chosen = [".".join((fqn[0], *fqn[-2:])) for fqn in sorted(names)]
    return [
        *("source", "freshness"),
        *project_arguments(settings),
        *("--target-path", str(artifacts), "--log-path", str(artifacts)),
        *("--output", str(artifacts / "run_results.json")),
        *("--select", *("source:" + re.sub(r"[ ,]", "?", name) for name in chosen)),
    ]


def _by_name(fqn: Sequence[str]) -> str:
    # dbt would take a space or a comma, in a folder's name, for the end of a name.
    return "fqn:" + re.sub(r"[ ,]", "?", ".".join(fqn))
