"""dbt's lines as its command prints them, for whoever reads the log of a step."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from assetops.dbt.results import PRINTED

# On a run that lives and ends with the process of a command, the environment that it works in: its
# console shows what the run does in its own way, and Dagster's compute log is what it prints.
PROCESS_TAG = "assetops/process_in"


@dataclass(frozen=True)
class Lines:
    """A log beside dbt's artifacts, and if `aloud` also in the compute log of the step."""

    file: TextIO
    aloud: bool

    def add(self, level: str, at: str, message: str) -> None:
        """Add what dbt would print; `at` is the event's time as ISO text."""
        if level in PRINTED and message.strip():
            self.print(f"{at[11:19]}  {message}")

    def print(self, text: str) -> None:
        """Add a line as it is."""
        print(text, file=self.file, flush=True)
        if self.aloud:
            print(text, flush=True)


@contextmanager
def lines(folder: Path, *, aloud: bool) -> Iterator[Lines]:
    """Open the log of an invocation in the folder of its artifacts, after earlier attempts' lines.

    dbt has formatted each event anyway; its own log would format debug events as well.
    """
    with (folder / "dbt.log").open("a") as file:
        yield Lines(file, aloud)
