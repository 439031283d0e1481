"""The example shop in Airflow: load what has landed, run dbt by Cosmos, publish the marts.

Twice: as Cosmos does it if nothing is said, with a task for each model and one for its tests
(`ExecutionMode.LOCAL`), and as one `dbt build` that tasks look at (`ExecutionMode.WATCHER`).
"""

import os
from pathlib import Path

from airflow.providers.standard.triggers.file import FileDeleteTrigger
from airflow.sdk import Asset, AssetWatcher, dag, task
from cosmos import (
    DbtTaskGroup,
    ExecutionConfig,
    ExecutionMode,
    ProfileConfig,
    ProjectConfig,
    RenderConfig,
)

SHOP = Path(os.environ["SHOP"])
LANDING, PROJECT = SHOP / "landing", SHOP / "dbt_project"
# dbt's profile reads the same variable.
WAREHOUSE = Path(os.environ["ASSETOPS_WAREHOUSE"])
# DuckDB has one writing process; a pool with one slot is how tasks of Airflow take turns.
POOL = "warehouse"


@task(pool=POOL)
def load() -> None:
    """Load each day that raw does not have, and the tables that land whole, in one transaction."""
    import duckdb

    read = {".csv": "read_csv", ".parquet": "read_parquet", ".jsonl": "read_json"}
    with duckdb.connect(str(WAREHOUSE)) as warehouse:
        warehouse.execute("begin")
        for file in sorted(file for file in LANDING.rglob("*.*") if file.suffix in read):
            daily = file.parent != LANDING
            table = file.parent.name if daily else file.stem
            there = f"from raw.{table} where _partition is not distinct from $1"
            day = file.stem if daily else None
            if daily and warehouse.execute(f"select 1 {there} limit 1", [day]).fetchone():
                continue
            warehouse.execute(f"delete {there}", [day])
            warehouse.execute(
                f"insert into raw.{table} by name select *, $1::date as _partition, "
                "coalesce($1::date + 1, now()::timestamp) as _landed_at, "
                f"epoch_us(now()) as _load_id from {read[file.suffix]}('{file}')",
                [day],
            )
        warehouse.execute("commit")


@task(pool=POOL)
def segments() -> None:
    """Put each customer into a segment, by a rule: the shop of ours trains a model here."""
    import duckdb

    with duckdb.connect(str(WAREHOUSE)) as warehouse:
        warehouse.execute(
            "create or replace table marts.customer_segments as "
            "select customer_id, case when frequency = 0 or recency_days > 60 then 'churned' "
            "when monetary > 1000 then 'high_value' when monetary > 200 then 'medium_value' "
            "else 'low_value' end as segment, 1.0::double as confidence, updated_at "
            "from marts.customer_features"
        )


@task(pool=POOL)
def publish() -> None:
    """Copy the marts into a file of their own, and let consumers see it at once."""
    import duckdb

    made = SHOP / "made.duckdb"
    made.unlink(missing_ok=True)
    with duckdb.connect(str(made)) as release:
        release.execute(f"attach '{WAREHOUSE}' as warehouse (read_only)")
        marts = release.execute(
            "select table_name from duckdb_tables() "
            "where database_name = 'warehouse' and schema_name = 'marts'"
        ).fetchall()
        release.execute("create schema marts")
        for (table,) in marts:
            release.execute(f"create table marts.{table} as from warehouse.marts.{table}")
    made.replace(SHOP / "published.duckdb")


def pipeline(name: str, mode: ExecutionMode) -> None:
    """Make a DAG that follows from a file whose name says that a day is complete."""
    trigger = FileDeleteTrigger(filepath=str(LANDING / f"{name}.complete"))
    landed = Asset(f"{name}_landed", watchers=[AssetWatcher(name=name, trigger=trigger)])
    profile = ProfileConfig(
        profile_name="assetops", target_name="dev", profiles_yml_filepath=PROJECT / "profiles.yml"
    )
    project = ProjectConfig(PROJECT, manifest_path=PROJECT / "target/manifest.json")
    of_models = {"pool": POOL} if mode is ExecutionMode.LOCAL else {}

    def models(group: str, **which: list[str]) -> DbtTaskGroup:
        return DbtTaskGroup(
            group_id=group,
            project_config=project,
            profile_config=profile,
            execution_config=ExecutionConfig(execution_mode=mode),
            # A test of two models would run before the second is made.
            render_config=RenderConfig(should_detach_multiple_parents_tests=True, **which),
            operator_args=of_models,
        )

    @dag(dag_id=name, schedule=[landed], max_active_runs=1)
    def shop() -> None:
        # What Python makes stands between models: the graph is cut by hand.
        before = models("dbt", exclude=["customers+"])
        after = models("dbt_after_segments", select=["customers+"])
        load() >> before >> segments() >> after >> publish()

    shop()


pipeline("shop_local", ExecutionMode.LOCAL)
pipeline("shop_watcher", ExecutionMode.WATCHER)
