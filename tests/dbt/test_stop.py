"""A build that is stopped within a long query ends at once, and leaves all as it was."""

import os
import select
import signal
from collections.abc import Iterator
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
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
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


@pytest.mark.parametrize(
    ("transport", "number"), [("process", signal.SIGINT), ("subprocess", signal.SIGTERM)]
)
def test_a_stopped_build_leaves_no_lock_and_no_half_built_table(
    school: Path, template: Path, transport: str, number: int
) -> None:
    before = tables(school)
    assert before == {"quick": [(1,)], "slow": [(0,)]}
    (school / "size.csv").write_text("n\n100000\n")
    (school / "began").unlink(missing_ok=True)
    os.mkfifo(school / "began")
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("ASSETOPS_", "DAGSTER_"))},
        **{"PYTHONPATH": str(PLATFORM), "ASSETOPS_DBT_TRANSPORT": transport},
    }
    program = "from assetops.cli import main; main()"
    words = ("-c", program, "build", "--select", "+slow")
    began = os.open(school / "began", os.O_RDONLY | os.O_NONBLOCK)
    process = Process(template, *words, folder=school, environment=environment)
    assert select.select([began], [], [], 60)[0], process.communicate(timeout=60)

    os.kill(process.pid, number)
    said, problems = process.communicate(timeout=60)

    os.close(began)

    assert process.returncode == 2, said + problems
    assert "It was stopped." in said
    assert "Traceback" not in problems
    # What was built until then is told.
    assert said.splitlines()[0].split() == ["quick"]
    assert tables(school) == before
    assert (school / "data/dev/dev.lock").read_text() == ""
    (school / "size.csv").write_text("n\n0\n")
    (school / "began").unlink()
    assert build(school, select="+slow").exit_code == 0
