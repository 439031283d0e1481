"""A platform at work: its daemon, files that land, faults that strike, and what must hold after.

All is real: `assetops up` without its UI, Dagster's storage in SQLite or Postgres, and SIGKILL.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
from tests.end_to_end.observed import until
from tests.faults.disk import Disk
from tests.faults.server import Server

from assetops.build import open_platform
from assetops.cli.instance import open_instance
from assetops.opened import Platform
from assetops.resident.launcher import FORKED_TAG
from assetops.settings import load_settings
from assetops.warehouse import open_read_only
from assetops.zone.folder import file_fingerprint

PLATFORM = Path(__file__).parents[2] / "platform"
FIRST_DAY, OLD_DAY = date(2026, 1, 8), date(2026, 1, 4)
TICKETS = 20
# `assetops up` without the UI; forked from the tests' template if they name one.
UP = """
import os
from pathlib import Path
from assetops.cli import up, warm
from assetops.cli.supervisor import Part
from assetops.settings import load_settings
if "ASSETOPS_TEMPLATE" in os.environ:
    warm.warm_template = lambda settings: None
settings = load_settings(Path.cwd())
with up.alone(settings):
    up.supervise([Part("daemon", ["assetops.cli.daemon", "workspace.yaml"])], settings)
"""
_BEGUN = dg.DagsterEventType.STEP_START
# Seconds: on a machine that has other work, too.
_PATIENCE = 150
_DAEMON, _CODE_SERVER = "assetops.cli.part", "dagster\0api\0grpc"


class House:
    """A root, and the processes that work on it."""

    def __init__(
        self,
        root: Path,
        environment: Mapping[str, str],
        *,
        server: Server | None = None,
        disk: Disk | None = None,
    ) -> None:
        self.root, self.server, self.disk = root, server, disk
        # Beside a disk that is small.
        self.log = (disk.folder.parent if disk else root.parent) / "up.log"
        self.days, self.touched = 0, False
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("ASSETOPS_", "DAGSTER_"))}
        self.environment = {**clean, "PYTHONPATH": str(PLATFORM), **environment}
        self.landed = self._tickets()
        self.process: subprocess.Popen[bytes] | None = None

    def _tickets(self) -> int:
        files = (self.root / "landing/support/tickets").glob("*.csv")
        return sum(len(file.read_text().splitlines()) - 1 for file in files)

    def start(self) -> None:
        """Start what `assetops up` starts; what it says is in a file."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", UP],
                cwd=self.root,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_another(self, root: Path, **environment: str) -> subprocess.Popen[str]:
        """Start what a person starts, in a root, while this one runs."""
        words = ["-c", "from assetops.cli import main; main()", "up", "--port", "0"]
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=root,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def stop(self) -> None:
        """Stop it as systemd does."""
        if self.process:
            self.process.terminate()
            assert self.process.wait(timeout=60) == 0
            self.process = None
        # What ends is not left behind.
        until(lambda: self.processes("") == [], seconds=_PATIENCE)

    def processes(self, *words: str) -> list[int]:
        """Return the processes that work in the root and have one of the words in their command."""
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) != os.getpid():
                try:
                    command = (process / "cmdline").read_text()
                    if command and (process / "cwd").readlink() == self.root:
                        found += [int(process.name)] if any(w in command for w in words) else []
                except OSError:
                    # It has ended in the meantime.
                    continue
        return found

    def daemon(self) -> list[int]:
        return self.processes(_DAEMON)

    def code_server(self) -> list[int]:
        return self.processes(_CODE_SERVER)

    def everything(self) -> list[int]:
        return self.processes("")

    def worker(self) -> list[int]:
        """Return the processes of the runs that have started."""
        with self.instance() as instance:
            started = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        return [int(run.tags[FORKED_TAG].split()[-1]) for run in started if FORKED_TAG in run.tags]

    def step_begun(self, step: str) -> None:
        """Wait until a run that has not ended has begun a step."""
        with self.instance() as instance:

            def begun() -> bool:
                runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
                events = [e for run in runs for e in instance.all_logs(run.run_id, of_type=_BEGUN)]
                return any(event.step_key == step for event in events)

            until(begun, seconds=_PATIENCE)

    def kill(self, which: Callable[[], list[int]]) -> int:
        """Kill processes once they are there, and return how many there were."""
        found = until(which, seconds=_PATIENCE)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(found)

    def end(self) -> None:
        """Leave nothing behind, whatever has happened."""
        while found := self.everything():
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self.process:
                self.process.wait()

    def land(self, *, bad: bool = False) -> None:
        """Let the file of another day land, in one moment."""
        self.days += 1
        self._write(self.day(), bad=bad)

    def mend(self) -> None:
        """Let the file of the last day land again, as it should have been."""
        self._write(self.day())

    def land_late(self, number: int) -> None:
        """Let the files of so many days before the first one land at once."""
        for days in range(number):
            self._write(OLD_DAY - timedelta(days=days), serial=10_000 + days)

    def touch(self, version: int) -> None:
        """Write the last day's file where it is, with other tickets and as many."""
        self.touched = True
        self._file(self.day()).write_text(self._text(self.day(), serial=20_000 + version))

    def day(self) -> date:
        """Return the last day of which a file has landed."""
        return FIRST_DAY + timedelta(days=self.days - 1)

    def _write(self, day: date, *, serial: int = 0, bad: bool = False) -> None:
        file = self._file(day)
        hidden = file.with_name(f".{file.name}")
        hidden.write_text(self._text(day, serial=serial or self.days, bad=bad))
        hidden.rename(file)
        self.landed += 0 if bad else TICKETS

    def _text(self, day: date, *, serial: int, bad: bool = False) -> str:
        topics = ("delivery", "refund", "weather" if bad else "other")
        rows = [
            f"{serial * 1000 + n},7,{day} 0{n % 9}:15:00,{topics[n % 3]}" for n in range(TICKETS)
        ]
        return "\n".join(["ticket_id,customer_id,opened_at,topic", *rows, ""])

    def _file(self, day: date) -> Path:
        return self.root / f"landing/support/tickets/{day}.csv"

    def instance(self) -> dg.DagsterInstance:
        os.chdir(self.root)
        return open_instance(load_settings(self.root, self.environment))

    def seen(self) -> int:
        """Return how many tickets a consumer sees."""
        file = self.root / "data/dev/published/warehouse.duckdb"
        if not file.exists():
            return 0
        with open_read_only(file) as connection:
            sql = "select sum(tickets) from marts.tickets_daily"
            return int(connection.execute(sql).fetchall()[0][0])

    def settle(self) -> None:
        """Wait until all that has landed is published and every run has ended."""
        try:
            until(lambda: self.seen() == self.landed, seconds=_PATIENCE)
            until(lambda: not self.unfinished(), seconds=_PATIENCE)
        except AssertionError as error:
            said = self.log.read_text(errors="replace")[-6000:]
            raise AssertionError(
                f"{error}: {self.seen()} of {self.landed} seen, {self.unfinished()}\n{said}"
            ) from None

    def settle_bad(self, number: int) -> None:
        """Wait until so many files have been held back and every run has ended."""
        until(lambda: len(self.rejected()) == number, seconds=_PATIENCE)
        until(lambda: not self.unfinished(), seconds=_PATIENCE)

    def rejected(self) -> set[str]:
        """Return the contents that were held back."""
        rejections = open_platform(self.root).ledger.rejections("support/tickets")
        return {rejection["fingerprint"] for rejection in rejections}

    def unfinished(self) -> list[str]:
        with self.instance() as instance:
            return [f"{r.run_id} {r.status}" for r in instance.get_runs() if not r.is_finished]

    def assert_all_holds(self, *, mended: int = 0) -> None:
        """Check what must hold once nothing is under way, and what was bad is mended."""
        assert self.unfinished() == []
        platform = open_platform(self.root)
        files = self._assert_loaded_once(platform)
        assert len(self.rejected()) == mended
        # No half release, none that nobody knows of, and consumers see the last one.
        releases = platform.releases.list()
        with platform.ledger.connect() as connection:
            known = connection.exec_driver_sql("select id from releases").scalars().all()
        assert {release.id for release in releases} == set(known)
        assert list(platform.releases.folder.glob(".*")) == []
        current = platform.releases.current()
        assert current is not None
        assert self.seen() == self.landed
        with self.instance() as instance:
            key = dg.AssetKey(["published", "tickets_daily"])
            event = instance.get_latest_materialization_event(key)
            days = instance.get_materialized_partitions(dg.AssetKey(["support", "tickets"]))
        assert event is not None
        tags = event.asset_materialization.tags if event.asset_materialization else {}
        assert tags["dagster/data_version"] == current.fingerprints["tickets_daily"]
        assert days == set(files)

    def _assert_loaded_once(self, platform: Platform) -> dict[str, Path]:
        """Check that raw holds what the files say, loaded once, and return them by their days."""
        files = {file.stem: file for file in self._file(FIRST_DAY).parent.glob("*.csv")}
        with platform.warehouse.connect() as connection:
            sql = (
                "select cast(partition as text), fingerprint from _assetops.loads order by load_id"
            )
            loads = connection.execute(sql).fetchall()
            sql = "select cast(_partition as text), ticket_id from raw.tickets order by all"
            rows = connection.execute(sql).fetchall()
        assert len(loads) == len(set(loads))
        # A file that was touched may have come in before, too.
        assert self.touched or len(loads) == len(files)
        assert dict(loads) == {day: file_fingerprint(file) for day, file in files.items()}
        lines = {day: file.read_text().splitlines()[1:] for day, file in files.items()}
        landed = [(day, int(line.split(",")[0])) for day in lines for line in lines[day]]
        assert [(day, int(ticket)) for day, ticket in rows] == sorted(landed)
        return files


def pause(seconds: float) -> None:
    """Let the platform work until a fault strikes: a seeded instant, whatever is under way then."""
    time.sleep(seconds)
