"""What people look for in the event of a table that dbt has built: rows, columns and its code."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from assetops.dbt.lineage import Lineage
from assetops.model import Column, Dataset
from assetops.project import Project
from assetops.warehouse import Warehouse
from assetops.warehouse.measure import Measure, measured

if TYPE_CHECKING:
    from assetops.dbt.invoke import Invocation

# Of compiled SQL: an event is kept for ever, and the whole is among the run's artifacts.
_SHOWN = 10_000
_NOT_COUNTED = {"view", "external"}


class BuiltTables:
    """Adds to each event of a built table what the warehouse says of it."""

    def __init__(
        self,
        project: Project,
        warehouse: Warehouse,
        instance: dg.DagsterInstance,
        invocation: "Invocation",
        chosen: Sequence[Dataset],
    ) -> None:
        """Speak of the chosen datasets, which the invocation builds."""
        self.project, self.warehouse, self.instance = project, warehouse, instance
        self.artifacts = invocation.artifacts
        # Another process has the file while dbt works; or a profile of its own has options that a
        # second connection has not: to look meanwhile would fail, for us or for dbt.
        self.waits = invocation.is_elsewhere or not warehouse.shared
        self.datasets = {dg.AssetKey(d.key).to_python_identifier(): d for d in chosen}
        self.lineage = Lineage(project)

    def with_facts(self, events: Generator[Any, None, None]) -> Iterator[Any]:
        """Yield the events of a dbt invocation, those of built tables with what is known of them.

        Raises what the invocation raises, after the events of what it had built by then.
        """
        held: list[Any] = []
        try:
            with closing(events):
                for event in events:
                    if not isinstance(event, dg.Output) or event.output_name not in self.datasets:
                        yield event
                    elif self.waits:
                        held.append(event)
                    else:
                        yield self._with_facts(event)
        except GeneratorExit:
            # Nobody listens any more.
            raise
        except BaseException:
            # Also when the run is stopped: what dbt has built until then is there.
            yield from self._all_with_facts(held)
            raise
        yield from self._all_with_facts(held)

    def _all_with_facts(self, events: Sequence[dg.Output[Any]]) -> Iterator[dg.Output[Any]]:
        # Held open, so that each look at a table does not open the file anew.
        with self.warehouse.connect() if events else nullcontext():
            yield from map(self._with_facts, events)

    def _with_facts(self, event: dg.Output[Any]) -> dg.Output[Any]:
        dataset = self.datasets[event.output_name]
        node = self.project.manifest["nodes"][dataset.unique_id]
        counted = node["config"].get("materialized") not in _NOT_COUNTED
        with self.warehouse.connect() as connection:
            measure = measured(connection, dataset.relation, counted=counted)
            code = self._compiled(node)
            deps = self.lineage.of(dataset, code, measure, connection) if measure else {}
        return event.with_metadata(
            {**event.metadata, **self._facts(dataset, measure), **_code(code), **_lineage(deps)}
        )

    def _facts(self, dataset: Dataset, measure: Measure | None) -> dict[str, Any]:
        if measure is None:
            return {}
        facts: dict[str, Any] = {"dagster/column_schema": table_schema(dataset, measure.columns)}
        if measure.rows is not None:
            facts["dagster/row_count"] = measure.rows
            if (before := self._rows_before.get(dataset.key)) is not None:
                facts["rows_change"] = measure.rows - before
        return facts

    def _compiled(self, node: Mapping[str, Any]) -> str:
        """Return the code that dbt has just run; empty where it writes none, as for a seed."""
        file = self.artifacts / "compiled" / node["package_name"] / node["original_file_path"]
        try:
            return file.read_text().strip() if file.suffix == ".sql" else ""
        except OSError:
            return ""

    @cached_property
    def _rows_before(self) -> Mapping[tuple[str, ...], int]:
        """How many rows each table had when it was last built, by the events of then."""
        found = {}
        keys = [dg.AssetKey(dataset.key) for dataset in self.datasets.values()]
        for record in self.instance.get_asset_records(keys):
            event = record.asset_entry.last_materialization
            told = event.asset_materialization if event else None
            rows = told.metadata.get("dagster/row_count") if told else None
            if rows is not None and isinstance(rows.value, int):
                found[tuple(record.asset_entry.asset_key.path)] = rows.value
        return found


def table_schema(dataset: Dataset, columns: Sequence[tuple[str, str]]) -> dg.TableSchema:
    """Return the columns as they are in the warehouse, with what the yml says of them."""
    documented = {column.name.lower(): column for column in dataset.columns}
    return dg.TableSchema(
        [_column(name, kind, documented.get(name.lower())) for name, kind in columns]
    )


def _column(name: str, kind: str, documented: Column | None) -> dg.TableColumn:
    if documented is None:
        return dg.TableColumn(name, kind)
    tags = dict.fromkeys(documented.tags, "")
    if documented.pii:
        tags["pii"] = documented.pii
    return dg.TableColumn(name, kind, documented.description or None, tags=tags)


def _code(compiled: str) -> dict[str, Any]:
    if not compiled:
        return {}
    left_out = len(compiled) - _SHOWN
    note = f"\n\n{left_out:,} more characters are in the run's artifacts." if left_out > 0 else ""
    return {"compiled_sql": dg.MetadataValue.md(f"````sql\n{compiled[:_SHOWN]}\n````{note}")}


def _lineage(deps: Mapping[str, Sequence[tuple[tuple[str, ...], str]]]) -> dict[str, Any]:
    if not deps:
        return {}
    return {
        "dagster/column_lineage": dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(dg.AssetKey(key), name) for key, name in above]
                for column, above in deps.items()
            }
        )
    }
