"""Every environment variable, read once at the edge and passed inward as one frozen object."""

import os
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assetops.errors import CheckCouldNotRun, ConfigError, did_you_mean, sentence
from assetops.model.places import Place
from assetops.model.variables import Variables
from assetops.settings_file import written_settings

# With less, the uniqueness of fifty million rows is counted in twice as many parts.
SUITE_MEMORY = 45


class Environment(StrEnum):
    """The declared environments; there is no fallback for an unknown one."""

    DEV = "dev"
    CI = "ci"
    STAGING = "staging"
    PROD = "prod"


class Settings(BaseModel):
    """What an installation may choose.

    Every field is the environment variable ASSETOPS_<FIELD>, or a key of `[tool.assetops]` in the
    root's pyproject.toml; the environment outranks the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path
    env: Environment = Environment.DEV
    data: Path = Field(default=Path("data"), description="Where data lives, relative to the root.")
    dbt_project_dir: Path = Field(
        default=Path("dbt_project"), description="The dbt project, relative to the root."
    )
    dbt_profiles_dir: Path | None = Field(
        default=None, description="Where profiles.yml is; by default where dbt would look."
    )
    dbt_start_dir: Path | None = Field(
        default=None,
        description="Where dbt is started and relative paths begin; by default the dbt project.",
    )
    target: str | None = Field(
        default=None, description="The target in profiles.yml; by default that of the env's name."
    )
    dbt_vars: Variables = Field(default="{}", description="Variables for dbt, as for its --vars.")
    publish: Literal["contracts", "marts"] = Field(
        default="contracts",
        description="What is published: what contracts say, or besides it what looks like a mart.",
    )
    landing: Place | None = Field(
        default=None, description="Where files land, folder or URL; by default data/<env>/landing."
    )
    ledger_url: str | None = Field(
        default=None, description="SQLAlchemy URL of the ledger; by default SQLite beside the data."
    )
    as_of: datetime | None = Field(
        default=None, description="The time that rules about age use, instead of the default."
    )
    warehouse_wait: float = Field(
        default=600, ge=0, description="Seconds to wait for a warehouse that somebody else holds."
    )
    memory_limit: str = Field(
        default="2GB", description="What DuckDB may use of memory; the rest spills to disk."
    )
    suite_memory: int = Field(
        default=SUITE_MEMORY,
        ge=10,
        description="MB that each thread of DuckDB may use while a suite is run; a statement that "
        "needs more has all of it.",
    )
    deep_schedule: str = Field(
        default="0 3 * * 0",
        description="When deep checks run in staging and prod, as a cron line in UTC.",
    )
    refresh_schedule: str = Field(
        default="0 5 * * *",
        description="When datasets of automate: on_schedule are built in staging and prod, as a "
        "cron line in UTC.",
    )
    automation: bool = Field(
        default=True, description="Whether assets are asked for as contracts say; never in ci."
    )
    dbt_transport: Literal["process", "subprocess"] = Field(
        default="process", description="Whether dbt runs inside the run's process or in its own."
    )
    dbt_executable: str | None = Field(
        default=None,
        description="Another dbt, such as dbt Fusion, run in its own process.",
    )
    dbt_retries: int = Field(
        default=2, ge=0, description="How often dbt tries again what failed for a passing reason."
    )
    dbt_runs_kept: int = Field(
        default=50, ge=1, description="Of how many runs dbt's artifacts are kept."
    )
    releases_kept: int = Field(default=10, ge=1, description="How many releases are kept.")
    quarantine_days: int = Field(
        default=90, ge=1, description="Days after which a row in quarantine is forgotten."
    )
    quarantine_rows: int = Field(
        default=10_000, ge=1, description="How many failing rows of a built table are kept."
    )
    results_days: int = Field(
        default=400, ge=1, description="Days that a check's results are kept; its latest always is."
    )
    runs_days: int = Field(
        default=90, ge=1, description="Days that Dagster's runs are kept, and what they logged."
    )
    data_docs_url: str = Field(
        default="http://127.0.0.1:3001",
        pattern=r"^https?://[^/\s:]+(:\d{1,5})?(/\S*)?$",
        description="Where Data Docs are read, for links to them.",
    )
    data_docs_runs: int = Field(
        default=20, ge=1, description="How many of an asset's newest runs Data Docs show."
    )

    # Found out, not chosen: what the dbt profile says.
    warehouse_file: Path | None = None

    @property
    def home(self) -> Path:
        """The folder of this environment: its warehouse, releases, quarantine and ledger."""
        return self.root / self.data / self.env

    @property
    def warehouse(self) -> Path:
        """The private warehouse."""
        return self.warehouse_file or self.home / f"{self.env}.duckdb"

    @property
    def catalog(self) -> str:
        """What DuckDB calls the warehouse: its file's name up to the first dot."""
        return self.warehouse.name.lstrip(".").split(".")[0]

    @property
    def lock(self) -> Path:
        """The lock that every process holds while it has the warehouse open."""
        return self.home / f"{self.env}.lock"

    @property
    def landing_dir(self) -> Path:
        """Where landing files arrive, one folder per source, if it is no URL."""
        return self.root / self.landing if self.landing else self.home / "landing"

    @property
    def ledger(self) -> str:
        """The ledger's SQLAlchemy URL."""
        return self.ledger_url or f"sqlite:///{self.home / 'ledger.db'}"

    def data_docs_page(self, address: str, run_id: str, partition: str | None = None) -> str:
        """Return where a person reads what a run found on a dataset."""
        path = "/".join(filter(None, (address, run_id, partition)))
        return f"{self.data_docs_url.rstrip('/')}/validations/{quote(path)}/index.html"

    @property
    def dbt_project(self) -> Path:
        """The dbt project."""
        # Not resolved: a link may lead elsewhere tomorrow.
        return Path(os.path.normpath(self.root / self.dbt_project_dir))

    @property
    def dbt_start(self) -> Path:
        """Where dbt is started, so that relative paths in profiles and models begin there."""
        if self.dbt_start_dir is None:
            return self.dbt_project
        return Path(os.path.normpath(self.root / self.dbt_start_dir))

    @property
    def dbt_profiles(self) -> Path:
        """Where profiles.yml is: where a setting says, else where dbt would find it."""
        if self.dbt_profiles_dir:
            return Path(os.path.normpath(self.root / self.dbt_profiles_dir.expanduser()))
        if given := os.environ.get("DBT_PROFILES_DIR"):
            return (self.dbt_project / given).resolve()
        beside = self.dbt_project
        return beside if (beside / "profiles.yml").exists() else Path.home() / ".dbt"

    @property
    def dbt_target(self) -> Path:
        """Where dbt writes its artifacts for this environment."""
        return self.home / "dbt"

    @property
    def follows_the_clock(self) -> bool:
        """Whether `as_of` is the run's time, rather than the last landed partition's."""
        return self.env in (Environment.STAGING, Environment.PROD)

    @property
    def keeps_schedules(self) -> bool:
        """Whether schedules belong here; elsewhere there are none that could be turned on."""
        return self.follows_the_clock

    @property
    def automates(self) -> bool:
        """Whether assets are asked for when they are due; elsewhere nothing could be turned on."""
        return self.automation and self.env is not Environment.CI


