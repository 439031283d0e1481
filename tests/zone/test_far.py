"""A landing zone that fsspec reaches: what is listed, fetched and remembered, and what is wrong."""

import os
import resource
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fsspec.config import conf
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from tests.zone.slow import Slow

from assetops.errors import ConfigError, LandingError
from assetops.settings import Settings, load_settings
from assetops.zone import LandedFile, landing_zone
from assetops.zone.far import Far
from assetops.zone.folder import Folder


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    system = MemoryFileSystem()
    system.pipe("/landing/retail/orders/2026-01-05.csv", b"order_id\n1\n")
    system.pipe("/landing/retail/orders/2026-01-06.csv", b"order_id\n2\n")
    system.pipe("/landing/retail/orders/old/2026-01-01.csv", b"order_id\n0\n")
    yield system
    system.rm("/landing", recursive=True)


@pytest.fixture
def zone(memory: MemoryFileSystem, tmp_path: Path) -> Far:
    return Far("memory://landing", tmp_path / "fetched")


def first(zone: Far) -> LandedFile:
    return zone.files_in("retail/orders")[0]


def test_the_files_of_a_folder_are_listed_and_what_lies_deeper_is_not(zone: Far) -> None:
    names = [file.name for file in zone.files_in("retail/orders")]
    assert names == ["2026-01-05.csv", "2026-01-06.csv"]
    assert zone.files_in("retail/returns") == []
    assert zone.find("retail/products.csv") is None
    found = zone.find("retail/orders/2026-01-06.csv")
    assert found is not None
    assert found.look() == zone.files_in("retail/orders")[1].look()
    assert zone.where("retail/orders") == "memory://landing/retail/orders"


def test_a_folder_is_listed_with_one_call_however_many_files_it_has(tmp_path: Path) -> None:
    for day in range(1, 29):
        (tmp_path / f"2026-01-{day:02}.csv").write_text("1")
    Slow.asked.clear()
    files = Far(f"slow://{tmp_path.parent}", tmp_path / "fetched").files_in(tmp_path.name)
    looks = {file.look() for file in files}
    assert (len(files), Slow.asked) == (28, {"ls": 1})
    assert all(look.size == 1 for look in looks)


def test_a_copy_is_fetched_and_removed_when_it_is_not_needed_any_more(zone: Far) -> None:
    with first(zone).fetched() as copy:
        assert (copy.name, copy.read_text()) == ("2026-01-05.csv", "order_id\n1\n")
    assert list(zone.scratch.iterdir()) == []


def test_a_disk_that_is_full_is_not_taken_for_a_place_that_is_away(
    zone: Far, memory: MemoryFileSystem
) -> None:
    memory.pipe("/landing/retail/orders/2026-01-05.csv", bytes(200_000))
    file = first(zone)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    try:
        with pytest.raises(LandingError, match=r"-05.csv cannot be fetched to .*room"):
            with file.fetched():
                pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(zone.scratch.iterdir()) == []


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "a.csv").write_text("1")
    (file,) = Far(f"slow://{tmp_path}", tmp_path / "fetched").files_in("")

    def refuse(self: Any, *paths: Any, **more: Any) -> Any:
        raise PermissionError("no")

    monkeypatch.setattr(Slow, "get_file", refuse)
    with pytest.raises(LandingError, match=rf"^slow://{tmp_path}/a.csv cannot be read: no[.] Who"):
        with file.fetched():
            pass


def test_what_a_killed_process_left_behind_is_removed_after_a_day(zone: Far) -> None:
    for name, age in (("old", 90_000), ("new", 60)):
        (zone.scratch / name).mkdir(parents=True)
        when = datetime.now().timestamp() - age
        os.utime(zone.scratch / name, (when, when))
    with first(zone).fetched():
        pass
    assert [left.name for left in zone.scratch.iterdir()] == ["new"]


def test_a_file_that_was_replaced_is_another_one(zone: Far, memory: MemoryFileSystem) -> None:
    file, look = first(zone), first(zone).look()
    assert file.is_still(look)
    content = file.fingerprint()
    # Of the same size.
    memory.pipe("/landing/retail/orders/2026-01-05.csv", b"order_id\n9\n")
    assert not file.is_still(look)
    assert first(zone).look().changed != look.changed
    assert first(zone).fingerprint() != content
    with pytest.raises(LandingError, match=r"2026-01-05.csv was changed while it was read"):
        with file.fetched():
            pass


def test_only_stores_show_nothing_but_whole_files(zone: Far, tmp_path: Path) -> None:
    assert first(zone).open_for_writing() is None
    for url in ("s3://bucket/in", "simplecache::gs://bucket"):
        store = Far(url, tmp_path)
        assert type(first(zone))(store, "a.csv", "bucket/a.csv", {}).open_for_writing() is False


