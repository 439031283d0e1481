"""A gate inside the dbt graph stops what is made from its model, and nothing else."""

import json

import pytest
from tests.end_to_end.conftest import Shop

from assetops.cli.outcome import Outcome

# Builds upon builds, of what other tests measure already.
pytestmark = pytest.mark.no_cover

# What stg_retail__web_events feeds, and nothing else does.
FED = {"intermediate/int_campaign_visits_counted", "marts/campaign_performance"}


def gate(shop: Shop, *, at_least: int) -> None:
    """Put a critical suite behind a staging model."""
    file = shop.root / "gx/expectations/staging/stg_retail__web_events.json"
    file.parent.mkdir()
    bounds = {"min_value": at_least}
    count = {"type": "expect_table_row_count_to_be_between", "kwargs": bounds}
    suite = {"name": "staging.stg_retail__web_events", "expectations": [count]}
    file.write_text(json.dumps(suite))


def built(outcome: Outcome) -> set[str]:
    return {row.address for row in outcome.assets if row.done}


def test_a_gate_on_a_staging_model_stops_its_descendants_and_only_those(shop: Shop) -> None:
    gate(shop, at_least=1_000_000)
    models = {d.address for d in shop.platform.project.datasets.values() if d.kind == "model"}
    release = shop.published.resolve()

    outcome = shop.build()

    assert outcome.exit_code == 1, outcome.failures
    # Of orders by day nothing has landed, which is no event.
    assert models - built(outcome) - {"marts/orders"} == FED
    (failure,) = outcome.failures
    assert failure.step == "gate_staging_stg_retail__web_events"
    assert "at least 1000000" in failure.reason
    assert shop.published.resolve() == release
    said = shop.say("show", "staging/stg_retail__web_events").stdout
    assert all(address in said.replace("\n", "") for address in FED)


def test_a_test_of_two_parts_stops_what_is_made_from_both(shop: Shop) -> None:
    gate(shop, at_least=1)
    file = shop.root / "dbt_project/tests/visits_need_orders.sql"
    file.write_text(
        "select 1 from {{ ref('int_campaign_visits_counted') }} as visits\n"
        "cross join {{ ref('int_campaign_orders_aggregated') }} as orders\n"
    )
    release = shop.published.resolve()

    outcome = shop.build()

    assert outcome.exit_code == 1, outcome.failures
    assert "marts/campaign_performance" not in built(outcome)
    assert {"intermediate/int_campaign_visits_counted", "marts/customers"} <= built(outcome)
    (failure,) = outcome.failures
    assert failure.step.startswith("dbt_tests_of_int_campaign_")
    assert "visits_need_orders: Got " in failure.reason
    assert shop.published.resolve() == release
    # Whoever builds the rest is told what stands.
    outcome = shop.build(select="published/customers")
    said = "\n".join(failure.reason for failure in outcome.failures)
    assert outcome.exit_code == 1, said
    assert "visits_need_orders" in said
