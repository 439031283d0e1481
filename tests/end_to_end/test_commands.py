"""The command line as its user meets it: what it prints, and how it exits."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.end_to_end.conftest import ASSETOPS


def test_a_build_ends_with_a_table_and_what_to_do_next(shop) -> None:
    done = shop.cold_command("build", "--select", "marts/orders_daily+")
    assert done.returncode == 0, done.stderr
    assert "marts/orders_daily" in done.stdout
    assert "is confirmed in" in done.stdout
    assert "Next: assetops show" in done.stdout
    assert "nanobind" not in done.stderr


def test_a_build_tells_a_program_the_same(shop) -> None:
    done = shop.command("build", "--select", "marts/orders_daily", "--json")
    told = json.loads(done.stdout)
    assert told["exit_code"] == 0
    assert [row["address"] for row in told["assets"]] == ["marts/orders_daily"]
    assert told["assets"][0]["rows"] > 0


def test_where_nothing_has_landed_the_error_says_where_to_put_it(empty_shop) -> None:
    done = empty_shop.command("build")
    assert done.returncode == 2
    assert "Nothing has landed in" in done.stderr
    assert "retail simulate" in done.stderr
    assert "Traceback" not in done.stderr


def test_show_makes_a_dataset_understood_from_one_page(shop) -> None:
    page = shop.say("show", "marts/customers", COLUMNS="160").stdout
    for words in (
        "One row per customer",
        "team:marketing-data",
        "gx/expectations/marts/customers.json",
        "fresh within  26h",
        "data as of",
        "marts/customer_segments",
        "published/customers",
        "PII: email",
        "from intermediate/int_customers_current.email",
        "segment_in_set",
        "passed",
        "score     100",
        "completeness 100",
        "Who are our best customers?",
    ):
        assert words in page


def test_show_of_a_source_tells_of_its_days_and_of_what_was_held_back(shop) -> None:
    file = shop.file("orders")
    file.write_text(file.read_text().replace("delivered", "teleported"))
    assert shop.build().exit_code == 1
    facts = json.loads(shop.say("show", "retail/orders", "--json").stdout)
    assert "days, " in facts["data"]["partitions"]
    assert facts["data"]["held back"].endswith(": assetops quarantine show retail/orders")
    assert "status_in_set" in facts["rejections"][0]["reasons"][0]
    assert {c["name"]: c["status"] for c in facts["checks"]}["status_in_set"] == "failed"
    assert [run["score"] for run in facts["quality"]["trend"]] == [100.0, facts["quality"]["score"]]
    assert facts["quality"]["score"] < 100


def test_an_unknown_dataset_and_an_unknown_command_name_the_nearest(shop) -> None:
    done = shop.say("show", "marts/custmers")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean marts/customers?" in done.stderr
    done = shop.say("biuld")
    assert done.returncode == 2
    assert "Did you mean build?" in done.stderr


def test_check_runs_all_checks_of_a_mart_and_builds_nothing(shop) -> None:
    before = shop.state()
    outcome = shop.check("marts/customers")
    assert outcome.exit_code == 0, outcome.failures
    assert outcome.verdict().startswith("All checks passed")
    row = outcome.assets[0]
    assert row.passed >= 10
    assert row.rows is not None and not row.batches
    assert shop.state() == before


def test_check_runs_the_deep_checks_of_a_mart_when_asked(shop) -> None:
    done = shop.command("check", "marts/orders", "--deep")
    assert done.returncode == 0, done.stdout
    for name in ("no_order_sent_twice", "old_orders_are_closed", "reconciles_with_release"):
        assert re.search(rf"^{name} +passed", done.stdout, re.MULTILINE)


def test_check_of_a_source_looks_at_its_newest_file_and_loads_nothing(shop) -> None:
    file = shop.file("orders")
    file.write_text(file.read_text().replace("delivered", "teleported"))
    before = shop.state()
    outcome = shop.check("retail/orders")
    assert outcome.exit_code == 1
    assert "status_in_set" in outcome.failures[0].reason
    assert shop.state() == before
    assert not (shop.root / "data/dev/quarantine").exists()


def test_check_of_what_has_no_checks_says_where_they_would_be(shop) -> None:
    done = shop.command("check", "intermediate/int_days_listed")
    assert done.returncode == 2
    assert "has no checks" in done.stderr


# Its builds are like any other.
@pytest.mark.no_cover
def test_rollback_pins_and_builds_leave_it_until_it_is_lifted(shop) -> None:
    first = shop.platform.releases.current().id
    file = shop.file("orders")
    text = file.read_text().splitlines()
    file.write_text("\n".join([text[0], *text[2:]]) + "\n")
    outcome = shop.build()
    assert outcome.exit_code == 0, outcome.failures
    second = shop.platform.releases.current().id
    assert second != first

    back = shop.say("rollback")
    assert back.returncode == 0, back.stderr
    assert f"Release {first} is published again, and pinned" in back.stdout
    assert "Pinned: builds verify and leave it" in shop.say("releases").stdout

    file.write_text("\n".join([text[0], *text[3:]]) + "\n")
    held = shop.build()
    assert held.exit_code == 0, held.failures
    assert "held back" in held.verdict()
    assert shop.platform.releases.current().id == first

    assert "is lifted" in shop.say("rollback", "--unpin").stdout
    went_on = shop.build()
    assert "is published" in went_on.verdict()
    assert shop.platform.releases.current().id not in (first, second)


def test_rollback_to_an_unknown_release_names_those_that_are_kept(shop) -> None:
    current = shop.platform.releases.current().id
    done = shop.say("rollback", current[:-1])
    assert done.returncode == 2
    assert f"Did you mean {current}?" in done.stderr
    assert shop.say("rollback", "--unpin", current).returncode == 2


def test_releases_as_json_and_before_the_first(shop, empty_shop) -> None:
    (row,) = json.loads(shop.say("releases", "--json").stdout)
    assert row["current"] and not row["pinned"] and row["tables"] == 7
    assert "Nothing is published yet" in empty_shop.say("releases").stdout


def test_the_doctor_finds_all_well_and_names_what_is_not(shop) -> None:
    well = shop.command("doctor")
    assert well.returncode == 0, well.stdout
    assert "All is well." in well.stdout
    assert "nothing makes" not in well.stdout
    with shop.platform.warehouse.connect() as connection:
        connection.execute("create view marts.renamed as select 1 as n")
    assert "nothing makes marts.renamed any more" in shop.command("doctor", COLUMNS="300").stdout
    (shop.landing / "orders/2026-99-99.csv").write_text("x")
    ill = shop.command("doctor")
    assert ill.returncode == 2
    assert "'2026-99-99' is no day" in ill.stdout


def test_the_doctor_says_what_is_wrong_with_a_contract(shop) -> None:
    yml = shop.root / "dbt_project/models/marts/orders.yml"
    yml.write_text(yml.read_text().replace("fresh_within", "fresh_witin"))
    ill = shop.say("doctor")
    assert ill.returncode == 2
    assert "Did you mean fresh_within?" in ill.stdout


def test_outside_of_a_project_every_command_says_so(tmp_path: Path, shop) -> None:
    done = subprocess.run(
        [sys.executable, *ASSETOPS, "show", "x"],
        cwd=tmp_path,
        env=shop.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "is not inside an AssetOps project" in done.stderr


def free_ports() -> Iterator[int]:
    """Yield ports at which nobody listens, and which nobody is given who asks for any port."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with suppress(OSError):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
            yield port


