"""Raw, journal and what is held back are one: a load that is killed leaves all of them, or none."""

import os
import signal
from pathlib import Path

import pytest
from tests.processes import run

# In processes of its own, of what other tests measure already.
pytestmark = pytest.mark.no_cover

REPO = Path(__file__).parents[2]
OLD, NEW = "5 0 1", "3 2 1"
INSTANTS = {
    # The partition is deleted, its rows are not in yet.
    ("return", "prepare_raw"): OLD,
    # They are in, the journal does not know.
    ("call", "record"): OLD,
    # It knows, and no row is held back yet.
    ("call", "settle"): OLD,
    ("call", "_keep"): OLD,
    # All is written, and not committed.
    ("return", "settle"): OLD,
    # Committed, and nobody has been told.
    ("call", "record_results"): NEW,
}


def test_after_a_kill_what_landed_is_what_is_loaded_held_and_discarded(
    template: Path, tmp_path: Path
) -> None:
    path = f"{REPO / 'platform'}{os.pathsep}{REPO}"
    script = Path(__file__).with_name("killed_load.py")
    words = [str(script), str(tmp_path), *(word for instant in INSTANTS for word in instant)]
    done = run(template, *words, folder=REPO, environment={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{-signal.SIGKILL} {there} {NEW} " for there in INSTANTS.values()
    ]
