"""dbt in a process of its own: for another dbt than ours, and where a setting asks for it."""

import json
import re
import signal
import subprocess
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Thread
from typing import IO, Any

from assetops.dbt.lines import Lines
from assetops.dbt.manifest import dbt_command, starting
from assetops.dbt.results import NodeResult, matters
from assetops.dbt.stops import Said
from assetops.errors import ConfigError, TransformError
from assetops.settings import Settings, child_environment

# How long dbt may take over its end when it is told to stop.
STOP_SECONDS = 4.0
_FINISHED = (0, 1)


@dataclass
class Command:
    """One call of dbt's command line."""

    settings: Settings
    arguments: Sequence[str]
    artifacts: Path
    log: Lines
    results: dict[str, NodeResult] = field(default_factory=dict)
    # What it said when something went wrong, if it never came to its work.
    _said: list[str] = field(default_factory=list)

    def events(self) -> Generator[dict[str, Any], None, None]:
        """Yield the events that dbt prints, then fill `results` from its artifacts.

        Raises `TransformError` if dbt could not do its work.
        """
        found = self.artifacts / "run_results.json"
        found.unlink(missing_ok=True)
        process = self._start()
        said: Said[str] = Said()
        reader = Thread(target=_read_to_the_end, args=(process.stdout, said), daemon=True)
        reader.start()
        try:
            while line := said.next():
                yield from self._event(line)
            code = process.wait()
        except GeneratorExit:
            # Nobody listens any more.
            raise
        except BaseException:
            end(process)
            # What it had said by then was done by then.
            reader.join(STOP_SECONDS)
            for line in filter(None, said.rest()):
                yield from self._event(line)
            raise
        finally:
            end(process)
            # As large as the project, and of no use to who reads artifacts.
            (self.artifacts / "partial_parse.msgpack").unlink(missing_ok=True)
        if code < 0:
            raise TransformError(f"dbt was killed by signal {-code}.")
        if code not in _FINISHED or not found.exists():
            words = "\n".join(self._said) or f"it ended with exit code {code}"
            raise TransformError(f"dbt could not do its work: {words}")
        self._read(json.loads(found.read_text()))

    def _start(self) -> subprocess.Popen[str]:
        words = [*dbt_command(self.settings), *self.arguments]
        with starting(words[0]):
            return subprocess.Popen(
                words,
                env={**child_environment(self.settings), **_flags(self.settings)},
                # Paths in the project and in the profile start here.
                cwd=self.settings.dbt_start,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                # What an adapter or a driver prints is anything.
                errors="replace",
                # Ctrl-C at a terminal reaches us, and through us dbt, once.
                start_new_session=True,
            )

    def _event(self, line: str) -> Iterator[dict[str, Any]]:
        try:
            event = json.loads(line)
            name, level, said, at = (event["info"][k] for k in ("name", "level", "msg", "ts"))
        except (ValueError, KeyError, TypeError):
            # Its own Python, an adapter or a driver spoke.
            self.log.print(line.rstrip())
            self._said = [*self._said, line.rstrip()][-20:]
            return
        self.log.add(level, at, said)
        if level == "error":
            self._said.append(said.strip())
        if matters(name, level):
            yield event

    def _read(self, run_results: Mapping[str, Any]) -> None:
        written = json.loads(self._manifest().read_text())
        nodes = {
            **written["nodes"],
            **written["sources"],
            **(written.get("unit_tests") or {}),
        }
        for result in run_results["results"]:
            node = nodes[result["unique_id"]]
            self.results[result["unique_id"]] = NodeResult(
                unique_id=result["unique_id"],
                status=str(result["status"]),
                message=(result.get("message") or result.get("error") or "").strip(),
                failures=result.get("failures"),
                file=node["original_file_path"],
                compiled=result.get("compiled_code"),
                compiled_path=node.get("compiled_path") or self._compiled(node["name"]),
            )

    def _compiled(self, name: str) -> str | None:
        """Return where a unit test was written, of which the manifest does not tell."""
        found = (self.artifacts / "compiled").rglob(f"{name}.sql")
        return next(map(str, found), None)

    def _manifest(self) -> Path:
        """Return the manifest that dbt wrote, which knows where it has written what it compiled."""
        own = self.artifacts / "manifest.json"
        return own if own.exists() else self.settings.dbt_target / "manifest.json"


def _read_to_the_end(lines: IO[str], said: Said[str]) -> None:
    try:
        with lines:
            for line in lines:
                said.put(line)
    finally:
        said.put("")


def _flags(settings: Settings) -> dict[str, str]:
    """Return dbt's global flags; as variables, for what a dbt does not know it passes over."""
    return {
        "DBT_LOG_FORMAT": "json",
        "DBT_LOG_LEVEL": "info",
        "DBT_LOG_LEVEL_FILE": "none",
        "DBT_QUIET": "false",
        "DBT_USE_COLORS": "false",
        "DBT_WRITE_JSON": "true",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_PARTIAL_PARSE_FILE_PATH": str(settings.dbt_target / "partial_parse.msgpack"),
        "PYTHONUNBUFFERED": "1",
    }


def end(process: "subprocess.Popen[str]") -> None:
    """End dbt if it has not ended: its own way, which interrupts queries, or by force."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # The database undoes what was not committed.
        process.kill()
        process.wait()


@cache
def is_fusion(executable: str) -> bool:
    """Say whether an executable is dbt Fusion, whose events are others than dbt Core's.

    Raises `ConfigError` if it cannot be started or does not say what it is.
    """
    with starting(executable):
        words = [executable, "--version"]
        asked = subprocess.run(words, capture_output=True, text=True, check=False)
    version = re.search(r"(\d+)\.\d+\.\d+", asked.stdout)
    if not version:
        raise ConfigError(f"{executable} --version names no version: {asked.stdout}{asked.stderr}")
    return int(version[1]) >= 2
