"""Data Docs as files: every check of a build links to a page that tells of it."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.observed import instance_of


@pytest.fixture(scope="module")
def site(built: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    written = built.say("docs", "--out", str(out))
    assert written.returncode == 0, written.stderr
    assert re.search(rf"\d+ new pages in {re.escape(str(out))}\nNext: open ", written.stdout)
    return out


def page_at(site: Path, url: str) -> str:
    """Return the page that a link of the checks leads to, as a browser follows it."""
    path = site / url.removeprefix("http://127.0.0.1:3001/")
    page = path.read_text("utf-8")
    moved = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page)
    return (path.parent / moved[1]).read_text("utf-8") if moved else page


def test_every_check_links_to_the_page_that_tells_of_it(built, site: Path) -> None:
    with instance_of(built) as instance:
        keys = built.definitions.resolve_asset_graph().asset_check_keys
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
        links = {
            key: record.event.dagster_event.asset_check_evaluation_data.metadata["data docs"].value
            for key, record in found.items()
            if record.event
        }
    told = {key: key.name in page_at(site, url) for key, url in links.items()}
    assert {key for key, said in told.items() if not said} == set()
    # A landing file's contract, a dbt test and an expectation are all among them.
    names = {key.name for key in told}
    assert {"contract", "unique_orders_order_id", "order_total_positive"} <= names


def test_every_dataset_has_a_page_of_what_it_promises(built, site: Path) -> None:
    for dataset in built.platform.project.datasets.values():
        page = site / "expectations" / dataset.address / "index.html"
        assert page.is_file() == bool(dataset.tests or dataset.address in built.platform.suites)


@pytest.mark.debian
def test_a_browser_shows_the_files_and_refuses_nothing_of_them(site: Path) -> None:
    browser = shutil.which("chromium")
    assert browser
    words = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr")
    page = (site / "expectations/marts/orders/index.html").as_uri()
    shown = subprocess.run(
        [browser, *words, "--dump-dom", page], capture_output=True, text=True, timeout=60
    )
    assert "order_total_positive" in shown.stdout
    assert "Content Security Policy" not in shown.stderr
