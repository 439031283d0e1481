"""The dbt manifest, parsed again only when the project's files have changed."""

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from assetops.dbt.profiles import VARIABLES
from assetops.errors import ConfigError
from assetops.settings import Settings, child_environment

_LEFT_OUT = {"target", "logs", "__pycache__"}
# What a build may write beside models where a project keeps everything in one folder.
_WRITTEN = {".duckdb", ".db", ".wal", ".parquet", ".log"}
# The keys of dbt_project.yml that say where dbt reads, with their defaults.
_PATHS = {
    "model-paths": ["models"],
    "seed-paths": ["seeds"],
    "snapshot-paths": ["snapshots"],
    "macro-paths": ["macros"],
    "test-paths": ["tests"],
    "analysis-paths": ["analyses"],
    "function-paths": ["functions"],
    "docs-paths": [],
}
_VARIABLE = re.compile(r"env_var\(\s*['\"](\w+)")
# Before the name of a variable that nothing but the profile reads.
_PROFILE = "profile:"


def refresh_manifest(settings: Settings) -> Path:
    """Return the path of a manifest that is as new as the dbt project.

    dbt takes seconds to start, so it parses only when a file, the environment or dbt itself has
    changed. Raises `ConfigError` with dbt's own words when the project does not parse.
    """
    target = settings.dbt_target
    target.mkdir(parents=True, exist_ok=True)
    key_file = target / "manifest.key"
    manifest = target / "manifest.json"
    with (target / "manifest.lock").open("w") as lock:
        # The UI, the daemon and a command may all start at once; one of them parses.
        fcntl.flock(lock, fcntl.LOCK_EX)
        files = content_key(settings)
        key = f"{files} {_environment_key(settings)}"
        if not (manifest.exists() and key_file.exists() and key_file.read_text() == key):
            _parse(settings, target)
            _variables_file(settings).write_text("\n".join(sorted(_variables_in(settings))))
            key_file.write_text(f"{files} {_environment_key(settings)}")
    return manifest


def content_key(settings: Settings) -> str:
    """Return what stands for the dbt project's files, dbt's version and the environment.

    It stays the same where the whole platform is copied or moved.
    """
    profile, project = settings.dbt_profiles / "profiles.yml", settings.dbt_project
    dbt = settings.dbt_executable or version("dbt-core")
    chosen = f"{dbt} {settings.env} {settings.target} {settings.dbt_project_dir}"
    chosen += settings.dbt_vars.removeprefix("{}")
    digest = hashlib.sha256(chosen.encode())
    for file in [*_files(project), *[str(profile)] * profile.exists()]:
        stat = os.stat(file)
        name = os.path.relpath(file, project)
        digest.update(f"{name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _environment_key(settings: Settings) -> str:
    """Return what stands for the environment variables that the project and its profile read.

    Where the profile alone reads our path of the warehouse, only the file's name is in the
    manifest: it is the database's.
    """
    environment, digest = child_environment(settings), hashlib.sha256()
    names = _variables_file(settings).read_text().split()
    for name in names:
        value = environment.get(name.removeprefix(_PROFILE))
        if name == f"{_PROFILE}ASSETOPS_WAREHOUSE":
            value = settings.warehouse.name
        digest.update(f"{name}={value}\n".encode())
    return digest.hexdigest()


def _variables_file(settings: Settings) -> Path:
    """Return the file that names the environment variables that the project reads."""
    file = settings.dbt_target / "manifest.variables"
    if not file.exists():
        file.touch()
    return file


def _variables_in(settings: Settings) -> set[str]:
    found: set[str] = set()
    profile = settings.dbt_profiles / "profiles.yml"
    for file in map(Path, _files(settings.dbt_project)):
        if file.suffix in (".sql", ".yml", ".yaml", ".py") and file != profile:
            found |= _variables_of(file)
    return found | {f"{_PROFILE}{name}" for name in _variables_of(profile) - found}


def _variables_of(file: Path) -> set[str]:
    return set(_VARIABLE.findall(file.read_text(errors="replace"))) if file.exists() else set()


def _files(project: Path) -> Iterator[str]:
    """Yield the files that dbt reads; its project's folder may have others, that builds write."""
    yield from _own_files(project)
    for installed in _folders(project, {"packages-install-path": ["dbt_packages"]}):
        for package in sorted(Path(project / installed).glob("*/dbt_project.yml")):
            # Not the packages of a package: one may be a link to a folder that has this project.
            yield from _own_files(package.parent)


def _own_files(project: Path) -> Iterator[str]:
    for entry in sorted(project.iterdir()):
        if entry.is_file() and entry.suffix in (".yml", ".yaml"):
            yield str(entry)
    for name in _folders(project, _PATHS):
        if (project / name).is_dir():
            yield from _below(str(project / name))


def _folders(project: Path, keys: Mapping[str, list[str]]) -> list[str]:
    """Return the folders that keys of dbt_project.yml name, or their defaults."""
    try:
        written = yaml.safe_load((project / "dbt_project.yml").read_text())
        found = [written.get(key, default) for key, default in keys.items()]
        listed = [[each] if isinstance(each, str) else each for each in found]
        return sorted({str(folder) for folders in listed for folder in folders})
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError):
        # dbt will say what is wrong with it.
        return []


