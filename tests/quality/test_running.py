"""A suite is run with little memory, and whoever opens the warehouse next has all of it again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assetops.errors import CheckCouldNotRun
from assetops.ledger import Ledger
from assetops.model import Relation
from assetops.project import Project
from assetops.quality.checks import judge
from assetops.quality.running import Table, run_suite
from assetops.warehouse import Warehouse

Expecting = Callable[..., Any]
ALL = "953.6 MiB"


def limit_of(connection: duckdb.DuckDBPyConnection) -> str:
    return str(connection.execute("select current_setting('memory_limit')").fetchone())


def test_a_suite_sees_little_memory_and_the_run_has_all_of_it_afterwards(
    warehouse: Warehouse, project: Project, ledger: Ledger, expecting: Expecting, suite: Expecting
) -> None:
    query = "select current_setting('memory_limit') as allowed from {batch} limit 1"
    asked = suite(expecting("unexpected_rows_expectation", unexpected_rows_query=query))
    dataset = project.dataset("marts/orders")
    with warehouse.hold("a test") as held, held.connect() as run:
        run.execute("set threads = 2")
        before = limit_of(run)
        verdicts, _ = judge(
            dataset, asked, warehouse, ledger, facts={"as_of": None}, root=project.settings.root
        )
        with held.connect() as following:
            assert ALL in before and limit_of(following) == limit_of(run) == before
    assert [verdict.sample for verdict in verdicts] == [({"allowed": "85.8 MiB"},)]


def test_a_suite_that_cannot_be_run_leaves_the_run_all_memory(
    warehouse: Warehouse, expecting: Expecting, suite: Expecting
) -> None:
    asked = suite(expecting("expect_table_row_count_to_be_between", min_value=1))
    gone = Table(Relation(schema_name="marts", name="gone"), Path())
    with warehouse.hold("a test") as held, held.connect() as run:
        with pytest.raises(CheckCouldNotRun, match=r"marts\.gone is not there"):
            run_suite(asked, gone, warehouse.open, {}, warehouse.memory)
        with held.connect():
            assert ALL in limit_of(run)
