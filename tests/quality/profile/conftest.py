"""A table with something of everything, and drafts of it."""

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from assetops.model import Column, Contract, Dataset, DbtTest, Kind, Relation, Severity
from assetops.quality.profile.draft import Draft, draft_suite

INVOICES = """
create schema if not exists marts;
create or replace table marts.invoices as
select
    range + 1 as invoice_id,
    'INV-' || (10000 + range) as number,
    'person' || range || '@example.com' as email,
    uuid() as reference,
    ['open', 'paid', 'void'][1 + range % 3] as state,
    cast(5 + range % 90 as decimal(12, 2)) as net,
    cast(5 + range % 90 as decimal(12, 2)) * 2 as gross,
    timestamp '2026-01-01' + interval (range) minute as made_at,
    timestamp '2026-01-01' + interval (range * 2) minute as paid_at,
    if(range % 4 = 0, null, 'a note of ' || range || ' words and more') as note,
    cast(null as varchar) as unused,
    range % 5 > 0 as sent,
    [range] as list
from range(2000)
"""
NAMES = (
    "invoice_id number email reference state net gross made_at paid_at note unused sent list"
).split()


def dataset(*tests: DbtTest, names: tuple[str, ...] = tuple(NAMES), **contract: Any) -> Dataset:
    return Dataset(
        key=("marts", "invoices"),
        kind=Kind.MODEL,
        unique_id="model.shop.invoices",
        relation=Relation(schema_name="marts", name="invoices"),
        description="Invoices.",
        file="dbt_project/models/marts/invoices.yml",
        contract=Contract.model_validate(contract),
        columns=tuple(Column(name=n, pii="email" if n == "email" else None) for n in names),
        tests=tests,
    )


def says(kind: str, column: str) -> DbtTest:
    name = f"{kind}_invoices_{column}"
    return DbtTest(name=name, kind=kind, column=column, severity=Severity.CRITICAL)


@pytest.fixture
def invoices() -> Any:
    connection = duckdb.connect()
    connection.execute(INVOICES)
    yield connection
    connection.close()


@pytest.fixture
def drafted(invoices: duckdb.DuckDBPyConnection) -> Callable[..., Draft]:
    """Draft a suite for the invoices, as they are then."""

    def draft(about: Dataset | None = None, **options: Any) -> Draft:
        about = about or dataset()
        return draft_suite(invoices, about, about.relation, **options)

    return draft


@pytest.fixture
def described() -> Callable[..., Dataset]:
    return dataset


@pytest.fixture
def dbt_test() -> Callable[[str, str], DbtTest]:
    return says
