"""Runs a suite on a table with Great Expectations, and says what each expectation found.

The only module that a suite is run through: everything else of the platform knows verdicts.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import assetops.quality.engine.late  # before anything else imports Great Expectations

# isort: split
from great_expectations.core.suite_parameters import is_suite_parameter, parse_suite_parameter

import assetops.quality.engine.metrics
import assetops.quality.engine.texts  # noqa: F401  (and what only Python can judge)
from assetops.errors import CheckCouldNotRun
from assetops.model import Relation, Status, Verdict
from assetops.quality.engine.duckdb import open_duckdb
from assetops.quality.engine.evidence import Evidence, cause, plain
from assetops.quality.engine.execution import FusedExecutionEngine
from assetops.quality.engine.plans import BATCH, RESULT, Plan, plan, resolve
from assetops.quality.engine.plugins import import_plugins
from assetops.quality.engine.postgres import PostgresExecutionEngine
from assetops.quality.suites import Expectation, Suite
from assetops.quality.suites.words import columns_of, sentence
from assetops.warehouse.postgres import PostgresConnection

# What cannot be evaluated is told in a verdict; GX would log it to the terminal as well.
logging.getLogger("great_expectations").setLevel(logging.CRITICAL)


class Validator:
    """Validates suites one after the other, on one connection that it lets go of when closed."""

    def __init__(self, open_connection: Callable[[], Any]) -> None:
        self._open = open_connection
        self._engine: FusedExecutionEngine | None = None

    def __enter__(self) -> "Validator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the warehouse's file, so that other processes can open it."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def validate(
        self,
        relation: Relation,
        suite: Suite,
        *,
        parameters: Mapping[str, Any],
        key: Sequence[str] = (),
        pii: Collection[str] = (),
    ) -> list[Verdict]:
        """Return one verdict for each expectation of the suite, in the suite's order.

        Args:
            relation: The table or view to look at.
            suite: What is expected of it.
            parameters: What the suite may ask for as `$PARAMETER`.
            key: The columns that tell a person which row is meant.
            pii: The columns whose values nobody may see in a verdict.

        Raises:
            CheckCouldNotRun: The table is not there.
        """
        if self._engine is None:
            self._engine = _engine_on(self._open())
        broken = import_plugins(suite.plugins)
        self._engine.load(relation, BATCH)
        columns = _columns(self._engine, relation)
        evidence = Evidence(
            self._engine, key=[c for c in key if c in columns], pii=frozenset(pii), columns=columns
        )
        return _Run(self._engine, evidence, parameters, broken).verdicts(suite)


def validate(
    open_connection: Callable[[], Any],
    relation: Relation,
    suite: Suite,
    *,
    parameters: Mapping[str, Any],
    key: Sequence[str] = (),
    pii: Collection[str] = (),
) -> list[Verdict]:
    """Validate one suite and let go of the connection; see `Validator.validate`."""
    with Validator(open_connection) as validator:
        return validator.validate(relation, suite, parameters=parameters, key=key, pii=pii)


def _engine_on(connection: Any) -> FusedExecutionEngine:
    """Return the engine for a connection: SQLAlchemy's are to Postgres, all others to DuckDB."""
    if isinstance(connection, PostgresConnection):
        return PostgresExecutionEngine(connection)
    return open_duckdb(connection)


def _columns(engine: FusedExecutionEngine, relation: Relation) -> list[str]:
    try:
        found = engine.get_inspector().get_columns(relation.name, relation.schema_name)
    except Exception as error:
        raise CheckCouldNotRun(
            f"{relation} is not there to be checked ({cause(error)}). Build it first."
        ) from None
    return [column["name"] for column in found]


@dataclass(frozen=True)
class _Asked:
    """One expectation of the suite, with its parameters filled in."""

    expectation: Expectation
    kwargs: dict[str, Any]
    plan: Plan