# What other parts of the installation set under our prefix, and settings must not mistake.
_TEMPLATE = "ASSETOPS_TEMPLATE"
_NOT_SETTINGS = {"ASSETOPS_WAREHOUSE", "ASSETOPS_POSTGRES_URL", _TEMPLATE}


def load_settings(root: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of the platform at `root`; a `ConfigError` names an unknown or bad one."""
    environ = os.environ if environ is None else environ
    found_out = {"root", "warehouse_file"}
    known = {f"ASSETOPS_{name.upper()}": name for name in Settings.model_fields.keys() - found_out}
    given = written_settings(root, known.values())
    sources = {name: f"{root / 'pyproject.toml'}: tool.assetops.{name}" for name in given}
    for variable, value in environ.items():
        if not variable.startswith("ASSETOPS_") or variable in _NOT_SETTINGS:
            continue
        if variable not in known:
            raise ConfigError(f"{variable} is no setting.{did_you_mean(variable, known)}")
        given[known[variable]] = value
        sources[known[variable]] = variable
    try:
        return Settings.model_validate({"root": root.resolve(), **given})
    except ValidationError as error:
        first = error.errors()[0]
        # The value itself stays out of the message: a setting may hold a password.
        raise ConfigError(f"{sources[str(first['loc'][0])]}: {sentence(first['msg'])}") from None


def connection_url(variable: str) -> str:
    """Return the URL in an environment variable that a suite names; it is kept nowhere else."""
    url = os.environ.get(variable)
    if not url:
        raise CheckCouldNotRun(
            f"{variable} is not set. Set it in the environment to the URL of the database."
        )
    return url


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment for a process we start: ours, and where dbt finds the warehouse."""
    return {
        **os.environ,
        "ASSETOPS_ENV": settings.env,
        "ASSETOPS_WAREHOUSE": str(settings.warehouse),
        "ASSETOPS_MEMORY_LIMIT": settings.memory_limit,
        "DO_NOT_TRACK": "1",
    }


def export(settings: Settings) -> None:
    """Let dbt, which reads its profile from the environment, find the warehouse in this process."""
    os.environ.update(child_environment(settings))


def tell_dagster_of_batches(most: int) -> None:
    """Let Dagster hand over events of one moment together, unless it was told how many."""
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(most))


def replace_environment(environment: Mapping[str, str]) -> None:
    """Let this process live in another environment than the one it was started in."""
    os.environ.clear()
    os.environ.update(environment)


def own_environment() -> dict[str, str]:
    """Return the environment that this process lives in, for one that is to live in the same."""
    return dict(os.environ)


def template_socket() -> Path | None:
    """Return where the template listens that `assetops up` has started, if it has started us."""
    path = os.environ.get(_TEMPLATE)
    return Path(path) if path else None


def with_template(environment: Mapping[str, str], path: Path) -> dict[str, str]:
    """Return an environment in which processes find the template at a socket."""
    return {**environment, _TEMPLATE: str(path)}


def own_python_path() -> list[str]:
    """Return the folders that PYTHONPATH added to where this process looks for modules."""
    return [os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]


def dagster_home(settings: Settings) -> Path:
    """Return the folder whose dagster.yaml describes the instance: Dagster's own, or the root."""
    return settings.root / os.environ.get("DAGSTER_HOME", "")
