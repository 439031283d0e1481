"""How metrics are asked of any SQL database with fewer statements than Great Expectations takes.

What is one database's own is in `duckdb.py` and `postgres.py`. Imported only beside GX.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from great_expectations.exceptions import MetricResolutionError
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
from great_expectations.validator.metric_configuration import MetricConfiguration

from assetops.model import Relation
from assetops.quality.engine.fusion import Aggregate, aggregate_of, from_clause


class FusedExecutionEngine(SqlAlchemyExecutionEngine):
    """GX's SQL engine on one open connection, with fewer statements.

    Samples are taken only where something was unexpected, and aggregates wait until all that
    can share their query are ready.
    """

    # Whether rows have an order of their own, that in which they were inserted.
    keeps_order = False
    # Whether values are better written into a statement than bound to it.
    writes_values = False
    # What a distinct value's query may be told, so that its rows do not come all at once.
    one_by_one: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Why a metric could not be computed; GX would try three times, and blame the last error.
        self.failures: dict[Any, str] = {}
        self._relation: Relation | None = None

    # Each database's engine says these; GX's decorators take no class that is abstract.
    def quantiles(self, column: str, quantiles: Sequence[float]) -> Any:
        """Return the expression of some quantiles of a column, as a list."""
        raise NotImplementedError

    def count_if(self, condition: Any) -> Any:
        """Return an aggregate that counts the rows that meet a condition."""
        return sa.func.count().filter(condition)

    def statements(self, aggregates: list[Aggregate]) -> list[list[Aggregate]]:
        """Return which aggregates of one domain are asked together."""
        return [aggregates]

    def readable(self, statement: Any) -> str:
        """Return a statement as a person can run it."""
        raise NotImplementedError

    def order_of(self, rows: str, key: Sequence[str]) -> str:
        """Return by what all rows of a subquery of this name are ordered, those of a key first."""
        raise NotImplementedError

    def identifier(self, name: str) -> str:
        """Return a name as it stands in SQL, quoted where it must be."""
        return self.engine.dialect.identifier_preparer.quote(name)

    def get_batch_data_and_markers(self, batch_spec: Any) -> Any:
        """Return a batch as stock GX asks for it: what failed on the last one may now succeed."""
        self.failures.clear()
        return super().get_batch_data_and_markers(batch_spec)

    def load(self, relation: Relation, batch_id: str) -> None:
        """Make a table the batch of this name, and forget everything known of the last one."""
        self._metric_cache = {}
        self.failures.clear()
        self._inspector = None
        self._relation = relation
        # Quoted beforehand where they must be, because GX puts them into {batch} as they are.
        schema, table = (
            sa.quoted_name(self.identifier(name), quote=False)
            for name in (relation.schema_name, relation.name)
        )
        batch = SqlAlchemyBatchData(
            execution_engine=self, schema_name=schema, table_name=table, create_temp_table=False
        )
        self.load_batch_data(batch_id, batch)

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[MetricConfiguration],
        metrics: dict[Any, Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> dict[Any, Any]:
        """Compute the metrics of the next wave; GX asks again for those that are left."""
        known = metrics or {}
        ready = sorted(metrics_to_resolve, key=lambda metric: metric.id)
        untried = [metric for metric in ready if metric.id not in self.failures]
        if ready and not untried:
            # One at a time, so that each is told its own reason.
            raise MetricResolutionError(self.failures[ready[0].id], ready[:1])
        wave = self._next_wave(untried, known)
        needless: dict[Any, Any] = {
            metric.id: []
            for metric in wave
            if (count := _count_behind(metric)) and known.get(count) == 0
        }
        left = [metric for metric in wave if metric.id not in needless]
        return {**needless, **self._resolve(left, known, runtime_configuration)}

    def _resolve(
        self,
        wave: list[MetricConfiguration],
        known: dict[Any, Any],
        runtime_configuration: dict[str, Any] | None,
    ) -> dict[Any, Any]:
        """Compute a wave; a metric that fails is remembered, and takes nothing else with it."""
        found: dict[Any, Any] = {}
        shared: list[Aggregate] = []
        for metric in wave:
            if (aggregate := aggregate_of(metric, known, self)) is not None:
                shared.append(aggregate)
                continue
            try:
                found |= super().resolve_metrics([metric], known, runtime_configuration)
            except MetricResolutionError as error:
                self.failures[metric.id] = str(error)
        domains: dict[Any, list[Aggregate]] = {}
        for aggregate in shared:
            domains.setdefault(aggregate.domain.to_id(), []).append(aggregate)
        for aggregates in domains.values():
            for together in self.statements(aggregates):
                found |= self._aggregated(together)
        return found

    def _aggregated(self, aggregates: list[Aggregate]) -> dict[Any, Any]:
        """Compute aggregates of one domain by one statement; if it fails, by one for each half."""
        try:
            table = from_clause(self.get_domain_records(aggregates[0].domain))
            named = [a.expression.label(f"value_{n}") for n, a in enumerate(aggregates)]
            row = self._row(sa.select(*named).select_from(table), literally=len(aggregates) > 1)
            return {
                aggregate.metric.id: aggregate.value(self._counted(aggregate, value))
                for aggregate, value in zip(aggregates, row, strict=True)
            }
        except Exception as error:
            if len(aggregates) == 1:
                self.failures[aggregates[0].metric.id] = str(error)
                return {}
        half = len(aggregates) // 2
        return self._aggregated(aggregates[:half]) | self._aggregated(aggregates[half:])

    def _row(self, statement: sa.Select[Any], *, literally: bool) -> Any:
        """Return the one row of a statement.

        What cannot be written as a literal fails, and is asked again with a parameter.
        """
        if not (literally and self.writes_values):
            return self.execute_query(statement).fetchone()
        written = statement.compile(
            dialect=self.engine.dialect, compile_kwargs={"literal_binds": True}
        )
        with self.get_connection() as connection:
            return connection.exec_driver_sql(str(written)).fetchone()

    def _counted(self, aggregate: Aggregate, value: Any) -> Any:
        if aggregate.count is None or not value:
            return value
        exactly: Any = self.execute_query(aggregate.count).scalar()
        return int(exactly)

    def _next_wave(
        self, ready: list[MetricConfiguration], known: dict[Any, Any]
    ) -> list[MetricConfiguration]:
        free = [m for m in ready if m.metric_name.endswith(_WITHOUT_QUERY)]
        if free:
            return free
        counted = [m for m in ready if _count_behind(m) is None]
        shared = [m for m in counted if aggregate_of(m, known, self) is not None]
        return shared or counted or ready

    def close(self) -> None:
        """Let go of the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.engine.dispose()


_WITHOUT_QUERY = (".condition", ".aggregate_fn", ".map", "table.columns", "table.column_types")
_SAMPLES = (".unexpected_values", ".unexpected_rows", ".unexpected_index_list")


def _count_behind(metric: MetricConfiguration) -> tuple[Any, ...] | None:
    """Return the id of the metric that counts what this one takes a sample of, if it is one."""
    if metric.metric_name == "unexpected_rows_query.table":
        return ("unexpected_rows_query.row_count", *metric.id[1:])
    for suffix in _SAMPLES:
        if metric.metric_name.endswith(suffix):
            values = {k: v for k, v in metric.metric_value_kwargs.items() if k != "result_format"}
            name = metric.metric_name.removesuffix(suffix) + ".unexpected_count"
            return MetricConfiguration(name, metric.metric_domain_kwargs, values).id
    return None
