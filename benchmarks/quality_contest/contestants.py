"""One contestant of the quality benchmark on one table, in a process of its own.

    python contestants.py CONTESTANT TABLE FILE

Prints seconds, CPU seconds, statements and the memory that the validation took above the imports.
"""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
from tables import SAMPLES, rules

from assetops.settings import Settings

REPO = Path(__file__).parents[2]


class Counted:
    """A connection that counts its statements and the time that they take."""

    statements = 0
    seconds = 0.0

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, *arguments: Any) -> Any:
        """Run a statement; an aggregate's whole work is done here."""
        Counted.statements += 1
        begin = time.perf_counter()
        self._connection.execute(*arguments)
        Counted.seconds += time.perf_counter() - begin
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def opened(path: str) -> Counted:
    """Return a connection that reads one file, with the memory that the platform has by default."""
    limit = Settings.model_fields["memory_limit"].default
    return Counted(duckdb.connect(path, read_only=True, config={"memory_limit": limit}))


def ours(table: str, path: str) -> Any:
    """Import what is needed, and return a function that validates and returns what failed."""
    import assetops.quality.engine  # noqa: F401  (an import is no part of what is measured)
    from assetops.model import Relation, Severity
    from assetops.quality.running import Table, run_suite
    from assetops.quality.suites import Expectation, Suite
    from assetops.warehouse.sparing import Memory

    expectations = tuple(
        Expectation(name=f"rule_{n}", type=kind, kwargs=kwargs, severity=Severity.CRITICAL)
        for n, (kind, kwargs, _) in enumerate(rules(table))
    )
    suite = Suite(address="main/t", path=REPO / "gx/expectations/t.json", expectations=expectations)

    def run() -> list[str]:
        relation = Relation(schema_name="main", name="t")
        memory = Memory(Settings.model_fields["memory_limit"].default)
        table_of = Table(relation, base=REPO, key=["order_id"])
        found = run_suite(suite, table_of, lambda: opened(path), {}, memory)
        return [verdict.check for verdict in found if verdict.status != "passed"]

    return run


def written(table: str, path: str) -> Any:
    """Return a function that asks all in one query, and takes the samples that are needed."""

    def run() -> list[str]:
        connection = opened(path)
        connection.execute(f"select {', '.join(sql for *_, sql in rules(table))} from t").fetchall()
        if table != "bad":
            return []
        for where in SAMPLES:
            sample = f"select * from t where {where} order by all limit 20"
            connection.execute(sample).fetchall()
        return SAMPLES

    return run


def stock(table: str, path: str) -> Any:
    """Return a function that lets Great Expectations resolve and validate as it does itself."""
    import duckdb_engine
    import great_expectations as gx
    import sqlalchemy as sa
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine

    from assetops.quality import gx as registered
    from assetops.quality.engine.duckdb import DuckDBExecutionEngine

    class Stock(DuckDBExecutionEngine):
        resolve_metrics = SqlAlchemyExecutionEngine.resolve_metrics

    engine = Stock(
        engine=sa.create_engine(
            "duckdb+assetops://",
            creator=lambda: duckdb_engine.ConnectionWrapper(opened(path)),
            poolclass=sa.pool.StaticPool,
        ),
        create_temp_table=False,
    )
    registered.DuckDBDatasource.get_execution_engine = lambda self: engine  # type: ignore[method-assign]
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    source = context.data_sources.add_duckdb("duckdb", connection_string="duckdb:///")
    batch = source.add_table_asset("t", table_name="t").add_batch_definition_whole_table("all")
    return validated(gx, batch.get_batch(), table)


def pandas(table: str, path: str) -> Any:
    """Return a function that validates a data frame."""
    import great_expectations as gx

    frame = opened(path).execute("from t").df()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("t")
    batch = asset.add_batch_definition_whole_dataframe("all")
    return validated(gx, batch.get_batch({"dataframe": frame}), table)


def validated(gx: Any, batch: Any, table: str) -> Any:
    """Return a function that runs the suite on a batch of Great Expectations."""
    suite = gx.ExpectationSuite(
        name="t",
        expectations=[{"type": kind, "kwargs": kwargs} for kind, kwargs, _ in rules(table)],
    )
    wanted = {
        "result_format": "SUMMARY",
        "partial_unexpected_count": 20,
        "unexpected_index_column_names": ["order_id"] if table == "bad" else [],
    }

    def run() -> list[str]:
        found = batch.validate(suite, result_format=wanted)
        return [result.expectation_config.type for result in found.results if not result.success]

    return run


CONTESTANTS = {"ours": ours, "written": written, "stock": stock, "pandas": pandas}


def memory(which: str) -> float:
    """Return the memory of this process in MB: VmRSS is that of now, VmHWM the highest."""
    found = re.search(rf"{which}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    """Run one contestant once, and print its figures."""
    contestant, table, path = sys.argv[1:]
    run = CONTESTANTS[contestant](table, path)
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest so far
    Counted.statements, Counted.seconds = 0, 0.0
    cpu, begin = time.process_time(), time.perf_counter()
    failed = run()
    seconds, spent = time.perf_counter() - begin, time.process_time() - cpu
    if len(failed) != (len(SAMPLES) if table == "bad" else 0):
        sys.exit(f"{contestant} found other rules broken than there are: {failed}")
    figures = {
        "seconds": seconds,
        "cpu": spent,
        "memory": memory("VmHWM") - before,
        "statements": Counted.statements,
        "python": seconds - Counted.seconds,
        "rules": len(rules(table)),
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
