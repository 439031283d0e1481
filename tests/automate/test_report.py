"""What another system reports to the webserver is followed at once."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_webserver.external_assets import handle_report_asset_materialization_request
from starlette.requests import Request
from tests.automate.conftest import DaemonDesk, instance_at

from assetops.automate.prompt import EVENTS, EventWatch

BODY = {"data_version": "1", "metadata": {"rows": 1200}}


@pytest.fixture
def waiting(place: Any, empty_instance: Path, tmp_path: Path) -> Iterator[DaemonDesk]:
    shutil.copytree(empty_instance, tmp_path / "dagster")
    with instance_at(tmp_path / "dagster") as instance:
        desk = DaemonDesk(tmp_path, instance, "reported")
        with desk.workspace, desk.daemon:
            # What follows was never made; now it is.
            desk.at_interval()
            assert len(desk.execute()) == 1
            yield desk


def report(desk: DaemonDesk, asset: str) -> tuple[int, Any]:
    """Do what the webserver does with POST /report_asset_materialization/ASSET."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(BODY).encode()}

    scope = {
        "type": "http",
        "method": "POST",
        "path_params": {"asset_key": asset},
        "headers": [(b"content-type", b"application/json")],
        "query_string": b"",
    }
    context = desk.workspace.create_request_context()
    handled = handle_report_asset_materialization_request(context, Request(scope, receive))
    answer = asyncio.run(handled)
    return answer.status_code, json.loads(answer.body)


def test_what_follows_from_a_reported_asset_is_asked_for(waiting):
    events = EventWatch(waiting.instance)
    waiting.at_once(EVENTS)
    (before,) = waiting.runs()
    assert report(waiting, "crm/accounts") == (200, {})
    assert events.happened()
    waiting.at_once(EVENTS)
    waiting.at_once(EVENTS)
    (run,) = (run for run in waiting.runs() if run.run_id != before.run_id)
    assert run.asset_selection == {dg.AssetKey("clients")}
