"""A GX user's own program: our suite, a stock checkpoint, the published file, and one import."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "quality" / "conformance.md"
SEGMENTS = """
create schema marts;
create table marts.customer_segments as select
  i as customer_id,
  case when i = 3 then 'unknown'
    else ['high_value', 'medium_value', 'low_value', 'churned'][i % 4 + 1] end as segment,
  0.9::double as confidence, timestamp '2026-01-01' as updated_at
from range(20) as t(i)
"""
REPORT = """
import json, sys
(result,) = run.run_results.values()
print(json.dumps([[r.expectation_config.type, r.success, r.result] for r in result.results]))
"""


def test_the_documented_program_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "gx", tmp_path / "gx", ignore=shutil.ignore_patterns("uncommitted"))
    published = tmp_path / "data" / "dev" / "published" / "warehouse.duckdb"
    published.parent.mkdir(parents=True)
    with duckdb.connect(published) as connection:
        connection.execute(SEGMENTS)
    published.chmod(0o444)
    program = PAGE.read_text().partition("```python\n")[2].partition("```")[0]
    done = subprocess.run(
        [sys.executable, "-c", program + REPORT],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "platform")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.strip().splitlines()[-1])
    suite = json.loads((ROOT / "gx/expectations/marts/customer_segments.json").read_text())
    asked = sorted(entry["type"] for entry in suite["expectations"])
    assert sorted(kind for kind, _, _ in results) == asked
    ((kind, result),) = [(kind, result) for kind, success, result in results if not success]
    assert kind == "expect_column_values_to_be_in_set"
    assert result["unexpected_index_list"] == [{"customer_id": 3, "segment": "unknown"}]
    with duckdb.connect(published, read_only=True) as connection:
        found = connection.execute(result["unexpected_index_query"]).fetchall()
    assert found == [(3, "unknown")]
    yml = Path("gx/great_expectations.yml")
    assert (tmp_path / yml).read_bytes() == (ROOT / yml).read_bytes()
