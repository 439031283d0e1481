"""`assetops init`: around a dbt project that knows nothing of us, and around the example."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
import yaml
from click.testing import CliRunner

from assetops.cli import run
from assetops.warehouse import open_read_only

pytestmark = pytest.mark.usefixtures("warm_dbt")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Where its own profile has dbt write.
WRITTEN = "ext"
SUITE = {
    "name": "Legacy-App.Orders",
    "expectations": [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "order_id", "min_value": 1},
            "severity": "critical",
            "notes": "Orders are counted from one.",
        }
    ],
}


def say(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `assetops …` in a folder, in this process."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        with CliRunner().isolation() as (out, err, _):
            code = run(words)
        said, failed = (" ".join(s.getvalue().decode().split()) for s in (out, err))
    finally:
        os.chdir(before)
    return subprocess.CompletedProcess(words, code, said, failed)


def state(project: Path) -> dict[str, str]:
    """Return every file and folder of a dbt project, save what its own profile has dbt write."""
    return {
        str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in sorted(project.rglob("*"))
        if WRITTEN not in path.relative_to(project).parts
    }


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A foreign dbt project whose sources are in the warehouse and in a file beside it."""
    project = tmp_path_factory.mktemp("foreign") / "acme"
    shutil.copytree(HERE / "acme", project)
    (project / WRITTEN).mkdir()
    with duckdb.connect(project / WRITTEN / "my.acme-db.duckdb") as connection:
        connection.execute(
            "create schema legacy; create table legacy.orders as "
            "select 1 as order_id, 1 as person, timestamp '2024-01-01' as placed_at"
        )
    with duckdb.connect(project / WRITTEN / "other.duckdb") as connection:
        connection.execute("create table rates as select 1.5 as rate")
    return project


@pytest.fixture(scope="module")
def built(acme: Path) -> Path:
    """The platform around it, built once; `said.json` is what the commands have printed."""
    before, root = state(acme), acme.parent / "platform_of_acme"
    where = ("--dbt-project", "acme", "--profiles-dir", "acme/profiles")
    missed = say(acme.parent, "init", root.name, *where)
    assert (missed.returncode, root.exists()) == (2, False)
    assert "Required var 'stage' not found" in missed.stderr
    made = say(acme.parent, "init", root.name, *where, "--vars", '{"stage": "Stag-ing"}')
    assert made.returncode == 0, made.stderr
    suite = root / "gx/expectations/Legacy-App/Orders.json"
    suite.parent.mkdir()
    suite.write_text(json.dumps(SUITE))
    done = say(root, "build")
    assert done.returncode == 0, done.stdout + done.stderr
    assert state(acme) == before
    (root / "data" / "said.json").write_text(json.dumps([made.stdout, done.stdout]))
    return root


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run `assetops init desk …` beside a folder `shop` with a small dbt project."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")

    def init(*words: str, profile: str | None = None) -> subprocess.CompletedProcess[str]:
        if profile is not None:
            (tmp_path / "shop" / "profiles.yml").write_text(profile)
        return say(tmp_path, "init", *words)

    yield init
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "full") == ["shop"]


def test_it_says_what_it_found_and_what_will_be_published_and_why(built: Path) -> None:
    made, done = json.loads((built / "data" / "said.json").read_text())
    for part in (
        "acme: 3 sources, 1 seed, 15 models, 2 snapshots, 11 tests, 1 unit test, 1 exposure",
        "ext/my.acme-db.duckdb, target local",
        "published/Dim_People nothing is built from it",
        "published/dim_date the exposure board reads it",
        "Next: cd platform_of_acme && assetops build",
    ):
        assert part in made
    # Its dbt test, and its suite: nobody here makes it, and it is checked all the same.
    assert "Legacy-App/Orders 2 passed" in done
    assert "Fin_Ance/Dim_People: accepted_values_Dim_People_n__99 warned" in done


def test_what_looks_like_a_mart_is_published_and_nothing_else(built: Path) -> None:
    with open_read_only(built / "data/dev/published/warehouse.duckdb") as connection:
        names = connection.execute("select table_name from duckdb_tables()").fetchall()
        people = connection.execute("select * from marts.Dim_People order by id").fetchall()
        dates = connection.execute("select origin, rate from marts.dates order by all").fetchall()
    # Not the ephemeral one, not the time spine, no seed, no snapshot, nothing of the package.
    assert {name for (name,) in names} == {
        *("Dim_People", "dates", "dim_cust_v1", "dim_cust_v2"),
        *("dim_date", "ext_out", "file_mart", "inc", "py_model"),
    }
    assert people == [(1, "Ann", 1), (2, "Bob", 0)]
    assert dates == [("own", 1.5), ("pkg", 0)]


def test_nothing_of_ours_is_in_its_warehouse(built: Path, acme: Path) -> None:
    with open_read_only(acme / WRITTEN / "my.acme-db.duckdb") as connection:
        found = connection.execute(
            "select distinct schema_name from duckdb_tables() where not internal"
        ).fetchall()
    ours = {"Main Schema", "legacy", "main"}
    theirs = {"acme_local_raw", "acme_local_snaps", "acme_local_Fin Ance"}
    assert {name for (name,) in found} == ours | theirs


def test_commands_work_where_nothing_is_ingested_and_nothing_is_partitioned(built: Path) -> None:
    checked = say(built, "check", "Fin_Ance/Dim_People")
    shown = say(built, "show", "published/dates")
    healthy = say(built, "doctor")
    refused = say(built, "build", "--partition", "2026-01-01")
    assert (checked.returncode, shown.returncode, healthy.returncode) == (0, 0, 0), healthy.stdout
    assert "people_are_unique_ passed" in checked.stdout
    assert "because nothing is built from it" in shown.stdout
    assert "no source takes in files" in healthy.stdout
    assert (refused.returncode, refused.stderr) == (
        2,
        "--partition 2026-01-01: no dataset here has partitions.",
    )