def _below(folder: str) -> Iterator[str]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _LEFT_OUT:
            continue
        if entry.is_dir():
            yield from _below(entry.path)
        elif entry.is_file() and os.path.splitext(entry.name)[1] not in _WRITTEN:
            yield entry.path


def _parse(settings: Settings, target: Path) -> None:
    words = [
        *(*dbt_command(settings), "--log-format", "json"),
        # The project may have turned off what we read.
        *("--write-json", "--partial-parse", "parse"),
        *project_arguments(settings),
        *("--target-path", str(target), "--log-path", str(target)),
    ]
    with starting(words[0]):
        finished = subprocess.run(
            words,
            env={**child_environment(settings), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
            # Paths in the project and in the profile start here.
            cwd=settings.dbt_start,
            capture_output=True,
            text=True,
            check=False,
        )
    if finished.returncode != 0:
        said = "\n".join(_errors(finished.stdout)) or finished.stderr.strip()[-2000:]
        mend = f"\nIn {settings.dbt_project} run: dbt deps" if "dbt deps" in said else ""
        if "Required var" in said:
            mend += f"\n{VARIABLES}"
        raise ConfigError(
            f"The dbt project in {settings.dbt_project} does not parse:\n{said}{mend}"
        )


def dbt_command(settings: Settings) -> list[str]:
    """Return what starts dbt in a process of its own."""
    if settings.dbt_executable:
        # A name is looked for where commands are; a path starts in the root.
        path = settings.dbt_executable
        return [str(settings.root / Path(path).expanduser()) if "/" in path else path]
    return [sys.executable, "-m", "dbt.cli.main"]


@contextmanager
def starting(executable: str) -> Iterator[None]:
    """Turn what the system says of an executable that does not start into a `ConfigError`."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{executable} cannot be started: {error.strerror}. Name a dbt that can be: "
            "dbt_executable in [tool.assetops] of pyproject.toml, or ASSETOPS_DBT_EXECUTABLE."
        ) from None


def project_arguments(settings: Settings, variables: Mapping[str, Any] | None = None) -> list[str]:
    """Return the arguments that tell dbt which project, profile and target it works on.

    Variables of a run come before those of the installation.
    """
    known = {**json.loads(settings.dbt_vars), **(variables or {})}
    return [
        *(("--vars", json.dumps(known)) if known else ()),
        *("--project-dir", str(settings.dbt_project)),
        *("--profiles-dir", str(settings.dbt_profiles)),
        *("--target", settings.target or settings.env),
    ]


def _errors(output: str) -> Iterator[str]:
    for line in output.splitlines():
        if line.startswith("{"):
            info = json.loads(line)["info"]
            if info["level"] == "error":
                yield info["msg"].strip()
        elif line.strip():
            yield line.strip()


def packed_manifest(settings: Settings) -> bytes:
    """Return the manifest as dbt itself keeps it between runs, which loads fastest."""
    return (settings.dbt_target / "partial_parse.msgpack").read_bytes()
