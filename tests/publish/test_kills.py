"""A publication that is killed at any step leaves consumers with a whole release."""

from pathlib import Path

import pytest
from tests.publish.shop import Shop, seen, start

# What is killed are processes of its own.
pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize("work", ["publish", "rollback"])
def test_a_kill_at_any_step_never_shows_half_a_release_and_the_next_start_heals(
    tmp_path: Path, work: str
) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    shop = Shop(root)
    shop.live_a_day(1)
    shop.live_a_day(2)
    if work == "publish":
        shop.build(3)
        shop.check()
    script = "import sys; from killed_publication import main; sys.exit(main(*sys.argv[1:]))"
    process = start(script, tmp_path, work)
    said, problems = process.communicate()
    assert process.returncode == 0, problems
    *outcomes, kills = said.splitlines()
    assert int(kills.split()[0]) > 10
    before, after = ("{2}", "{3}") if work == "publish" else ("{2}", "{1}")
    # Some kills came before the switch, some after it, and one between intention and switch.
    assert {f"{before} {before}", f"{after} {after}", f"{before} {after}"} <= set(outcomes)


def test_a_kill_while_tables_are_written_leaves_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.live_a_day(1)
    shop.build(2, rows=400_000)
    shop.check()
    script = (
        "import os, signal, sys, threading, time; from pathlib import Path\n"
        "from shop import Shop\n"
        "shop = Shop(Path(sys.argv[1]))\n"
        "def kill():\n"
        "    while not list(shop.releases.folder.glob('.building-*/*.duckdb')): time.sleep(0.001)\n"
        "    time.sleep(float(sys.argv[2])); os.kill(os.getpid(), signal.SIGKILL)\n"
        # However long the kill takes to come, what is written is not moved before it.
        "def stay(event, arguments):\n"
        "    if event == 'os.rename' and '.building-' in str(arguments[0]):\n"
        "        threading.Event().wait()\n"
        "sys.addaudithook(stay)\n"
        "threading.Thread(target=kill).start()\n"
        "shop.publish()\n"
    )
    for delay in ("0", "0.03", "0.1"):
        process = start(script, tmp_path, delay)
        process.communicate()
        assert process.returncode == -9
        assert seen(shop.published) == {"customers": {1}, "orders": {1}}
        assert [name[:10] for name in shop.leftovers()] == [".building-"]
        shop.releases.heal()
        assert shop.leftovers() == []
    shop.publish()
    assert seen(shop.published) == {"customers": {2}, "orders": {2}}
