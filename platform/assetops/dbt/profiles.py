"""What the dbt profile says of the warehouse: its target and its file, found as dbt finds them."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from assetops.errors import ConfigError, did_you_mean
from assetops.model import literal, quote
from assetops.settings import Settings, child_environment

# How a variable of dbt's is given.
VARIABLES = (
    "Give it: --vars of init, dbt_vars in [tool.assetops] of pyproject.toml, or ASSETOPS_DBT_VARS."
)
_CHOOSE = "--target, target in [tool.assetops] of pyproject.toml, or ASSETOPS_TARGET"
_EXAMPLE = """{profile}:
  target: dev
  outputs:
    dev: {{type: duckdb, path: {profile}.duckdb}}"""

# With no more than these dbt opens the file as we do, and DuckDB lets one process open it twice.
_PLAIN = {"type", "path", "database", "schema", "threads"}


@dataclass(frozen=True)
class Profile:
    """The target of a dbt profile that one environment builds in."""

    file: Path
    name: str
    target: str
    warehouse: Path
    # What each connection is told: settings, extensions, and what else is attached.
    session: tuple[str, ...]
    # What DuckDB may use; its own default where the profile does not say.
    memory_limit: str
    # Whether it says no more than which file.
    plain: bool

    def __str__(self) -> str:
        return f"{self.file}: profile {self.name}, target {self.target}"


def read_profile(settings: Settings) -> Profile:
    """Return what the profile of the dbt project says of the environment's warehouse.

    Raises `ConfigError` where dbt could not find its way either, or where the warehouse is none
    that we can publish from.
    """
    name, file = _profile_name(settings), settings.dbt_profiles / "profiles.yml"
    render = _Renderer(file, settings)
    profiles = _mapping(file, _read(file, settings, name))
    if name not in profiles:
        raise ConfigError(
            f"{file} has no profile {name}, which {settings.dbt_project / 'dbt_project.yml'} asks "
            f"for.{did_you_mean(name, profiles)} Add it, or name another folder "
            "(--profiles-dir, dbt_profiles_dir)."
        )
    profile = _mapping(file, profiles[name])
    outputs = _mapping(file, profile.get("outputs") or {})
    target = _target(settings, outputs, str(render(profile.get("target") or "default")))
    where = f"{file}: profile {name}"
    if target not in outputs:
        raise ConfigError(
            f"{where} has no target {target}; it has {', '.join(outputs) or 'none'}. Add it, or "
            f"choose another: {_CHOOSE}."
        )
    fit = ", ".join(each for each, output in outputs.items() if _is_duckdb(output))
    mend = f"Give the profile a target with `type: duckdb` and the path of a file ({_CHOOSE})."
    mend = f"Its targets in DuckDB files: {fit}. Choose one ({_CHOOSE})." if fit else mend
    where = f"{where}, target {target}"
    output = _mapping(file, outputs[target])
    return Profile(
        file,
        name,
        target,
        warehouse=_warehouse(output, where, mend, render=render, start=settings.dbt_start),
        session=tuple(_session(output, render, settings.dbt_start)),
        memory_limit=str(render((output.get("settings") or {}).get("memory_limit", "80%"))),
        plain=output.keys() <= _PLAIN,
    )


def located(settings: Settings, profile: Profile) -> Settings:
    """Return the settings with the target and the warehouse that the dbt profile names."""
    own = profile.warehouse == settings.warehouse
    found: dict[str, Any] = {"target": profile.target, "warehouse_file": None}
    if not own:
        found |= {"warehouse_file": profile.warehouse, "memory_limit": profile.memory_limit}
    return settings.model_copy(update=found)


def _profile_name(settings: Settings) -> str:
    file = settings.dbt_project / "dbt_project.yml"
    if not file.exists():
        raise ConfigError(
            f"{file} is not there. Name the dbt project's folder: dbt_project_dir in "
            "[tool.assetops] of pyproject.toml, or ASSETOPS_DBT_PROJECT_DIR."
        )
    name = _mapping(file, _parsed(file)).get("profile")
    if not name:
        raise ConfigError(f"{file} names no profile. Add a line such as `profile: warehouse`.")
    return str(_Renderer(file, settings)(name))


def _read(file: Path, settings: Settings, profile: str) -> Any:
    if not file.exists():
        raise ConfigError(
            f"{file} is not there, so dbt does not know where the warehouse is. Name the folder "
            "that has it (--profiles-dir, dbt_profiles_dir, DBT_PROFILES_DIR), or write it:\n"
            + _EXAMPLE.format(profile=profile)
        )
    return _parsed(file)


def _parsed(file: Path) -> Any:
    try:
        return yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from None


def _mapping(file: Path, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{file}: expected keys and values, found {type(value).__name__}.")
    return value


def _target(settings: Settings, outputs: Mapping[str, Any], default: str) -> str:
    """Return the target asked for, else that of the environment's name, else the profile's own."""
    return settings.target or (settings.env if settings.env in outputs else default)


def _warehouse(
    output: Mapping[str, Any], where: str, mend: str, *, render: "_Renderer", start: Path
) -> Path:
    kind = render(output.get("type") or "nothing")
    if kind != "duckdb":
        raise ConfigError(f"{where} is of type {kind}; AssetOps builds in DuckDB files. {mend}")
    path = str(render(output.get("path") or ":memory:"))
    if ":memory:" in path:
        raise ConfigError(f"{where} is in memory, where nothing outlives dbt. {mend}")
    if output.get("remote") or "://" in path or path.split(":")[0] in ("md", "motherduck"):
        raise ConfigError(f"{where} is not a file on this machine. {mend}")
    if output.get("is_ducklake") or path.startswith("ducklake:"):
        raise ConfigError(f"{where} is a DuckLake, not a DuckDB file. {mend}")
    # As DuckDB will call it when dbt runs in the project's folder: were a link followed here alone,
    # one process would open the file twice.
    return Path(os.path.normpath(start.resolve() / Path(path).expanduser()))


def _is_duckdb(output: Any) -> bool:
    if not isinstance(output, Mapping) or output.get("type") != "duckdb":
        return False
    return not str(output.get("path") or ":memory:").startswith((":memory:", "md:", "motherduck:"))


def _session(output: Mapping[str, Any], render: "_Renderer", start: Path) -> Iterator[str]:
    for name, value in (output.get("settings") or {}).items():
        yield f"set {quote(str(name))} = {literal(str(render(value)))}"
    for extension in output.get("extensions") or ():
        name = extension.get("name") if isinstance(extension, Mapping) else extension
        yield f"load {quote(str(render(name)))}"
    for attached in output.get("attach") or ():
        path = str(render(attached["path"]))
        if ":" not in path:
            path = os.path.normpath(start.resolve() / Path(path).expanduser())
        alias = f" as {quote(str(render(attached['alias'])))}" if attached.get("alias") else ""
        kind = f", type {quote(str(render(attached['type'])))}" if attached.get("type") else ""
        # Only dbt writes there.
        yield f"attach if not exists {literal(path)}{alias} (read_only{kind})"


class _Renderer:
    """Renders a profile's values as dbt does, without importing dbt, which takes a second."""

    def __init__(self, file: Path, settings: Settings) -> None:
        self._file = file
        self._environment = child_environment(settings)
        self._variables = json.loads(settings.dbt_vars)

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, str) or "{" not in value:
            return value
        from jinja2 import Environment, TemplateError

        jinja = Environment()
        for kind in ("as_native", "as_bool", "as_number", "as_text"):
            jinja.filters[kind] = lambda text: text
        known = {"env_var": self._env_var, "var": self._var}
        try:
            return jinja.from_string(value).render(known)
        except TemplateError as error:
            raise ConfigError(f"{self._file}: {value}: {error}") from None

    def _env_var(self, name: str, default: str | None = None) -> str:
        value = self._environment.get(name, default)
        if value is None:
            raise ConfigError(f"{self._file} needs the environment variable {name}. Set it.")
        return str(value)

    def _var(self, name: str, default: Any = None) -> Any:
        value = self._variables.get(name, default)
        if value is None:
            raise ConfigError(
                f"{self._file} needs the variable {name}, which has no default. {VARIABLES}"
            )
        return value
