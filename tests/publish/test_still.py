"""What a deep check looks at, and what it holds back when it did not pass."""

from typing import Any

import pytest
from tests.publish.shop import AS_OF, REQUIRED, Shop

from assetops.errors import AssetOpsError, GateFailed, PublishError
from assetops.model import Severity, Status, Verdict
from assetops.publish.publication import Standing, verify
from assetops.publish.still import Hold, held_still
from assetops.warehouse.snapshot import Snapshots


def deep(status: Status) -> Standing:
    verdict = Verdict(
        check="deep_one", severity=Severity.CRITICAL, status=status, error="no memory"
    )
    return lambda mart: [("raw/orders", verdict, "It stands until it passes.")]


def verified(shop: Shop, standing: Standing) -> Any:
    marts = [shop.project.dataset(f"marts/{name}") for name in ("customers", "orders")]
    return verify(
        marts,
        shop.warehouse,
        shop.ledger,
        REQUIRED,
        data_as_of=lambda dataset: AS_OF,
        run_id="abcdef",
        standing=standing,
    )


@pytest.mark.parametrize(
    ("status", "error"), [(Status.FAILED, GateFailed), (Status.ERRORED, PublishError)]
)
def test_what_stands_from_a_deep_check_holds_publication_back(
    shop: Shop, status: Status, error: type[AssetOpsError]
) -> None:
    shop.build(1)
    shop.check()
    with pytest.raises(error) as refused:
        verified(shop, deep(status))
    # Both marts are made from what was checked: it is said once.
    assert str(refused.value).count("raw/orders: deep_one") == 1
    assert "It stands until it passes." in str(refused.value)
    assert set(verified(shop, lambda mart: ())) == {"customers", "orders"}


def hold(shop: Shop, standing: Standing) -> Hold:
    snapshots = Snapshots(shop.settings.home / "snapshots", shop.warehouse)
    return held_still(shop.releases, snapshots, standing)


def days(shop: Shop, held: Hold) -> tuple[bool, Any]:
    """Return whether a release's own file is looked at, and which day's rows are in it."""
    with held(shop.project.dataset("marts/orders"), lambda rows: None, 0) as still:
        with still.open() as connection:
            found = connection.execute(f"select max(day) from {still.relation}").fetchone()
        return still.file.is_relative_to(shop.releases.folder), found


def test_deep_checks_look_at_what_consumers_read(shop: Shop) -> None:
    shop.build(1)
    assert days(shop, hold(shop, lambda mart: ())) == (False, (1,))
    shop.check()
    shop.publish()
    shop.build(2)
    assert days(shop, hold(shop, lambda mart: ())) == (True, (1,))


def test_once_one_stands_they_look_at_what_waits_to_be_published(shop: Shop) -> None:
    shop.live_a_day(1)
    shop.build(2)
    assert days(shop, hold(shop, deep(Status.FAILED))) == (False, (2,))
