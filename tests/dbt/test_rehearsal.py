"""A template has rehearsed, and what dbt rehearses leaves nothing but what it has learned."""

from pathlib import Path

from tests.processes import PLATFORM, run

REHEARSAL = """
import os
from pathlib import Path
from dbt_common.clients.jinja import template_cache
from dbt.adapters.factory import FACTORY
from assetops.dbt.rehearsal import rehearse

def state():
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")), dict(os.environ)

print(any("duckdb__create_table_as" in sql for sql in template_cache.file_cache))
before = state()
rehearse()
print(state() == before, os.environ["DBT_TARGET"], FACTORY.adapters)
print(Path("/proc/self/task", str(os.getpid()), "children").read_text().split())
"""


def test_it_leaves_no_thread_no_process_and_no_connection(template: Path, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(PLATFORM), "DBT_TARGET": "prod", "TMPDIR": str(tmp_path)}
    done = run(template, "-c", REHEARSAL, folder=tmp_path, environment=environment)
    assert done.stdout.splitlines() == ["True", "True prod {}", "[]"], done.stdout + done.stderr
    assert "leaked semaphore" not in done.stderr
    assert list(tmp_path.iterdir()) == []
