"""`dbt build` of other nodes, on what an earlier one has made: its adapter, graph and cache."""

import copy
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dbt import selected_resources
from dbt.adapters.factory import FACTORY
from dbt.artifacts.schemas.results import RunStatus
from dbt.cli.flags import Flags
from dbt.graph.queue import GraphQueue
from dbt.task.build import BuildTask

_SCHEMAS = "select database_name, schema_name from duckdb_schemas()"
_RELATIONS = """
select database_name, schema_name, table_name, 'table' from duckdb_tables()
union all
select database_name, schema_name, view_name, 'view' from duckdb_views() where not internal
"""


@dataclass
class Shared:
    """What calls have in common, of which an earlier one has made all that is here."""

    manifest: Any
    adapter: Any
    graph: Any = None
    selector: Any = None
    # Kinds of hooks of which the project has none.
    hookless: set[Any] = field(default_factory=set)


class Again(BuildTask):
    """One call of `dbt build` on what is shared."""

    def __init__(self, flags: Flags, shared: Shared, nodes: Collection[str] | None) -> None:
        """Prepare a call that builds the nodes with these unique ids; None: what its flags say."""
        config = copy.copy(shared.adapter.config)
        config.args, config.target_path = flags, flags.TARGET_PATH
        shared.adapter.config = config
        # Each command of dbt's begins without any.
        FACTORY.adapters[shared.adapter.type()] = shared.adapter
        super().__init__(flags, config, shared.manifest)
        self.shared, self.nodes = shared, nodes
        self.there: set[tuple[str, ...]] = set()

    def compile_manifest(self) -> None:
        """Take the graph that is the same for all calls."""
        if self.shared.graph is None:
            super().compile_manifest()
            self.shared.graph = self.graph
        self.graph = self.shared.graph

    def get_graph_queue(self) -> GraphQueue:
        """Queue the nodes that are known by their unique ids.

        dbt selects three times, and compares each name with each node's.
        """
        if self.nodes is None:
            return super().get_graph_queue()
        if self.shared.selector is None:
            self.shared.selector = self.get_node_selector()
        # Of empty files, and of other kinds than dbt was told of, nothing is built.
        chosen = self.shared.selector.filter_selection({*self.nodes})
        self.selected_unit_tests = chosen & self.shared.manifest.unit_tests.keys()
        self.build_model_to_unit_test_map(self.selected_unit_tests)  # type: ignore[no-untyped-call]
        queued = chosen - self.selected_unit_tests
        selected_resources.set_selected_resources(queued)
        return GraphQueue(self.graph.get_subset_graph(queued).graph, self.shared.manifest, queued)

    def safe_run_hooks(self, adapter: Any, hook_type: Any, extra_context: Mapping[str, Any]) -> Any:
        """Run hooks where there are any; dbt makes a transaction also for none."""
        if hook_type in self.shared.hookless:
            return RunStatus.Success
        if not self.get_hooks_by_type(hook_type):
            self.shared.hookless.add(hook_type)
        return super().safe_run_hooks(adapter, hook_type, {**extra_context})

    def create_schemas(self, adapter: Any, required_schemas: Iterable[Any]) -> None:
        """Look once at all that is there, and create schemas unless they are.

        dbt lists schemas, and then relations, by macros on threads of their own.
        """
        cursor = adapter.connections.get_thread_connection().handle.cursor()
        there = {_lower(found) for found in cursor.execute(_SCHEMAS).fetchall()}
        self.there = {_lower(found) for found in cursor.execute(_RELATIONS).fetchall()}
        schemas = {_lower((str(r.database), str(r.schema))) for r in required_schemas}
        if not schemas <= there:
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
        there = {found for found in self.there if found[:2] in cache.schemas}
        return bool(cache.schemas) and known == there


def _lower(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)