@dataclass
class _Run:
    """One suite on one table."""

    engine: FusedExecutionEngine
    evidence: Evidence
    parameters: Mapping[str, Any]
    # Why the project's own expectations of a type cannot be used.
    broken: Mapping[str, str]

    def verdicts(self, suite: Suite) -> list[Verdict]:
        found: dict[str, Verdict] = {}
        asked: list[_Asked] = []
        for expectation in suite.expectations:
            try:
                if expectation.type in self.broken:
                    raise CheckCouldNotRun(self.broken[expectation.type])
                kwargs = {name: self._resolved(value) for name, value in expectation.kwargs.items()}
                planned = plan(expectation.type, kwargs, self.engine, suite.plugins)
                asked.append(_Asked(expectation, kwargs, planned))
            except Exception as error:
                found[expectation.name] = self._errored(expectation, cause(error))
        metrics = resolve([one.plan for one in asked], self.engine)
        for one in asked:
            found[one.expectation.name] = self._verdict(one, metrics)
        return [found[expectation.name] for expectation in suite.expectations]

    def _resolved(self, value: Any) -> Any:
        if not is_suite_parameter(value):
            return value
        asked = value["$PARAMETER"]
        # A name alone needs no parser, which would take a millisecond over it.
        found = self.parameters.get(asked)
        if found is None:
            found = parse_suite_parameter(asked, dict(self.parameters))
        if found is None:
            raise CheckCouldNotRun(f"the parameter {asked} has no value here")
        return found

    def _verdict(self, asked: _Asked, metrics: Mapping[Any, Any]) -> Verdict:
        for id_ in asked.plan.ids:
            if id_ in self.engine.failures:
                return self._errored(asked.expectation, cause(self.engine.failures[id_]))
        values = {name: metrics.get(metric.id) for name, metric in asked.plan.needs.items()}
        try:
            answer = asked.plan.rule._validate(
                metrics=values, runtime_configuration=RESULT, execution_engine=self.engine
            )
            status = Status.PASSED if answer["success"] else Status.FAILED
            return self._found(asked, status, answer.get("result") or {}, metrics)
        except Exception as error:
            return self._errored(asked.expectation, cause(error))

    def _found(
        self, asked: _Asked, status: Status, result: Mapping[str, Any], metrics: Mapping[Any, Any]
    ) -> Verdict:
        expectation, rule = asked.expectation, asked.plan.rule
        columns = columns_of(asked.kwargs)
        observed = result.get("observed_value")
        # Rules about a column as a whole count something else there: values, not rows.
        failing = result.get("unexpected_count") if getattr(rule, "map_metric", None) else None
        if "unexpected_rows_query" in type(rule).__fields__:
            failing, observed = observed, None
            # One's own query may return other columns than those that it is about.
            columns = []
        query = self.evidence.query(rule, asked.plan.needs, metrics) if failing else None
        sample = self.evidence.sample(query, columns) if query else ()
        if observed is None and failing:
            observed = self.evidence.seen(sample, columns)
        elif self.evidence.hides(columns):
            observed = None
        return Verdict(
            check=expectation.name,
            severity=expectation.severity,
            status=status,
            description=expectation.description,
            expected=sentence(expectation.type, asked.kwargs),
            observed=plain(observed),
            failing_rows=failing,
            rows=result.get("element_count"),
            sample=sample,
            query=query,
            # What tolerates some bad rows judges the table, and none of its rows.
            by_row=query is not None and asked.kwargs.get("mostly", 1) == 1,
            expectation=expectation.type,
            arguments=plain(asked.kwargs),
        )

    def _errored(self, expectation: Expectation, reason: str) -> Verdict:
        return Verdict(
            check=expectation.name,
            severity=expectation.severity,
            status=Status.ERRORED,
            description=expectation.description,
            expected=sentence(expectation.type, expectation.kwargs),
            error=self.evidence.discreet(reason),
            expectation=expectation.type,
            arguments=plain(expectation.kwargs),
        )
