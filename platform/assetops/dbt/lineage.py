"""Which columns a model's columns are made from, worked out when its code changes and kept."""

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from assetops.model import Dataset, Kind, Relation
from assetops.project import Project
from assetops.warehouse import Connection
from assetops.warehouse.measure import Measure, measured

_LOG = logging.getLogger(__name__)

# By column, the columns it is made from, each with its asset's key.
Dependencies = Mapping[str, Sequence[tuple[tuple[str, ...], str]]]

# A text or a number in the code: the run's own time is one, and no lineage depends on them.
_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d[\d.]*\b")
# What is longer takes sqlglot minutes.
_LONGEST = 200_000
# What one step may spend; what is left over is worked out by the next.
_SECONDS = 20.0
# Counts up when what is worked out from the same code changes.
_VERSION = 1


class Lineage:
    """The column lineage of a project's models, kept by the content of their code."""

    def __init__(self, project: Project) -> None:
        """Keep what is found beside dbt's artifacts."""
        self.project = project
        self.folder = project.settings.dbt_target / "lineage"
        self._spent = 0.0

    def of(
        self, dataset: Dataset, code: str, measure: Measure, connection: Connection
    ) -> Dependencies:
        """Return what the columns of a built dataset are made from; empty where nobody knows.

        Args:
            dataset: A model or a snapshot.
            code: The SQL that dbt ran; empty for a snapshot.
            measure: The columns as they are now.
            connection: To the warehouse, which knows the columns of the parents.
        """
        if not (code or dataset.kind is Kind.SNAPSHOT) or len(code) > _LONGEST:
            return {}
        file = self.folder / f"{self._key(dataset, code, measure)}.json"
        try:
            kept = json.loads(file.read_text())
        except (OSError, ValueError):
            if self._spent > _SECONDS:
                return {}
            started = time.monotonic()
            kept = self._worked_out(dataset, code, measure, connection)
            self._spent += time.monotonic() - started
            self.folder.mkdir(parents=True, exist_ok=True)
            aside = file.with_suffix(".new")
            aside.write_text(json.dumps(kept))
            os.replace(aside, file)
        return {name: [(tuple(key), above) for key, above in deps] for name, deps in kept.items()}

    def _key(self, dataset: Dataset, code: str, measure: Measure) -> str:
        parents = [
            self.project.datasets[i].key for i in dataset.parents if i in self.project.datasets
        ]
        columns = [name for name, _ in measure.columns]
        content = [_VERSION, dataset.unique_id, _LITERAL.sub("?", code), columns, parents]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]

    def _worked_out(
        self, dataset: Dataset, code: str, measure: Measure, connection: Connection
    ) -> dict[str, Any]:
        names = [name for name, _ in measure.columns]
        if dataset.kind is Kind.SNAPSHOT:
            return self._of_snapshot(dataset, names, connection)
        try:
            return self._of_query(code, names, connection)
        except Exception as error:
            # sqlglot does not know all of DuckDB's SQL, and fails on it in many ways; a table is no
            # worse without lineage. It is said once, since what came of it is kept.
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            _LOG.warning("%s has no column lineage: %s", dataset.address, reason)
            return {}

    def _of_snapshot(
        self, dataset: Dataset, names: Sequence[str], connection: Connection
    ) -> dict[str, Any]:
        """Return what each column of a snapshot comes from: that of its name, if it has one parent.

        dbt writes no code for a snapshot, which adds columns of its own to what it is told to keep.
        """
        parents = [self.project.datasets[i] for i in dataset.parents if i in self.project.datasets]
        if len(parents) != 1:
            return {}
        found = measured(connection, parents[0].relation, counted=False)
        above = {name.lower() for name, _ in found.columns} if found else set()
        return {
            name: [(parents[0].key, name.lower())] if name.lower() in above else []
            for name in names
        }

    def _of_query(self, code: str, names: Sequence[str], connection: Connection) -> dict[str, Any]:
        from sqlglot import MappingSchema, exp, parse_one
        from sqlglot.lineage import lineage

        query = parse_one(code, dialect="duckdb")
        schema = MappingSchema(dialect="duckdb")
        parents = {}
        for table in query.find_all(exp.Table):
            place = (table.db.lower(), table.name.lower())
            if (dataset := self._datasets.get(place)) and place not in parents:
                parents[place] = dataset
                found = measured(connection, dataset.relation, counted=False)
                schema.add_table(table, dict(found.columns) if found else {}, dialect="duckdb")
        known = {name.lower(): name for name in names}
        return {
            known[column.lower()]: sorted(set(_leaves(node, parents)))
            for column, node in lineage(None, query, schema, dialect="duckdb").items()
            if column.lower() in known
        }

    @cached_property
    def _datasets(self) -> Mapping[tuple[str, str], Dataset]:
        return {_place(d.relation): d for d in self.project.datasets.values()}


def _place(relation: Relation) -> tuple[str, str]:
    return relation.schema_name.lower(), relation.name.lower()


def _leaves(
    root: Any, parents: Mapping[tuple[str, str], Dataset]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the columns of tables that a column leads to."""
    from sqlglot import exp

    # Not its own walk, which takes each way to a node that several share.
    waiting, seen = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        new = [below for below in node.downstream if id(below) not in seen]
        waiting += new
        seen.update(map(id, new))
        table = node.expression
        if not node.downstream and isinstance(table, exp.Table):
            if dataset := parents.get((table.db.lower(), table.name.lower())):
                yield dataset.key, exp.to_column(node.name, dialect="duckdb").name.lower()
