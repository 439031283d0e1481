"""The process of a run that was forked from the template: Dagster's own.

`python -m assetops.cli.run_worker ARGUMENTS` does what `dagster api execute_run ARGUMENTS` does.
"""

import sys

from dagster._cli.api import _execute_run_command_body as execute_run
from dagster._cli.utils import get_instance_for_cli
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import deserialize_value
from dagster._utils.interrupts import capture_interrupts

from assetops.resident.coordinator import tell_queue


def main(arguments: str) -> int:
    """Execute the run that a launcher describes, and return an exit code."""
    what = deserialize_value(arguments, ExecuteRunArgs)
    with capture_interrupts(), get_instance_for_cli(instance_ref=what.instance_ref) as instance:
        code = execute_run(what.run_id, instance, lambda _: None, set_exit_code_on_failure=False)
        # What waits for this run to end need not wait longer.
        tell_queue(instance)
        return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
