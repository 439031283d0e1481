"""What Great Expectations has to compute for an expectation, worked out once for all its tables.

GX works it out anew for every batch, and asks an expectation for its own configuration dozens of
times a validation; together that is most of the Python that a validation costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from great_expectations.core import id_dict
from great_expectations.expectations.registry import get_expectation_impl
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validation_graph import ValidationGraph

from assetops.quality.engine.execution import FusedExecutionEngine

BATCH = "batch"
RESULT = {
    "result_format": {
        "result_format": "BASIC",
        "partial_unexpected_count": 0,
        "include_unexpected_rows": False,
    }
}
_COUNTS_ONLY = {"result_format": {"result_format": "BOOLEAN_ONLY"}}
# A day's batches share their rules; those whose parameters are of the day make way for the next's.
_KEPT = 2000

_OF_A_MAP = (
    ".map",
    ".condition",
    ".unexpected_count",
    ".unexpected_count.aggregate_fn",
    ".filtered_row_count",
)
# What looks at nothing but its column.
_WITHOUT_OTHERS = (
    *("column.max", "column.mean", "column.min", "column.sum", "column.standard_deviation"),
    *("column.distinct_values.count", "column.non_null_count", "column.quantile_values"),
)

Metrics = dict[Any, MetricConfiguration]


@dataclass(frozen=True)
class Plan:
    """One expectation, ready to be asked on any table."""

    rule: Any
    needs: Mapping[str, MetricConfiguration]
    metrics: Metrics

    @cached_property
    def ids(self) -> list[Any]:
        """The metrics that it needs, directly or not, in an order that does not change."""
        return sorted(self.metrics)


_plans: dict[tuple[Any, ...], Plan] = {}


def plan(kind: str, kwargs: Mapping[str, Any], engine: FusedExecutionEngine, plugins: Path) -> Plan:
    """Return the plan of one expectation, as it was if it was asked for before.

    Args:
        kind: The expectation's type.
        kwargs: Its arguments, parameters filled in.
        engine: What will compute the metrics.
        plugins: Where the project's own expectations are: another project's may have their names.

    Raises:
        Exception: Whatever GX raises for an argument that it does not take.
    """
    key = (kind, repr(kwargs), type(engine), plugins)
    found = _plans.pop(key, None) or _planned(kind, kwargs, engine)
    _plans[key] = found
    if len(_plans) > _KEPT:
        del _plans[next(iter(_plans))]
    return found


def _planned(kind: str, kwargs: Mapping[str, Any], engine: FusedExecutionEngine) -> Plan:
    rule = _settled(get_expectation_impl(kind)(**{**kwargs, "batch_id": BATCH}))
    # GX's full results take a sample for every rule: ours come later, where something failed.
    wanted = _COUNTS_ONLY if getattr(rule, "map_metric", None) else RESULT
    needs = rule.get_validation_dependencies(
        execution_engine=engine, runtime_configuration=wanted
    ).metric_configurations
    metrics: Metrics = {}
    for metric in needs.values():
        _add(metric, metrics, engine, wanted)
    return Plan(rule, dict(needs), metrics)


def _settled(rule: Any) -> Any:
    """Return an expectation whose configuration is no longer made anew whenever it is asked for.

    Its class becomes one of its own, made past the metaclass that would register it with GX.
    """
    configuration: Any = rule.configuration
    # GX goes from one to the other for every argument of every metric.
    configuration.to_domain_obj = lambda: rule
    kind = type(rule)
    body = {"__slots__": (), "__module__": kind.__module__, "configuration": configuration}
    object.__setattr__(rule, "__class__", type.__new__(type(kind), kind.__name__, (kind,), body))
    return rule


def _add(
    metric: MetricConfiguration,
    metrics: Metrics,
    engine: FusedExecutionEngine,
    wanted: Mapping[str, Any],
) -> None:
    """Add a metric and all that it depends on, each once."""
    if metric.id in metrics:
        return
    metrics[metric.id] = metric
    provider, _ = ValidationGraph(engine).set_metric_configuration_default_kwargs_if_absent(metric)
    depends = provider.get_evaluation_dependencies(
        metric=metric, execution_engine=engine, runtime_configuration=dict(wanted)
    )
    needless = _needless(metric.metric_name, provider)
    metric.metric_dependencies = {k: v for k, v in depends.items() if k not in needless}
    for other in metric.metric_dependencies.values():
        _add(other, metrics, engine, wanted)


def _needless(name: str, provider: Any) -> tuple[str, ...]:
    """Return what GX computes first and then does not use, at the price of one more statement."""
    if not provider.__module__.startswith(("great_expectations.", "assetops.")):
        return ()
    if name.endswith(_OF_A_MAP):
        return ("table.row_count",)
    if name.removesuffix(".aggregate_fn") in _WITHOUT_OTHERS:
        return ("column.mean", "column_values.null.unexpected_count", "table.row_count")
    return ()


def resolve(plans: list[Plan], engine: FusedExecutionEngine) -> dict[Any, Any]:
    """Compute all that some plans need on the loaded batch; what failed is in the engine's list."""
    waiting: Metrics = {}
    for planned in plans:
        for id_, metric in planned.metrics.items():
            waiting.setdefault(id_, metric)
    known: dict[Any, Any] = {}
    while True:
        ready = [
            metric
            for metric in waiting.values()
            if all(other.id in known for other in metric.metric_dependencies.values())
        ]
        if not ready:
            return known
        found = engine.resolve_metrics(ready, known)
        known |= found
        for id_ in (*found, *engine.failures):
            waiting.pop(id_, None)


_as_json = id_dict.convert_to_json_serializable


def _quickly(data: Any) -> Any:
    """Return what a metric's id is made of; GX looks at each value as if it could be anything."""
    return data if all(map(_is_json, data.values())) else _as_json(data)


def _is_json(value: Any) -> bool:
    kind = type(value)
    if kind is list:
        return all(map(_is_json, value))
    # What is unlike itself is no number, and JSON has no word for it.
    return kind in (str, int, bool, type(None)) or (kind is float and value == value)


id_dict.convert_to_json_serializable = _quickly