def test_up_serves_the_history_and_stops_all_it_started(shop, empty_shop) -> None:
    ports = free_ports()
    port, docs = next(ports), f"http://127.0.0.1:{next(ports)}"
    child = subprocess.Popen(
        [sys.executable, *ASSETOPS, "up", f"--port={port}"],
        cwd=shop.root,
        env=shop.environment(**shop.measured, ASSETOPS_DATA_DOCS_URL=docs),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        query = "{runsOrError{...on Runs{results{status}}} assetNodes{id}}"
        told = asked(port, query, until=lambda d: d["assetNodes"])
        assert [run["status"] for run in told["runsOrError"]["results"]] == ["SUCCESS"]
        assert len(told["assetNodes"]) > 30
        with urllib.request.urlopen(f"{docs}/index.html", timeout=30) as page:
            assert "marts/customers" in page.read().decode()
        # Of another instance: of its own it is told that a daemon is there, once it is.
        taken = empty_shop.command("up", f"--port={next(ports)}", ASSETOPS_DATA_DOCS_URL=docs)
        assert taken.returncode == 2
        assert "for Data Docs, cannot be used" in taken.stderr
        taken = shop.command("up", f"--port={port}")
        assert taken.returncode == 2
        assert f"Take another: --port {port + 1}" in taken.stderr
    finally:
        started = descendants(child.pid)
        runs_from = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in started]
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=60) == 0
    assert len(started) >= 3
    assert any(b"assetops.resident.template" in words for words in runs_from)
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in started):
        assert time.monotonic() < deadline, "a process outlived assetops up"
        time.sleep(0.1)


def asked(port: int, query: str, *, until) -> dict:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                data = json.loads(answer.read())["data"]
                if until(data):
                    return data
        except OSError:
            pass
        assert time.monotonic() < deadline, "the UI did not answer in time"
        time.sleep(0.3)


def descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found = children.get(pid, [])
    return found + [grandchild for child in found for grandchild in descendants(child)]


def alive(pid: int) -> bool:
    try:
        # A zombie is dead; only its parent has not looked.
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
