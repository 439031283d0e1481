"""The target and the warehouse are those that dbt would take, without asking dbt."""

from pathlib import Path
from typing import Any

import pytest

from assetops.dbt.profiles import Profile, located, read_profile
from assetops.errors import ConfigError
from assetops.settings import Settings

TARGETS = """
shop:
  target: "{{ env_var('SHOP_TARGET', 'local') }}"
  outputs:
    local: {type: duckdb, path: "{{ env_var('SHOP_DB', 'files/shop.duckdb') }}"}
    prod: {type: duckdb, path: /srv/shop/prod.duckdb}
    other: {type: "{{ 'duck' ~ 'db' }}", path: ../other.duckdb}
"""


def profile(root: Path, text: str = TARGETS, **chosen: Any) -> Profile:
    """Return what is read where the project is in `dbt`, with its profile beside it."""
    project = root / "dbt"
    project.mkdir(exist_ok=True)
    (project / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (project / "profiles.yml").write_text(text)
    return read_profile(Settings(root=root, dbt_project_dir=Path("dbt"), **chosen))


def test_the_target_is_that_asked_for_or_of_the_environment_or_the_profiles_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert profile(tmp_path).target == "local"
    assert profile(tmp_path, env="prod").target == "prod"
    assert profile(tmp_path, env="prod", target="other").target == "other"
    monkeypatch.setenv("SHOP_TARGET", "other")
    assert profile(tmp_path).target == "other"


def test_a_relative_path_begins_where_dbt_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert profile(tmp_path).warehouse == tmp_path / "dbt/files/shop.duckdb"
    assert profile(tmp_path, dbt_start_dir=".").warehouse == tmp_path / "files/shop.duckdb"
    assert profile(tmp_path, target="other").warehouse == tmp_path / "other.duckdb"
    assert profile(tmp_path, env="prod").warehouse == Path("/srv/shop/prod.duckdb")
    monkeypatch.setenv("SHOP_DB", str(tmp_path / "x.duckdb"))
    assert profile(tmp_path).warehouse == tmp_path / "x.duckdb"


def test_a_profile_that_takes_our_path_leaves_the_warehouse_where_it_is(tmp_path: Path) -> None:
    ours = "shop: {outputs: {dev: {type: duckdb, path: \"{{ env_var('ASSETOPS_WAREHOUSE') }}\"}}}"
    settings = Settings(root=tmp_path)
    found = located(settings, profile(tmp_path, ours))
    assert (found.warehouse, found.warehouse_file) == (settings.warehouse, None)
    foreign = located(settings, profile(tmp_path))
    assert (foreign.warehouse, foreign.catalog) == (tmp_path / "dbt/files/shop.duckdb", "shop")


def test_a_file_is_shared_with_dbt_where_the_profile_says_no_more_than_which(
    tmp_path: Path,
) -> None:
    said = "shop: {{outputs: {{dev: {{type: duckdb, path: shop.duckdb, threads: 2{}}}}}}}"
    assert profile(tmp_path, said.format("")).plain
    assert not profile(tmp_path, said.format(", config_options: {threads: 1}")).plain


def test_our_connections_are_told_what_dbts_are(tmp_path: Path) -> None:
    told = """
shop:
  outputs:
    dev:
      type: duckdb
      path: shop.duckdb
      settings: {timezone: "it's UTC", memory_limit: 3GB}
      extensions: [json, {name: spatial, repo: community}]
      attach:
        - {path: rates.duckdb, alias: rates}
        - {path: "postgres:host=db", type: postgres, read_only: false}
"""
    read = profile(tmp_path, told)
    assert located(Settings(root=tmp_path), read).memory_limit == "3GB"
    assert located(Settings(root=tmp_path), profile(tmp_path)).memory_limit == "80%"
    assert read.session == (
        "set \"timezone\" = 'it''s UTC'",
        "set \"memory_limit\" = '3GB'",
        'load "json"',
        'load "spatial"',
        f"attach if not exists '{tmp_path}/dbt/rates.duckdb' as \"rates\" (read_only)",
        "attach if not exists 'postgres:host=db' (read_only, type \"postgres\")",
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("shop: [dev]", "expected keys and values, found list"),
        ("shop: {outputs: {dev: {type: duckdb, path: '{{ nonsense('}}}", "{{ nonsense("),
        ("shop: {outputs: {dev: {type: duckdb, path: '{{ var(1) }}'}}}", "needs the variable 1"),
        ("shop: {outputs: {dev: {type: duckdb, path: 'ducklake:x'}}}", "is a DuckLake"),
    ],
)
def test_a_profile_that_dbt_could_not_read_is_named(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(ConfigError, match=r"dbt/profiles\.yml.*") as caught:
        profile(tmp_path, text)
    assert part in str(caught.value)