TOLD = [
    {"size": 3, "ETag": '"a1"', "LastModified": datetime(2026, 1, 5)},
    {"size": 3, "etag": '"a1"'},
    {"size": 3, "mtime": 1767571200.5},
    {"size": 3, "modify": "20260105000000"},
    {"size": 3, "last_write_time": datetime(2026, 1, 5)},
]


@pytest.mark.parametrize("told", TOLD, ids=lambda told: list(told)[1])
def test_a_change_is_seen_by_whatever_a_place_tells(zone: Far, told: dict[str, Any]) -> None:
    make, name = type(first(zone)), list(told)[1]
    look = make(zone, "a.csv", "a.csv", told).look()
    assert make(zone, "a.csv", "a.csv", {**told, "LastAccess": "now"}).look() == look
    assert make(zone, "a.csv", "a.csv", {**told, name: "b2"}).look().changed != look.changed
    assert make(zone, "a.csv", "a.csv", {**told, "size": 4}).look().changed != look.changed
    # The ledger keeps it as a number of 64 bits.
    assert look.changed < 2**63


def test_the_same_content_put_there_again_is_the_same_by_its_tag(zone: Far) -> None:
    make = type(first(zone))
    again = {**TOLD[0], "LastModified": datetime(2026, 1, 6)}
    assert (
        make(zone, "a", "a", again).look().changed == make(zone, "a", "a", TOLD[0]).look().changed
    )


def test_a_place_that_tells_of_no_change_is_refused(zone: Far) -> None:
    with pytest.raises(LandingError, match="neither when a file was changed nor what is in it"):
        type(first(zone))(zone, "a.csv", "a.csv", {"name": "a.csv", "size": 3}).look()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memory://nowhere", "there is no /nowhere. Make it, or mend ASSETOPS_LANDING"),
        ("s3://bucket/in", "not installed. Install it: pip install s3fs"),
        ("sftp://ana@files/in", "not installed. Install it: pip install paramiko"),
        ("s4://bucket/in", "no such protocol. Expected a folder, or a URL such as s3://"),
        ("ftp://127.0.0.1:1/in", "ConnectionRefusedError"),
    ],
)
def test_what_cannot_be_reached_is_named_with_the_mend(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(LandingError) as raised:
        Far(url, tmp_path).files_in("retail/orders")
    assert str(raised.value).startswith(url)
    assert said in str(raised.value)
    assert raised.value.exit_code == 2


def test_no_message_tells_what_fsspec_logs_in_with(monkeypatch, tmp_path: Path) -> None:
    def refuse(self: Any, path: str, **more: Any) -> Any:
        raise PermissionError(f"no hunter22 for {path}")

    monkeypatch.setitem(conf, "slow", {"account": {"password": "hunter22"}})
    monkeypatch.setattr(Slow, "ls", refuse)
    monkeypatch.setattr(Slow, "__init__", lambda self, account: LocalFileSystem.__init__(self))
    with pytest.raises(LandingError, match=r"cannot be listed: no … for .*~/.config/fsspec") as why:
        Far(f"slow://{tmp_path}", tmp_path).files_in("")
    assert "hunter22" not in str(why.value)
    assert why.value.__suppress_context__


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("ftp://ana:hunter22@files/in", "the URL holds a password"),
        ("simplecache::ftp://ana:hunter22@files/in", "the URL holds a password"),
        ("https://files/in?sig=hunter22", r"after \? or #"),
        ("file://hunter22/in", "three slashes"),
    ],
)
def test_a_url_with_a_secret_is_refused_and_not_repeated(
    given: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=rf"^ASSETOPS_LANDING: .*{said}") as raised:
        load_settings(tmp_path, {"ASSETOPS_LANDING": given})
    assert "hunter22" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "zone"),
    [
        (None, "data/dev/landing"),
        ("in", "in"),
        ("/srv/in", "/srv/in"),
        ("file:///srv/in%20box", "/srv/in box"),
    ],
)
def test_a_folder_is_a_folder_however_it_is_called(
    given: str | None, zone: str, tmp_path: Path
) -> None:
    found = landing_zone(Settings(root=tmp_path, landing=given))
    assert found == Folder(tmp_path / zone)


def test_a_path_may_have_what_a_password_has(tmp_path: Path) -> None:
    place = "s3://bucket/a:b@c"
    assert load_settings(tmp_path, {"ASSETOPS_LANDING": place}).landing == place


def test_a_url_is_a_place_that_the_kernel_cannot_watch(tmp_path: Path) -> None:
    found = landing_zone(Settings(root=tmp_path, landing="s3://bucket/in"))
    assert (str(found), found.folder) == ("s3://bucket/in", None)
