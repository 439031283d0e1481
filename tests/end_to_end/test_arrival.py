"""What the sensor of arrival makes of what builds have brought in."""

import os

import dagster as dg
from dagster._core.definitions.sensor_definition import SensorExecutionData
from tests.end_to_end.conftest import YESTERDAY, Shop

from assetops.automate import news
from assetops.build import BUILD_JOB
from assetops.cli.running import open_instance, selected


def look(shop: Shop) -> SensorExecutionData:
    repository = shop.definitions.get_repository_def()
    with (
        open_instance(shop.platform.settings) as instance,
        dg.build_sensor_context(instance, repository_def=repository) as context,
    ):
        return repository.get_sensor_def("arrival_retail").evaluate_tick(context)


def test_what_a_build_has_brought_in_is_not_asked_for(shop, monkeypatch):
    monkeypatch.chdir(shop.root)
    # Its files were copied just now, and a test does not wait.
    monkeypatch.setattr(news, "SETTLED_SECONDS", 0)
    assert look(shop).skip_message == "Nothing new has landed."
    os.utime(shop.file("orders"))
    assert look(shop).skip_message == "Nothing new has landed."
    changed = shop.file("orders")
    changed.write_text(changed.read_text() + "\n")
    (request,) = look(shop).run_requests
    assert request.tags["dagster/asset_partition_range_end"] == str(YESTERDAY)
    # What `assetops build --select retail/orders+` makes.
    chosen = set(selected(shop.definitions, "retail/orders+"))
    assert set(request.asset_selection) == chosen
    checks = shop.definitions.resolve_job_def(BUILD_JOB).asset_layer.asset_graph.asset_check_keys
    assert set(request.asset_check_keys) == {key for key in checks if key.asset_key in chosen}
