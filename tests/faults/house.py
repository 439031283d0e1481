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
from tests.faults.server import Server

from assetops.build import open_platform
from assetops.cli.instance import open_instance
from assetops.resident.launcher import FORKED_TAG
from assetops.settings import load_settings
from assetops.warehouse import open_read_only

PLATFORM = Path(__file__).parents[2] / "platform"
FIRST_DAY = date(2026, 1, 8)
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
up.supervise([Part("daemon", ["assetops.cli.daemon", "workspace.yaml"])], load_settings(Path.cwd()))
"""
# Seconds: on a machine that has other work, too.
_PATIENCE = 150
_DAEMON, _CODE_SERVER = "assetops.cli.part", "dagster\0api\0grpc"


class House:
    """A root, and the processes that work on it."""

    def __init__(
        self, root: Path, environment: Mapping[str, str], server: Server | None = None
    ) -> None:
        self.root, self.server, self.days = root, server, 0
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("ASSETOPS_", "DAGSTER_"))}
        self.environment = {**clean, "PYTHONPATH": str(PLATFORM), **environment}
        self.landed = self._tickets()
        self.process: subprocess.Popen[bytes] | None = None

    def _tickets(self) -> int:
        files = (self.root / "landing/support/tickets").glob("*.csv")
        return sum(len(file.read_text().splitlines()) - 1 for file in files)

    def start(self) -> None:
        """Start what `assetops up` starts; what it says is in a file."""
        with (self.root / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", UP],
                cwd=self.root,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Stop it as systemd does."""
        if self.process:
            self.process.terminate()
            assert self.process.wait(timeout=60) == 0
            self.process = None
        assert self.processes("") == []

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
        self._write(bad)

    def mend(self) -> None:
        """Let the file of the last day land again, as it should have been."""
        self._write(bad=False)

    def _write(self, bad: bool) -> None:
        day = FIRST_DAY + timedelta(days=self.days - 1)
        topics = ("delivery", "refund", "weather" if bad else "other")
        first = self.days * 1000
        rows = [f"{first + n},7,{day} 0{n % 9}:15:00,{topics[n % 3]}" for n in range(TICKETS)]
        file = self.root / f"landing/support/tickets/{day}.csv"
        hidden = file.with_name(f".{file.name}")
        hidden.write_text("\n".join(["ticket_id,customer_id,opened_at,topic", *rows, ""]))
        hidden.rename(file)
        self.landed += 0 if bad else TICKETS

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
            said = (self.root / "up.log").read_text(errors="replace")[-6000:]
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
        with platform.warehouse.connect() as connection:
            sql = "select source, partition, fingerprint from _assetops.loads"
            loads = connection.execute(sql).fetchall()
        # Every batch that landed came in once, or was held back.
        assert len(loads) == len(set(loads)) == 3 + self.days
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
        assert len(days) == 3 + self.days


def pause(seconds: float) -> None:
    """Let the platform work until a fault strikes: a seeded instant, whatever is under way then."""
    time.sleep(seconds)
