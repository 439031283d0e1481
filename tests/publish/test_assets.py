"""In Dagster a published asset has an event exactly when consumers see new content."""

from collections.abc import Iterator

import dagster as dg
import pytest
from tests.publish.shop import AS_OF, REQUIRED, Shop, seen

from assetops.model import Status
from assetops.publish import history
from assetops.publish.assets import published_assets

ORDERS = dg.AssetKey(["published", "orders"])
CUSTOMERS = dg.AssetKey(["published", "customers"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def assets(shop: Shop) -> dg.AssetsDefinition:
    return published_assets(
        shop.project,
        shop.warehouse,
        shop.ledger,
        shop.releases,
        REQUIRED,
        data_as_of=lambda dataset: AS_OF,
    )


def run(
    shop: Shop, instance: dg.DagsterInstance, *built: str, **tags: str
) -> dg.ExecuteInProcessResult:
    """Publish in a run that has built some marts, or that is only to publish."""
    marts = [dg.asset(name=name, key_prefix="marts")(lambda: None) for name in built]
    return dg.materialize(
        [assets(shop), *marts],
        instance=instance,
        selection=[*(mart.key for mart in marts), ORDERS, CUSTOMERS] if built else None,
        resources={"warehouse": dg.ResourceDefinition.hardcoded_resource(shop.warehouse)},
        raise_on_error=False,
        tags={f"dagster/{name}": value for name, value in tags.items()},
    )


def materialised(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
    events = [
        event.step_materialization_data for event in result.get_asset_materialization_events()
    ]
    return {event.materialization.asset_key.path[-1]: event.materialization for event in events}


def observed(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    events = [
        event.asset_observation_data.asset_observation
        for event in result.get_asset_observation_events()
    ]
    return {event.asset_key.path[-1]: event.metadata["event"].value for event in events}


def failure(result: dg.ExecuteInProcessResult) -> tuple[str, object]:
    (event,) = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None
    return data.description or "", data.metadata["assetops/exit_code"].value


def test_a_published_dataset_shows_all_that_its_contract_promises(shop: Shop) -> None:
    specs = {spec.key: spec for spec in assets(shop).specs}
    spec = specs[ORDERS]
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey(["marts", "orders"])]
    assert spec.description == "Every one of the shop's orders."
    assert list(spec.owners) == ["team:retail-data", "ana@example.com"]
    assert (spec.group_name, spec.kinds, spec.skippable) == ("published", {"duckdb"}, False)
    assert spec.freshness_policy is not None
    assert "select count(*) from marts.orders" in spec.metadata["query"].value
    assert spec.metadata["file"].value == "data/dev/published/warehouse.duckdb"
    assert assets(shop).op.pool == "warehouse"


def test_verified_marts_are_published_with_what_a_consumer_asks_first(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.check(run_id="run-that-checked")
    result = run(shop, instance)
    assert result.success
    assert seen(shop.published) == {"customers": {1}, "orders": {1}}
    release = shop.releases.current()
    assert release is not None and release.run_id == result.run_id
    event = materialised(result)["orders"]
    assert event.metadata["release"].value == release.id
    assert event.metadata["dagster/row_count"].value == 100
    assert event.metadata["data_as_of"].value == 1795132800.0  # midnight UTC
    assert event.metadata["verified_in"].value == "run-that-checked"
    assert (event.tags or {})["dagster/data_version"] == release.tables["orders"].fingerprint
    shop.build(2, "orders", rows=90)
    shop.check("orders")
    assert materialised(run(shop, instance))["orders"].metadata["rows_change"].value == -10


def test_only_what_changed_is_materialised_and_the_rest_is_observed(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.check()
    run(shop, instance)
    shop.build(2, "orders")
    shop.check("orders")
    result = run(shop, instance)
    assert set(materialised(result)) == {"orders"}
    assert observed(result) == {"customers": "published"}
    assert seen(shop.published) == {"customers": {1}, "orders": {2}}


def test_a_run_of_some_marts_publishes_these_and_carries_the_others(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.check()
    run(shop, instance)
    shop.build(2)
    shop.check("orders")
    result = run(shop, instance, "orders")
    assert set(materialised(result)) == {"orders"}
    assert observed(result) == {}
    assert seen(shop.published) == {"customers": {1}, "orders": {2}}


def test_a_build_that_changes_nothing_confirms_and_renews_no_freshness(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.check()
    run(shop, instance)
    result = run(shop, instance)
    assert result.success
    assert materialised(result) == {}
    assert observed(result) == {"customers": "confirmed", "orders": "confirmed"}
    assert len(shop.releases.list()) == 1
    newest = shop.ledger.publications(limit=1)[0]
    assert (newest["event"], newest["run_id"]) == ("confirmed", result.run_id)


def test_under_a_pin_a_build_verifies_and_publishes_nothing(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    for day in (1, 2):
        shop.build(day)
        shop.check()
        run(shop, instance)
    history.rollback(shop.releases, shop.ledger)
    shop.build(3)
    assert failure(run(shop, instance))[1] == 2
    shop.check()
    result = run(shop, instance)
    assert result.success
    assert materialised(result) == {}
    assert observed(result) == {"customers": "held", "orders": "held"}
    assert seen(shop.published) == {"customers": {1}, "orders": {1}}
    history.unpin(shop.releases, shop.ledger)
    assert set(materialised(run(shop, instance))) == {"customers", "orders"}
    assert seen(shop.published) == {"customers": {3}, "orders": {3}}


def test_dagster_is_told_what_a_kill_after_the_switch_kept_from_it(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    release = shop.live_a_day(1).release
    result = run(shop, instance)
    assert {e.metadata["release"].value for e in materialised(result).values()} == {release.id}
    assert len(shop.releases.list()) == 1
    assert materialised(run(shop, instance)) == {}


@pytest.mark.parametrize(
    ("status", "exit_code", "reason"),
    [
        (Status.FAILED, 1, "marts/orders: unique_orders: expected unique values; 3 of 100 rows"),
        (Status.ERRORED, 2, "marts/orders: unique_orders could not run: out of memory"),
    ],
)
def test_one_bad_mart_holds_back_all(
    shop: Shop, instance: dg.DagsterInstance, status: Status, exit_code: int, reason: str
) -> None:
    shop.check()
    run(shop, instance)
    shop.build(2)
    shop.check("customers")
    shop.check("orders", status=status)
    result = run(shop, instance)
    said, code = failure(result)
    assert code == exit_code
    assert reason in said
    assert materialised(result) == {}
    assert seen(shop.published) == {"customers": {1}, "orders": {1}}


def test_what_could_not_be_verified_outranks_what_failed_and_both_are_said(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.check("orders", status=Status.FAILED)
    said, code = failure(run(shop, instance))
    assert code == 2
    assert "marts/orders: unique_orders: expected unique values" in said
    assert "marts/customers: unique_customers did not run" in said
    assert "`assetops check marts/customers`" in said
    assert not shop.published.exists()


def test_a_mart_that_changed_after_its_checks_is_not_published(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.check()
    run(shop, instance)
    with shop.warehouse.connect() as connection:
        connection.execute("update marts.orders set text = 'by hand' where id = 7")
    said, code = failure(run(shop, instance))
    assert (code, "unique_orders did not run on what the table holds now" in said) == (2, True)
    assert seen(shop.published) == {"customers": {1}, "orders": {1}}


def test_a_failed_check_that_passed_when_it_ran_again_holds_nothing_back(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.check("customers")
    shop.check("orders", status=Status.ERRORED)
    shop.check("orders")
    assert run(shop, instance).success


def test_a_mart_that_is_not_there_is_named(shop: Shop, instance: dg.DagsterInstance) -> None:
    shop.check()
    with shop.warehouse.connect() as connection:
        connection.execute("drop table marts.orders")
    said, code = failure(run(shop, instance))
    assert (code, "marts/orders: marts.orders is not in the warehouse" in said) == (2, True)


def test_a_run_that_does_what_another_left_publishes_what_both_have_built(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    left = run(shop, instance, "customers", "orders")
    assert not left.success
    shop.check()
    again = {"is_asset_resume_retry": "true", "parent_run_id": left.run_id}
    assert run(shop, instance, "orders", **again).success
    assert seen(shop.published) == {"customers": {1}, "orders": {1}}


def test_a_run_that_goes_on_from_one_of_a_part_publishes_that_part(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    left = run(shop, instance, "orders")
    shop.check()
    again = {"is_asset_resume_retry": "true", "parent_run_id": left.run_id}
    assert run(shop, instance, "orders", **again).success
    assert seen(shop.published) == {"orders": {1}}
