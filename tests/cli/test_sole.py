"""Two daemons never work on one instance, on one machine or through one server."""

import fcntl
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from tests.end_to_end.observed import until
from tests.postgres import end_connections, new_database
from tests.processes import Process

from assetops.cli import sole
from assetops.cli.postgres_storage import PostgresStorage
from assetops.cli.sole import sole_daemon
from assetops.cli.up import alone
from assetops.errors import AssetOpsError
from assetops.settings import load_settings

HOLDER = """
import sys
import dagster as dg
from assetops.cli.sole import sole_daemon
from assetops.cli.up import alone
with dg.DagsterInstance.from_config(sys.argv[1]) as instance, sole_daemon(instance, print):
    print("holds", flush=True)
    sys.stdin.readline()
"""
# Other processes of the tests hold such locks on databases of theirs.
LOCKS = """from pg_locks where locktype = 'advisory'
and database = (select oid from pg_database where datname = current_database()) and"""
Machine = Callable[[str], dg.DagsterInstance]


def never(holder: str) -> None:
    raise AssertionError(holder)


@pytest.fixture(scope="module")
def url(postgres_server: sa.URL) -> str:
    return new_database(postgres_server, "sole")


@pytest.fixture
def machine(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """The instance as it is on a machine of its own, with files of its own."""
    monkeypatch.setattr(sole, "_LOOK_SECONDS", 0.02)
    opened = []

    def on(name: str) -> dg.DagsterInstance:
        (tmp_path / name).mkdir()
        storage = {
            "module": PostgresStorage.__module__,
            "class": PostgresStorage.__name__,
            "config": {"postgres_url": url},
        }
        config = {"storage": {"custom": storage}}
        (tmp_path / name / "dagster.yaml").write_text(yaml.safe_dump(config))
        opened.append(dg.DagsterInstance.from_config(str(tmp_path / name)))
        return opened[-1]

    yield on
    for instance in opened:
        instance.dispose()


def test_on_one_machine_the_second_daemon_is_told_which_process_is_the_first(
    tmp_path: Path, template: Path
) -> None:
    words = ("-c", HOLDER, str(tmp_path))
    process = Process(template, *words, folder=tmp_path, environment=dict(os.environ))
    assert process.stdout.readline() == "holds\n"
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        told = f"Another daemon works on this instance: .*pid {process.pid}, since"
        with pytest.raises(AssetOpsError, match=told), sole_daemon(instance, never):
            pass
        os.kill(process.pid, 9)
        process.communicate(timeout=60)
        with sole_daemon(instance, never):
            pass


def test_on_one_warehouse_the_daemon_of_another_root_is_told(tmp_path: Path) -> None:
    home, folders = tmp_path / "data", [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    instances = [dg.DagsterInstance.from_config(str(folder)) for folder in folders]
    with instances[0] as one, instances[1] as other, held(home / "daemon.lock"):
        told = "Another daemon works on this warehouse: the first"
        with pytest.raises(AssetOpsError, match=told), sole_daemon(other, never, home=home):
            pass
        # It has its own instance to itself.
        with sole_daemon(one, never):
            pass


def test_one_assetops_up_works_on_an_instance_also_while_its_daemon_is_dead(tmp_path: Path) -> None:
    settings, told = load_settings(tmp_path, {}), "Another one works on this instance: the first"
    with held(tmp_path / "up.lock"), pytest.raises(AssetOpsError, match=told), alone(settings):
        pass
    with alone(settings), dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        # The place of a daemon is free for its own.
        with sole_daemon(instance, never, home=settings.home):
            pass


def test_a_daemon_waits_for_who_only_looks_whether_there_is_one(tmp_path: Path) -> None:
    with (
        dg.DagsterInstance.from_config(str(tmp_path)) as instance,
        held(tmp_path / "daemon.lock") as file,
    ):
        threading.Timer(0.1, file.close).start()
        with sole_daemon(instance, never, wait=60):
            assert file.closed


@contextmanager
def held(path: Path) -> Iterator[IO[str]]:
    """Hold a lock as another process does."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        holder = {"holder": "the first", "pid": 1, "since": "then"}
        file.write(json.dumps(holder))
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def test_through_one_server_the_second_daemon_is_told_on_which_host_the_first_is(
    machine: Machine,
) -> None:
    one, other = machine("one"), machine("other")
    told = f"Another daemon works on this instance: the daemon of {socket.gethostname()}"
    with sole_daemon(one, never):
        with pytest.raises(AssetOpsError, match=told), sole_daemon(other, never):
            pass
    with sole_daemon(other, never):
        pass


def asked(url: str, sql: str) -> object:
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        return connection.scalar(sa.text(sql))


def test_a_daemon_whose_server_restarts_stays_the_only_one(machine: Machine, url: str) -> None:
    one, other = machine("one"), machine("other")
    with sole_daemon(one, never):
        end_connections(url)
        until(lambda: asked(url, f"select count(*) {LOCKS} granted"))
        with pytest.raises(AssetOpsError, match="Another daemon"), sole_daemon(other, never):
            pass


def test_a_daemon_ends_when_another_has_come_while_the_server_was_away(
    machine: Machine, url: str
) -> None:
    said: list[str] = []
    engine = sa.create_engine(url, connect_args={"application_name": "another one"})
    with engine.connect() as other, sole_daemon(machine("one"), said.append):
        # It has the lock as soon as the connection of the first is ended.
        query = (sa.text("select pg_advisory_lock(:key)"), {"key": sole._KEY})
        waiting = threading.Thread(target=other.execute, args=query)
        waiting.start()
        until(lambda: asked(url, f"select count(*) {LOCKS} not granted"))
        assert asked(url, f"select pg_terminate_backend(pid) {LOCKS} granted")
        waiting.join(timeout=60)
        until(lambda: said)
    assert said == ["another one"]
