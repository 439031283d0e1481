"""dbt's calls of one run share what the first has set up: its project, adapter, graph and cache.

A call by itself spends more on these than on a small model. What is used of dbt here is not public:
with another version than it was written for, each call is one by itself.
"""

import gc
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import click
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.factory import FACTORY, reset_adapters
from dbt.cli.exceptions import ExceptionExit, ResultExit
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.cli.requires import postflight, preflight
from dbt.flags import get_flags

from assetops.dbt.again import Again, Shared
from assetops.dbt.contexts import QUIET, Read, shared_flags
from assetops.settings import own_environment

Put = Callable[[Any], None]

_IS_KNOWN = version("dbt-core").startswith("1.11.")


@dataclass
class _Session:
    shared: Shared
    flags: dict[str, Any]
    environment: dict[str, str] = field(default_factory=own_environment)
    # The words of an earlier call; those of the first one are read by dbt's runner.
    read: Read | None = None

    def context(self, manifest: Any, arguments: Sequence[str]) -> click.Context | None:
        """Return what dbt reads from words; None if such a call would not set up the same."""
        if arguments[0] != "build" or manifest is not self.shared.manifest:
            return None
        # A library that is imported meanwhile, such as Great Expectations, may add variables.
        if not self.environment.items() <= own_environment().items():
            return None
        context = self.read.with_own(arguments) if self.read else None
        if context is None:
            self.read = Read.from_words(arguments)
            context = self.read.context
            if self.flags != shared_flags(self.read.flags):
                return None
        return context


# The one of the run that this process is working for, while no call is using it.
_kept: list[_Session] = []


def call(
    manifest: Any,
    arguments: Sequence[str],
    put: Put,
    *,
    stays_open: bool,
    nodes: Collection[str] | None = None,
) -> dbtRunnerResult:
    """Call dbt as its runner does, on what an earlier call has left if it would set up the same.

    Args:
        manifest: The manifest, the same object for all calls of a run.
        arguments: Words of dbt's command line, its subcommand first.
        put: Is handed each event that dbt makes a message of.
        stays_open: Whether the warehouse's file may stay open for the next call, until `end`.
        nodes: Unique ids of exactly what the arguments select, where they are known.
    """
    session, result = _kept.pop() if _kept else None, None
    try:
        if session is not None:
            result = _again(session, manifest, arguments, put, nodes)
        if result is None:
            session = None
            _close()
            result = dbtRunner(manifest=manifest, callbacks=[put]).invoke([*QUIET, *arguments])
            if _IS_KNOWN and arguments[0] == "build" and "duckdb" in FACTORY.adapters:
                flags: Any = get_flags()  # type: ignore[no-untyped-call]
                shared = Shared(manifest, FACTORY.adapters["duckdb"])
                session = _Session(shared, shared_flags(flags))
        return result
    finally:
        # What has failed may have left anything; a call after it begins anew.
        good = session is not None and result is not None and result.success
        if not good or not stays_open:
            _close()
        if good and session is not None:
            _kept.append(session)
        else:
            reset_adapters()  # type: ignore[no-untyped-call]
        if result is None or not result.success:
            # A query that failed has the file open in a circle of its cursor and its error.
            gc.collect()


def end() -> None:
    """Close what the calls have left open, and forget what they had in common.

    A call that goes on, of a thread that could not be stopped, does so by itself when it ends.
    """
    if _kept:
        _kept.clear()
        _close()
        reset_adapters()  # type: ignore[no-untyped-call]


def _close() -> None:
    # dbt keeps the file, and its own DuckDB configuration, for the life of the process.
    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


def _again(
    session: _Session,
    manifest: Any,
    arguments: Sequence[str],
    put: Put,
    nodes: Collection[str] | None,
) -> dbtRunnerResult | None:
    """Do a call on what is kept; None if that does not suit it."""
    context = session.context(manifest, arguments)
    if context is None:
        return None
    parent: Any = context.parent
    parent.obj = {"manifest": manifest, "callbacks": [put], "dbt_runner_command_args": arguments}
    # As a context that is made below another one.
    context.obj = parent.obj

    def work(context: Any) -> tuple[Any, bool]:
        task = Again(context.obj["flags"], session.shared, nodes)
        results = task.run()  # type: ignore[no-untyped-call]
        return results, bool(task.interpret_results(results))  # type: ignore[no-untyped-call]

    try:
        # dbt's own frame: its events, its flags, and what becomes of errors.
        with parent, context:
            framed = postflight(preflight(work))  # type: ignore[no-untyped-call]
            result, success = framed(context)
        return dbtRunnerResult(success=success, result=result)
    except ResultExit as exit:
        return dbtRunnerResult(success=False, result=exit.result)
    except ExceptionExit as exit:
        return dbtRunnerResult(success=False, exception=exit.exception)
    except BaseException as error:
        return dbtRunnerResult(success=False, exception=error)
