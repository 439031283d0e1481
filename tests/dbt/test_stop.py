"""A build that is stopped within a long query ends at once, and leaves all as it was."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from tests.dbt.school import build, make_school
from tests.processes import PLATFORM, Process

pytestmark = pytest.mark.no_cover

# Nothing while the file says 0, and more than anybody waits for while it says 100,000.
SLOW = """{{{{ config(pre_hook="copy (select 1) to '{began}' (format csv, use_tmp_file false)") }}}}
with many as (select unnest(range(n)) as i from read_csv('{size}', header = true))
select count(*) as n from many a, many b, many c, {{{{ ref('quick') }}}}
"""


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory, warm_dbt: None) -> Iterator[Path]:
    root, before = tmp_path_factory.mktemp("school"), Path.cwd()
    slow = SLOW.format(began=root / "began", size=root / "size.csv")
    make_school(root, quick="select 1 as n", slow=slow)
    os.chdir(root)
    (root / "size.csv").write_text("n\n0\n")
    assert build(root, select="+slow").exit_code == 0
    yield root
    os.chdir(before)


def tables(root: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the content of each table; the file can be opened only if nobody has it."""
    with duckdb.connect(root / "dbt_project/school.duckdb") as connection:
        names = connection.execute("select table_name from duckdb_tables()").fetchall()
        return {name: connection.execute(f"from {name}").fetchall() for (name,) in names}


@contextmanager
def slow_build(root: Path, template: Path, transport: str) -> Iterator[Process]:
    """A build that is in the middle of a query; what is built once it has gone is quick again."""
    (root / "size.csv").write_text("n\n100000\n")
    (root / "began").unlink(missing_ok=True)
    os.mkfifo(root / "began")
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("ASSETOPS_", "DAGSTER_"))},
        **{"PYTHONPATH": str(PLATFORM)},
        **({"ASSETOPS_DBT_TRANSPORT": transport} if transport != "beside" else {}),
    }
    program = "from assetops.cli import main; main()"
    if transport == "beside":
        # A cold command has one; this comes from a process that has imported dbt.
        program = f"from assetops.dbt import early; early._workers += [early.start()]; {program}"
    words = ("-c", program, "build", "--select", "+slow")
    began = os.open(root / "began", os.O_RDONLY | os.O_NONBLOCK)
    process = Process(template, *words, folder=root, environment=environment)
    assert select.select([began], [], [], 60)[0], process.communicate(timeout=60)
    yield process
    os.close(began)
    (root / "size.csv").write_text("n\n0\n")
    (root / "began").unlink()
    assert build(root, select="+slow").exit_code == 0


@pytest.mark.parametrize(
    ("transport", "number"),
    [("process", signal.SIGINT), ("subprocess", signal.SIGTERM), ("beside", signal.SIGINT)],
)
def test_a_stopped_build_leaves_no_lock_and_no_half_built_table(
    school: Path, template: Path, transport: str, number: int
) -> None:
    before = tables(school)
    assert before == {"quick": [(1,)], "slow": [(0,)]}
    with slow_build(school, template, transport) as process:
        os.kill(process.pid, number)
        said, problems = process.communicate(timeout=60)

        assert process.returncode == 2, said + problems
        assert "It was stopped." in said
        assert "Traceback" not in problems
        # What was built until then is told.
        assert said.splitlines()[0].split() == ["quick"]
        assert tables(school) == before
        assert (school / "data/dev/dev.lock").read_text() == ""


def test_dbt_beside_a_build_that_is_killed_goes_with_it(school: Path, template: Path) -> None:
    before = tables(school)
    with slow_build(school, template, "beside") as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        (worker,) = (pid for pid in children if b"dbt.worker" in cmdline(pid))
        ended = os.pidfd_open(int(worker))
        os.kill(process.pid, signal.SIGKILL)

        assert select.select([ended], [], [], 60)[0]
        os.close(ended)
        assert tables(school) == before


def cmdline(pid: str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
