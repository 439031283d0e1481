"""Builds that kill themselves in the middle: at a call of a function after something of the run.

Each line that is read is one build, `ROOT AFTER FUNCTION TEXT`: once the step AFTER has started, or
the asset AFTER is there, it dies as soon as the function is called with the text among its
arguments; at once if no function is named. Each line that is written says how the build ended. The
engines are imported once, and each build is a process forked from this one.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

# What the steps import for themselves.
import dagster_dbt  # noqa: F401
import dbt.adapters.duckdb
import dbt.cli.main  # noqa: F401
import sklearn.ensemble  # noqa: F401
from rich.console import Console

import assetops.quality.engine  # noqa: F401
from assetops.build import build_definitions
from assetops.cli.progress import Progress
from assetops.cli.running import run_build
from assetops.opened import open_platform
from retail.segments import customer_segments


class Deadly(Progress):
    """Listens to the run, and kills its process at the given instant."""

    def __init__(self, after: str, function: str, text: str) -> None:
        super().__init__(Console(quiet=True))
        self.after, self.function, self.text = after, function, text

    def __call__(self, entry: Any) -> None:
        super().__call__(entry)
        event = entry.dagster_event
        if event is None:
            return
        started = event.is_step_start and event.step_key == self.after
        there = event.is_step_materialization and event.asset_key.to_user_string() == self.after
        if (started or there) and not self.function:
            die()
        if started or there:
            # dbt works in threads of its own, which start later.
            threading.setprofile(self.watch)
            sys.setprofile(self.watch)

    def watch(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_name == self.function:
            if self.text in " ".join(map(str, frame.f_locals.values())):
                die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def build(root: Path, after: str, function: str, text: str) -> int:
    """Build in a forked process and return how it ended: -9 if it was killed."""
    child = os.fork()
    if child == 0:
        os.chdir(root)
        definitions = build_definitions(root, assets=[customer_segments])
        outcome = run_build(open_platform(root), definitions, Deadly(after, function, text))
        for failure in outcome.failures:
            print(failure.reason, file=sys.stderr, flush=True)
        os._exit(outcome.exit_code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


print("ready", flush=True)
for line in sys.stdin:
    root, after, function, text = line.rstrip("\n").split("\t")
    print(build(Path(root), after, function, text), flush=True)
