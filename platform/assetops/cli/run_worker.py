"""The process of a run that was forked from the template: Dagster's own, with its log kept open.

`python -m assetops.cli.run_worker ARGUMENTS` does what `dagster api execute_run ARGUMENTS` does.
"""

import os
import sys
from collections.abc import Callable

import dagster as dg
from dagster._cli.api import _execute_run_command_body as execute_run
from dagster._cli.utils import get_instance_for_cli
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import deserialize_value
from dagster._utils.interrupts import capture_interrupts

from assetops.cli.event_log import kept_open


def main(arguments: str) -> int:
    """Execute the run that a launcher describes, and return an exit code."""
    what = deserialize_value(arguments, ExecuteRunArgs)
    with (
        capture_interrupts(),
        get_instance_for_cli(instance_ref=what.instance_ref) as instance,
        kept_open(instance),
    ):
        if announce := _announcement(instance, what.run_id):
            instance.add_event_listener(what.run_id, announce)
        return execute_run(what.run_id, instance, lambda _: None, set_exit_code_on_failure=False)


def _announcement(instance: dg.DagsterInstance, run_id: str) -> Callable[[object], None] | None:
    """Return what tells the UI, which watches the log's file, of an event that is only beside it.

    SQLite writes into the file itself when the last connection closes, or when much has come.
    """
    log = instance.event_log_storage
    if not isinstance(log, SqliteEventLogStorage):
        return None
    path = log.path_for_shard(run_id)
    return lambda _: os.utime(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
