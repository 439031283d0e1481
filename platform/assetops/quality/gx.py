"""DuckDB for a Great Expectations user: importing this adds `context.data_sources.add_duckdb`."""

from typing import Any, ClassVar, Literal

import sqlalchemy as sa
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.datasource.fluent.sources import DataSourceManager
from great_expectations.expectations import core
from great_expectations.expectations.expectation import Expectation

import assetops.quality.engine.metrics
import assetops.quality.engine.texts  # noqa: F401  (and what only Python can judge)
from assetops.quality.engine.duckdb import DuckDBExecutionEngine

# GX's field `type` hides Python's `type` inside the class.
_Engine = type[DuckDBExecutionEngine]


class DuckDBDatasource(SQLDatasource):
    """The data source behind `context.data_sources.add_duckdb(name, connection_string=…)`."""

    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment]
    asset_types: ClassVar[Any] = SQLDatasource.asset_types

    @property
    def execution_engine_type(self) -> _Engine:
        """The engine that understands DuckDB."""
        return DuckDBExecutionEngine

    def get_engine(self) -> sa.Engine:
        """Return the one SQLAlchemy engine: a file is opened with one configuration only."""
        return self.get_execution_engine().engine


def register() -> None:
    """Give every GX context in this process `data_sources.add_duckdb`."""
    if DuckDBDatasource not in DataSourceManager.type_lookup:
        DataSourceManager.register_datasource(DuckDBDatasource)


_RUNTIME = {"catch_exceptions", "result_format", "windows"}


def vocabulary_of_gx() -> dict[str, dict[str, list[str]]]:
    """Return every built-in expectation's arguments, as `vocabulary.json` holds them."""
    about_the_expectation = {*Expectation.__fields__} - _RUNTIME
    found = {}
    for kind in vars(core).values():
        if not (isinstance(kind, type) and issubclass(kind, Expectation)) or kind.is_abstract():
            continue
        fields = {n: f for n, f in kind.__fields__.items() if n not in about_the_expectation}
        found[str(kind.expectation_type)] = {
            "required": sorted(name for name, field in fields.items() if field.required),
            "optional": sorted(name for name, field in fields.items() if not field.required),
        }
    return dict(sorted(found.items()))


register()
