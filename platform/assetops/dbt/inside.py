"""dbt inside the process: its own runner on a thread, which can be stopped within a query."""

import contextlib
import ctypes
import shutil
import sys
import time
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

from assetops.dbt.lines import Lines
from assetops.dbt.manifest import packed_manifest
from assetops.dbt.results import NodeResult, matters
from assetops.dbt.stops import Said
from assetops.errors import TransformError
from assetops.settings import Settings, export

# A query ends within milliseconds of its interruption; a Python model may never do.
STOP_SECONDS = 4.0

# The manifest as dbt's own object, of the run that this process is working for.
_loaded: dict[str, Any] = {}


@dataclass
class Inside:
    """One call of dbt's runner in this process."""

    settings: Settings
    arguments: Sequence[str]
    # The invocations of one run share what dbt reads of its project.
    run_id: str
    artifacts: Path
    log: Lines
    # Whether dbt may keep the warehouse's file open for the next call, until `let_go`.
    stays_open: bool = False
    # Unique ids of exactly what the arguments select, where they are known.
    nodes: Collection[str] | None = None
    results: dict[str, NodeResult] = field(default_factory=dict)

    def events(self) -> Generator[dict[str, Any], None, None]:
        """Yield dbt's events as its command line would print them, then fill `results`.

        Raises `TransformError` if dbt could not do its work.
        """
        said: Said[Any] = Said()
        done = object()
        outcome: list[Any] = []

        def work() -> None:
            try:
                outcome.append(self._run(said.put))
            except KeyboardInterrupt:
                # It was stopped before it had come to dbt.
                return
            finally:
                said.put(done)

        # dbt blocks until it has finished; a thread lets its events out meanwhile.
        worker = Thread(target=work, name="dbt", daemon=True)
        worker.start()
        try:
            while (event := said.next()) is not done:
                yield from self._told(event)
            worker.join()
        except GeneratorExit:
            # Nobody listens any more.
            raise
        except BaseException:
            _stop(worker)
            # What it had said by then was done by then.
            for event in said.rest():
                if event is not done:
                    yield from self._told(event)
            raise
        finally:
            if worker.is_alive():
                _stop(worker)
        self._read(outcome)

    def _run(self, put: Any) -> Any:
        from dbt.deprecations import reset_deprecations

        from assetops.dbt import session

        export(self.settings)
        _spare()
        # dbt counts them for the life of the process, and would tell of those of an earlier call.
        reset_deprecations()  # type: ignore[no-untyped-call]
        manifest = _manifest(self.settings, self.run_id)
        # Paths in the project and in the profile start in its folder, and so does its owner.
        with contextlib.chdir(self.settings.dbt_start):
            return session.call(
                manifest, self.arguments, put, stays_open=self.stays_open, nodes=self.nodes
            )

    def _told(self, event: Any) -> Iterator[dict[str, Any]]:
        from google.protobuf.json_format import MessageToDict

        info = event.info
        self.log.add(info.level, info.ts.ToJsonString(), info.msg)
        # Converting takes its time.
        if matters(info.name, info.level):
            yield MessageToDict(
                event,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )

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


def let_go() -> None:
    """Close what dbt has kept open for the next call of a run."""
    if "assetops.dbt.session" in sys.modules:
        from assetops.dbt import session

        session.end()


@cache
def _spare() -> None:
    """Have dbt look once in a process at what it would look at in each invocation.

    And have it make no messages for a debug log. Where it names these otherwise, it takes its time.
    """
    from dbt.plugins.manager import PluginManager
    from dbt_common import behavior_flags

    with contextlib.suppress(ImportError):
        from assetops.dbt.heard import listen

        listen()
    with contextlib.suppress(AttributeError):
        found = PluginManager.get_prefixed_modules
        PluginManager.get_prefixed_modules = cache(found)  # type: ignore[method-assign]
    with contextlib.suppress(AttributeError):
        rendered = behavior_flags.BehaviorFlagRendered
        assert callable(rendered._default_source)
        rendered._default_source = staticmethod(_who_asks)  # type: ignore[method-assign]


def _who_asks() -> str:
    """Return the module that has made a flag, without a look at the source of each caller."""
    frame: Any = sys._getframe(1)
    while frame and frame.f_globals.get("__name__") in (__name__, "dbt_common.behavior_flags"):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__")) if frame else "Unknown"


def _manifest(settings: Settings, run_id: str) -> Any:
    from dbt.contracts.graph.manifest import Manifest

    if run_id not in _loaded:
        _loaded.clear()
        _loaded[run_id] = Manifest.from_msgpack(packed_manifest(settings))
    return _loaded[run_id]


def _stop(worker: Thread) -> None:
    """End dbt's work as Ctrl-C ends its command: no node begins, and no query goes on.

    dbt itself would hear of Ctrl-C on the main thread only. Each node is a transaction, so that
    what is interrupted leaves its table as it was.
    """
    from dbt.adapters.factory import FACTORY

    _loaded.clear()
    deadline = time.monotonic() + STOP_SECONDS
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(worker.ident or 0), ctypes.py_object(KeyboardInterrupt)
    )
    while worker.is_alive() and time.monotonic() < deadline:
        # Again and again: nodes that dbt had handed to its threads still begin.
        for adapter in list(FACTORY.adapters.values()):
            with contextlib.suppress(Exception):
                adapter.connections.cancel_open()
        worker.join(0.05)
