"""What strikes a platform at work, each by itself: `make faults` counts how often all has held."""

import random
import shutil
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from tests.faults.house import House, pause

Strike = Callable[[House, random.Random], None]
FILES_AT_ONCE = 500


def worker(house: House, _: random.Random) -> None:
    house.kill(house.worker)


def daemon(house: House, _: random.Random) -> None:
    house.kill(house.daemon)


def code_server(house: House, _: random.Random) -> None:
    house.kill(house.code_server)


def killed_with_its_host(house: House, _: random.Random) -> None:
    house.kill(house.everything)
    assert house.process
    house.process.wait()
    house.start()


def server_restarted(house: House, _: random.Random) -> None:
    assert house.server
    house.server.stop()
    house.server.start_after(0)


def server_gone(house: House, _: random.Random) -> None:
    assert house.server
    house.server.stop()
    house.server.start_after(60)


def touched(house: House, chance: random.Random) -> None:
    """A file is written again and again, each time whole, while it comes in."""
    for version in range(40):
        house.touch(version)
        pause(chance.uniform(0, 0.4))


def many_files(house: House, _: random.Random) -> None:
    """Files of many days land at once, late."""
    house.land_late(FILES_AT_ONCE)


def disk_full(house: House, chance: random.Random, *, step: str, seconds: float = 8) -> None:
    """The disk has no room left while a step works, for some seconds."""
    assert house.disk
    house.step_begun(step)
    pause(chance.uniform(0, 0.3))
    house.disk.fill(leave=chance.choice((0, 0, 2**16, 2**18, 2**20)))
    pause(chance.uniform(1, seconds))
    house.disk.free()


disk_full_ingesting = partial(disk_full, step="ingest_support_tickets")
disk_full_building = partial(disk_full, step="dbt")
disk_full_publishing = partial(disk_full, step="release")


def second_platform(house: House, chance: random.Random) -> None:
    """Somebody starts `assetops up` where it runs already, perhaps while its daemon is dead."""
    if chance.random() < 0.5:
        house.kill(house.daemon)
    second = house.start_another(house.root)
    said = second.communicate(timeout=120)[0]
    assert second.returncode == 2, said
    assert "Another one works on this instance: assetops up (pid" in said


def second_root(house: House, _: random.Random) -> None:
    """Somebody starts `assetops up` in another root, whose data is that of the first."""
    other = house.log.parent / "other"
    shutil.copytree(house.root, other, ignore=shutil.ignore_patterns("data"))
    shared = {name: str(house.root / name) for name in ("data", "landing")}
    second = house.start_another(other, **{f"ASSETOPS_{k.upper()}": v for k, v in shared.items()})
    said = second.communicate(timeout=120)[0]
    assert second.returncode == 2, said
    assert "Another daemon works on this warehouse: the daemon of" in said


HERE = {
    "worker": worker,
    "daemon": daemon,
    "code_server": code_server,
    "killed_with_its_host": killed_with_its_host,
    "touched": touched,
    "many_files": many_files,
    "disk_full_ingesting": disk_full_ingesting,
    "disk_full_building": disk_full_building,
    "disk_full_publishing": disk_full_publishing,
    "second_platform": second_platform,
    "second_root": second_root,
}
OF_THE_SERVER = {"server_restarted": server_restarted, "server_gone": server_gone}
# These wait for what they strike, or strike while a file is new.
AT_ONCE = [worker, touched, disk_full_ingesting, disk_full_building, disk_full_publishing]


def cases(strikes: dict[str, Strike]) -> list[Any]:
    """Return the cases of a test that is given each of the strikes."""
    return [
        pytest.param(
            strike, id=name, marks=[pytest.mark.small_disk] if name.startswith("disk_full") else []
        )
        for name, strike in strikes.items()
    ]
