"""dbt's calls of one run share what the first has set up: its project, adapter, graph and cache.

A call by itself spends more on these than on a small model. What is used of dbt here is not public:
with another version than it was written for, each call is one by itself.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.factory import FACTORY, reset_adapters
from dbt.cli.exceptions import ExceptionExit, ResultExit
from dbt.cli.flags import Flags
from dbt.cli.main import build, cli, dbtRunner, dbtRunnerResult
from dbt.cli.requires import postflight, preflight
from dbt.flags import get_flags
from dbt.task.build import BuildTask

from assetops.settings import own_environment

Put = Callable[[Any], None]

_IS_KNOWN = version("dbt-core").startswith("1.11.")

# Events go to the callback; dbt's own logs would format each of them for nobody.
_FLAGS = [
    *("--log-level", "none", "--log-level-file", "none"),
    *("--no-use-colors", "--no-write-json"),
]
# What a call is told of itself alone; nothing that is kept is made from it.
_OWN = {"SELECT", "EXCLUDE", "STATE", "TARGET_PATH", "LOG_PATH", "DEPRECATED_ENV_VAR_WARNINGS"}

_THERE = """
select lower(database_name), lower(schema_name), null, null from duckdb_schemas()
union all
select lower(database_name), lower(schema_name), lower(table_name), 'table' from duckdb_tables()
union all
select lower(database_name), lower(schema_name), lower(view_name), 'view' from duckdb_views()
"""


@dataclass
class _Session:
    manifest: Any
    flags: dict[str, Any]
    adapter: Any
    environment: dict[str, str] = field(default_factory=own_environment)
    graph: Any = None

    def suits(self, manifest: Any, flags: Flags) -> bool:
        """Say whether a call with these flags would set up the same."""
        # A library that is imported meanwhile, such as Great Expectations, may add variables.
        same = self.manifest is manifest and self.environment.items() <= own_environment().items()
        return same and self.flags == _common(flags)


# The one of the run that this process is working for, while no call is using it.
_kept: list[_Session] = []


def call(manifest: Any, arguments: Sequence[str], put: Put, *, stays_open: bool) -> dbtRunnerResult:
    """Call dbt as its runner does, on what an earlier call has left if it would set up the same.

    Args:
        manifest: The manifest, the same object for all calls of a run.
        arguments: Words of dbt's command line, its subcommand first.
        put: Is handed each event.
        stays_open: Whether the warehouse's file may stay open for the next call, until `end`.
    """
    session, result = _kept.pop() if _kept else None, None
    try:
        if session is not None:
            result = _again(session, manifest, arguments, put)
        if result is None:
            session = None
            _close()
            result = dbtRunner(manifest=manifest, callbacks=[put]).invoke([*_FLAGS, *arguments])
            if _IS_KNOWN and arguments[0] == "build" and "duckdb" in FACTORY.adapters:
                flags: Any = get_flags()  # type: ignore[no-untyped-call]
                session = _Session(manifest, _common(flags), FACTORY.adapters["duckdb"])
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


def _common(flags: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(flags).items() if name.upper() not in _OWN}


def _again(
    session: _Session, manifest: Any, arguments: Sequence[str], put: Put
) -> dbtRunnerResult | None:
    """Do a call on what is kept; None if that does not suit it."""
    if arguments[0] != "build":
        return None
    parent = cli.make_context(cli.name, [*_FLAGS, *arguments[:1]])
    parent.obj = {"manifest": manifest, "callbacks": [put], "dbt_runner_command_args": arguments}
    context = build.make_context("build", [*arguments[1:]], parent=parent)
    if not session.suits(manifest, Flags(context)):
        return None

    def work(context: Any) -> tuple[Any, bool]:
        task = _Again(context.obj["flags"], session)
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


class _Again(BuildTask):
    """`dbt build` of other nodes, by the adapter and in the graph of an earlier one."""

    def __init__(self, flags: Flags, session: _Session) -> None:
        config = copy.copy(session.adapter.config)
        config.args, config.target_path = flags, flags.TARGET_PATH
        session.adapter.config = config
        # Each command of dbt's begins without any.
        FACTORY.adapters[session.adapter.type()] = session.adapter
        super().__init__(flags, config, session.manifest)
        self.session = session
        self.there: set[tuple[str | None, ...]] = set()

    def compile_manifest(self) -> None:
        """Take the graph that is the same for all calls."""
        if self.session.graph is None:
            super().compile_manifest()
            self.session.graph = self.graph
        self.graph = self.session.graph

    def create_schemas(self, adapter: Any, required_schemas: Iterable[Any]) -> None:
        """Look once at all that is there, and create schemas unless they are.

        dbt lists schemas, and then relations, by macros on threads of their own.
        """
        cursor = adapter.connections.get_thread_connection().handle.cursor()
        self.there = set(cursor.execute(_THERE).fetchall())
        schemas = {(str(r.database).lower(), str(r.schema).lower()) for r in required_schemas}
        if not schemas <= {found[:2] for found in self.there}:
            super().create_schemas(adapter, set(required_schemas))

    def populate_adapter_cache(self, adapter: Any, required_schemas: Any = None) -> None:
        """Fill dbt's cache anew if another has made or dropped a table, or dbt did not notice."""
        if self.args.cache_selected_only or not self._is_right(adapter.cache):
            adapter.cache.clear()
            super().populate_adapter_cache(adapter, required_schemas)

    def _is_right(self, cache: Any) -> bool:
        known = {
            (key.database, key.schema, key.identifier, str(relation.inner.type))
            for key, relation in cache.relations.items()
        }
        there = {found for found in self.there if found[2] and found[:2] in cache.schemas}
        return bool(cache.schemas) and known == there
