"""Settings are read once, and a mistake in one is a sentence."""

from datetime import datetime
from pathlib import Path

import pytest

from assetops.errors import ConfigError
from assetops.settings import load_settings


def test_with_nothing_set_it_is_the_development_environment(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    assert settings.env == "dev"
    assert settings.warehouse == tmp_path / "data/dev/dev.duckdb"
    assert settings.landing_dir == tmp_path / "data/dev/landing"
    assert settings.ledger == f"sqlite:///{tmp_path}/data/dev/ledger.db"
    assert not settings.follows_the_clock


def test_each_environment_has_files_of_its_own(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"ASSETOPS_ENV": "prod", "ASSETOPS_DATA": "/srv/shop"})
    assert settings.warehouse == Path("/srv/shop/prod/prod.duckdb")
    assert settings.follows_the_clock


def test_an_unknown_environment_is_an_error_and_no_fallback(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ASSETOPS_ENV: .*'dev', 'ci', 'staging' or 'prod'"):
        load_settings(tmp_path, {"ASSETOPS_ENV": "production"})


def test_an_unknown_setting_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ASSETOPS_RELEASE_KEPT .*mean ASSETOPS_RELEASES_KEPT"):
        load_settings(tmp_path, {"ASSETOPS_RELEASE_KEPT": "3"})


def test_a_bad_value_is_never_repeated_since_it_may_be_a_secret(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ASSETOPS_WAREHOUSE_WAIT") as caught:
        load_settings(tmp_path, {"ASSETOPS_WAREHOUSE_WAIT": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_as_of_can_be_set(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"ASSETOPS_AS_OF": "2026-01-31 06:00:00"})
    assert settings.as_of == datetime(2026, 1, 31, 6)


def test_a_setting_may_be_written_and_the_environment_outranks_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.assetops]\nlanding = "in"\nreleases_kept = 3\n')
    settings = load_settings(tmp_path, {"ASSETOPS_RELEASES_KEPT": "5"})
    assert (settings.landing_dir, settings.releases_kept) == (tmp_path / "in", 5)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('landng = "in"', r"pyproject\.toml: tool\.assetops\.landng is no.*mean landing\?"),
        ("releases_kept = 0", r"pyproject\.toml: tool\.assetops\.releases_kept: Input should be"),
        ("warehouse_file = 1", r"warehouse_file is no setting"),
        ("landing =", r"pyproject\.toml cannot be read: Invalid value \(at line 2"),
    ],
)
def test_a_mistake_in_what_is_written_names_file_and_key(
    tmp_path: Path, written: str, said: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.assetops]\n{written}\n")
    with pytest.raises(ConfigError, match=said):
        load_settings(tmp_path, {})


def test_a_pyproject_that_only_speaks_of_settings_has_none(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\n# See [tool.assetops]\nname = 'x'\n")
    assert load_settings(tmp_path, {}).landing is None


def test_variables_for_dbt_are_json_or_a_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.assetops]\ndbt_vars = {country = "ca"}\n')
    assert load_settings(tmp_path, {}).dbt_vars == '{"country": "ca"}'
    given = load_settings(tmp_path, {"ASSETOPS_DBT_VARS": '{"country":"de"}'})
    assert given.dbt_vars == '{"country": "de"}'
    for wrong in ("country: ca", '["ca"]'):
        with pytest.raises(ConfigError, match=r"^ASSETOPS_DBT_VARS: expected .* JSON object"):
            load_settings(tmp_path, {"ASSETOPS_DBT_VARS": wrong})
