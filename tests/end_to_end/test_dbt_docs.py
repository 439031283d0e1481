"""dbt's docs of each release are served beside Data Docs, and written with them."""

import os
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from tests.end_to_end.conftest import Shop

from assetops.cli.docs import data_docs_of, dbt_docs_page, write_dbt_docs
from assetops.cli.docs_server import serve

pytestmark = pytest.mark.no_cover


def test_a_published_asset_links_to_docs_that_are_served_in_a_sandbox(built: Shop) -> None:
    os.chdir(built.root)
    instance = dg.DagsterInstance.from_config(str(built.root))
    event = instance.get_latest_materialization_event(dg.AssetKey(["published", "customers"]))
    assert event and event.asset_materialization
    link = str(event.asset_materialization.metadata["dbt docs"].value)
    assert link.endswith("#!/model/model.assetops_retail.customers")
    path = link.removeprefix(built.platform.settings.data_docs_url).split("#")[0]

    docs = data_docs_of(built.platform)
    server = serve(docs, partial(dbt_docs_page, built.platform), 0)
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        for place in (path, "/dbt/index.html"):
            with urllib.request.urlopen(address + place, timeout=30) as answer:
                assert "sandbox allow-scripts" in answer.headers["Content-Security-Policy"]
                assert "model.assetops_retail.customers" in answer.read().decode()
        for nowhere in ("/dbt/20200101T000000-0000/index.html", "/dbt/..%2f..%2fledger.db"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(address + nowhere, timeout=30)
    finally:
        server.shutdown()
        server.server_close()


def test_files_are_written_once_and_go_with_their_release(built: Shop, tmp_path: Path) -> None:
    (current,) = built.platform.releases.list()
    page = tmp_path / current.id / "index.html"
    gone = tmp_path / "20200101T000000-0000/index.html"
    for file in (page, gone):
        file.parent.mkdir()
        file.write_text("written before")
    write_dbt_docs(built.platform, tmp_path)
    assert page.read_text() == "written before" and not gone.exists()
    assert "VARCHAR" in (tmp_path / "index.html").read_text()
