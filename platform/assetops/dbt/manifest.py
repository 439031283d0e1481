"""The dbt manifest, parsed again only when the project's files have changed."""

import fcntl
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from assetops.errors import ConfigError
from assetops.settings import Settings, child_environment

_LEFT_OUT = {"target", "logs", "__pycache__"}


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
        key = _content_key(settings)
        if not (manifest.exists() and key_file.exists() and key_file.read_text() == key):
            _parse(settings, target)
            key_file.write_text(key)
    return manifest


def _content_key(settings: Settings) -> str:
    digest = hashlib.sha256(f"{version('dbt-core')} {settings.env}".encode())
    project = settings.dbt_project
    for file in _files(project):
        stat = file.stat()
        facts = f"{file.relative_to(project)} {stat.st_size} {stat.st_mtime_ns}\n"
        digest.update(facts.encode())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            if entry.name not in _LEFT_OUT and not entry.name.startswith("."):
                yield from _files(entry)
        elif not entry.name.startswith("."):
            yield entry


def _parse(settings: Settings, target: Path) -> None:
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "dbt.cli.main", "--log-format", "json", "parse"),
            *("--project-dir", str(settings.dbt_project)),
            *("--profiles-dir", str(settings.dbt_project)),
            *("--target", settings.env),
            *("--target-path", str(target), "--log-path", str(target)),
        ],
        env={**child_environment(settings), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        cwd=settings.root,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        words = "\n".join(_errors(finished.stdout)) or finished.stderr.strip()[-2000:]
        raise ConfigError(f"The dbt project in {settings.dbt_project} does not parse:\n{words}")


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