@pytest.mark.parametrize(
    ("words", "profile", "parts"),
    [
        (["--dbt-project", "nowhere"], "", ["nowhere is not there"]),
        (["--dbt-project", "shop/dbt_project.yml"], "", ["is a file"]),
        (["--dbt-project", "."], "", [". has no dbt_project.yml", "Did you mean shop?"]),
        (
            ["--dbt-project", "shop"],
            None,
            ["profiles.yml is not there", "type: duckdb, path: shop"],
        ),
        (["--dbt-project", "shop"], "shop: [", ["profiles.yml cannot be read"]),
        (["--dbt-project", "shop"], "shp: {}", ["has no profile shop", "Did you mean shp?"]),
        (
            ["--dbt-project", "shop", "--target", "prod"],
            "shop: {outputs: {dev: {type: duckdb}}}",
            ["shop/profiles.yml: profile shop has no target prod; it has dev", "ASSETOPS_TARGET"],
        ),
        (
            ["--dbt-project", "shop"],
            "shop: {outputs: {dev: {type: snowflake}}}",
            ["profile shop, target dev is of type snowflake", "`type: duckdb`"],
        ),
        (
            ["--dbt-project", "shop"],
            "shop: {outputs: {dev: {type: bigquery}, here: {type: duckdb, path: x.duckdb}}}",
            ["is of type bigquery", "Its targets in DuckDB files: here.", "--target"],
        ),
        (["--dbt-project", "shop"], "shop: {outputs: {dev: {type: duckdb}}}", ["is in memory"]),
        (
            ["--dbt-project", "shop"],
            "shop: {outputs: {dev: {type: duckdb, path: 'md:x'}}}",
            ["is not a file on this machine"],
        ),
        (
            ["--dbt-project", "shop"],
            """shop: {outputs: {dev: {type: duckdb, path: "{{ env_var('NO_SUCH') }}"}}}""",
            ["needs the environment variable NO_SUCH"],
        ),
    ],
)
def test_what_cannot_be_is_a_sentence_and_nothing_is_written(
    alone: Callable[..., subprocess.CompletedProcess[str]],
    words: list[str],
    profile: str | None,
    parts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "shop"))
    said = alone("desk", *words, profile=profile)
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    assert [part for part in parts if part not in said.stderr] == []


def test_a_folder_with_something_in_it_stays_as_it_is(
    alone: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    said = alone("full", "--dbt-project", "shop")
    inside = alone("shop/desk", "--dbt-project", "shop")
    assert (said.returncode, inside.returncode) == (2, 2)
    assert "full is not empty: it has mine.txt" in said.stderr
    assert "is inside the dbt project" in inside.stderr
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_a_profile_above_the_project_is_found_as_dbt_would_find_it_there(
    alone: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "shop" / "transform").mkdir()
    (tmp_path / "shop" / "dbt_project.yml").rename(tmp_path / "shop/transform/dbt_project.yml")
    wrong = "shop: {outputs: {dev: {type: redshift}}}"
    said = alone("desk", "--dbt-project", "shop/transform", profile=wrong)
    assert said.returncode == 2
    assert f"{tmp_path}/shop/profiles.yml: profile shop, target dev is of type" in said.stderr


def test_a_project_that_does_not_parse_is_named_in_dbts_words(
    alone: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "shop" / "packages.yml").write_text("packages: [{local: ../nowhere}]\n")
    said = alone(
        *("desk", "--dbt-project", "shop"),
        profile="shop: {outputs: {dev: {type: duckdb, path: shop.duckdb}}, target: dev}",
    )
    assert said.returncode == 2
    assert 'Run "dbt deps" to install package dependencies' in said.stderr
    assert said.stderr.endswith(f"In {tmp_path}/shop run: dbt deps")


def test_a_dbt_project_that_has_moved_is_missed_once_and_by_name(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.assetops]\ndbt_project_dir = "../shop"\n')
    shutil.copy2(ROOT / "dagster.yaml", tmp_path)
    told, failed = say(tmp_path, "doctor"), say(tmp_path, "build")
    missed = f"{tmp_path.parent}/shop/dbt_project.yml is not there."
    assert (told.returncode, failed.returncode) == (2, 2)
    assert told.stdout.count(missed) == 1
    assert failed.stderr.startswith(f"{missed} Name the dbt project's folder: dbt_project_dir")


def test_the_example_runs(tmp_path: Path) -> None:
    made = say(tmp_path, "init", "desk")
    done = say(tmp_path / "desk", "build")
    assert (made.returncode, done.returncode) == (0, 0), done.stdout + done.stderr
    with open_read_only(tmp_path / "desk/data/dev/published/warehouse.duckdb") as connection:
        rows = connection.execute("select sum(tickets) from marts.tickets_daily").fetchall()
    assert rows == [(8,)]


def test_what_every_platform_has_is_what_the_repository_has() -> None:
    starter = ROOT / "platform/assetops/cli/starter/root"
    ours, theirs = (
        yaml.safe_load((place / "great_expectations.yml").read_text())
        for place in (ROOT / "gx", starter)
    )
    assert {**theirs, "data_context_id": ours["data_context_id"]} == ours
    ours, theirs = (
        yaml.safe_load((place / "dagster.yaml").read_text()) for place in (ROOT, starter)
    )
    # What the example's own Python assets import is nobody else's.
    assert ours["run_launcher"]["config"].pop("imports")
    assert theirs["run_launcher"]["config"].pop("imports") == []
    assert theirs == ours
