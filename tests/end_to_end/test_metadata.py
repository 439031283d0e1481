"""The events of what dbt built say what people look for."""

import os
from typing import Any

import dagster as dg
import pytest
from tests.end_to_end.conftest import Shop

pytestmark = pytest.mark.no_cover


def told(shop: Shop, address: str) -> dict[str, Any]:
    """Return the metadata of an asset's newest materialisation."""
    os.chdir(shop.root)
    instance = dg.DagsterInstance.from_config(str(shop.root))
    event = instance.get_latest_materialization_event(dg.AssetKey(address.split("/")))
    assert event and event.asset_materialization
    return {name: entry.value for name, entry in event.asset_materialization.metadata.items()}


def test_an_event_says_rows_columns_privacy_code_and_lineage(built: Shop) -> None:
    said = told(built, "marts/customers")
    (rows,) = built.consumed("select count(*) from marts.customers")[0]
    assert said["dagster/row_count"] == rows
    columns = {column.name: column for column in said["dagster/column_schema"].columns}
    assert columns["customer_id"].type == "BIGINT"
    assert columns["email"].description and columns["email"].tags == {"pii": "email"}
    assert "select" in said["compiled_sql"]
    (above,) = said["dagster/column_lineage"].deps_by_column["segment"]
    assert (above.asset_key.to_user_string(), above.column_name) == (
        "marts/customer_segments",
        "segment",
    )


def test_a_days_event_tells_the_rows_of_all_days_for_a_model_of_the_day_for_a_source(
    built: Shop,
) -> None:
    (rows,) = built.private("select count(*) from marts.orders")[0]
    assert told(built, "marts/orders")["dagster/row_count"] == rows
    assert "dagster/partition_row_count" in told(built, "retail/orders")


def test_a_view_is_not_counted(built: Shop) -> None:
    said = told(built, "intermediate/int_customers_current")
    assert "dagster/row_count" not in said and "dagster/column_schema" in said


def test_the_change_of_rows_is_told_and_lineage_is_kept_for_each_form_of_the_code(
    behind: Shop,
) -> None:
    before = told(behind, "marts/orders")["dagster/row_count"]
    kept = set(os.listdir(behind.root / "data/dev/dbt/lineage"))

    assert behind.build().exit_code == 0

    said = told(behind, "marts/orders")
    assert said["rows_change"] == said["dagster/row_count"] - before > 0
    nodes = behind.platform.project.manifest["nodes"].values()
    incremental = [n for n in nodes if n["config"].get("materialized") == "incremental"]
    # Their code differs between the first build and the others.
    new = set(os.listdir(behind.root / "data/dev/dbt/lineage")) - kept
    assert len(new) == len(incremental) < len(kept)
