"""The process beside a command that calls dbt in it: `python -m assetops.dbt.worker DESCRIPTOR`.

It ends when its standard input does, which is when the process that has started it ends, however.
"""

import importlib
import os
import signal
import sys
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

IMPORTS = ("dbt.cli.main", "dbt.task.build", "dbt.adapters.duckdb", "google.protobuf.json_format")


def main(descriptor: int) -> None:
    """Import dbt, and do one order after another."""
    Thread(target=_end_with_parent, daemon=True).start()
    # What is not installed is missed by the order that needs it.
    for name in IMPORTS:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    _trust()
    with Connection(descriptor) as connection:
        while True:
            try:
                order = connection.recv()
            except EOFError:
                return
            _do(connection, *order)


def _trust() -> None:
    """Have dbt not validate its project and profile, which it parsed as they are.

    It makes a JSON schema of each of its classes for that, half of the time it takes to begin.
    """
    with suppress(ImportError, AttributeError):
        from dbt_common.dataclass_schema import dbtClassMixin

        assert callable(dbtClassMixin.validate)
        dbtClassMixin.validate = staticmethod(_hold_true)  # type: ignore[assignment]


def _hold_true(_: Any) -> None:
    return


def _do(
    connection: Connection,
    settings: Any,
    arguments: Any,
    run_id: str,
    artifacts: Any,
    aloud: bool,
    nodes: Any,
) -> None:
    from assetops.dbt.inside import Inside
    from assetops.dbt.lines import lines
    from assetops.errors import TransformError

    with lines(artifacts, aloud=aloud) as log:
        inside = Inside(settings, arguments, run_id, artifacts, log, nodes=nodes)
        try:
            with closing(inside.events()) as events:
                for event in events:
                    connection.send((event, None, None))
        except TransformError as error:
            connection.send((None, {}, str(error)))
        else:
            connection.send((None, inside.results, None))


def _end_with_parent() -> None:
    sys.stdin.read()
    # As if it were killed: the database undoes what was not committed.
    os._exit(1)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except KeyboardInterrupt:
        # It was told to stop, and has stopped dbt.
        os._exit(-signal.SIGINT & 0x7F)
    os._exit(0)
