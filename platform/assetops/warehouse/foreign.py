"""A DuckDB file that another project writes: opened to be read, beside whoever has it open."""

import time
from pathlib import Path

import duckdb

from assetops.errors import CheckCouldNotRun, WarehouseBusy
from assetops.warehouse.duckdb import Connection, is_lock_conflict, who_holds
from assetops.warehouse.lock import POLL_SECONDS

PATIENCE_SECONDS = 60.0


def open_beside(path: str | Path | None, *, wait: float = PATIENCE_SECONDS) -> Connection:
    """Return a connection that reads a DuckDB file, and has temporary tables of its own.

    Args:
        path: The file; None for a database in memory, which has nothing but temporary tables.
        wait: How many seconds to wait for a process that writes the file.

    Raises:
        CheckCouldNotRun: The file is not there, or is no DuckDB database.
        WarehouseBusy: Another process kept it open for writing.
    """
    if path is None:
        return duckdb.connect()
    if not Path(path).is_file():
        raise CheckCouldNotRun(
            f"{path} is not there to be checked. Materialise what makes it first."
        )
    deadline = time.monotonic() + wait
    while True:
        try:
            return _connect(path)
        except duckdb.IOException as error:
            if not is_lock_conflict(error):
                raise CheckCouldNotRun(f"{path} cannot be opened: {error}") from None
            if time.monotonic() >= deadline:
                raise WarehouseBusy(
                    f"{path} is open for writing in {who_holds(error)}. Close it there, try again."
                ) from None
            time.sleep(POLL_SECONDS)


def _connect(path: str | Path) -> Connection:
    try:
        # To read only: the checks of several assets can then run in processes of their own.
        return duckdb.connect(path, read_only=True)
    except duckdb.ConnectionException:
        # This process has it open for writing, and DuckDB wants all its connections to be alike.
        return duckdb.connect(path)
