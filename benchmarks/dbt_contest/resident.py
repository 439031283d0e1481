"""A platform under `assetops up`, and runs that are asked of it by GraphQL."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contestants import ASSETOPS, REPO


class Up:
    """A platform under `assetops up`, and its GraphQL."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/graphql"

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return what GraphQL answers."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url, body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            data: dict[str, Any] = json.loads(answer.read())["data"]
        return data

    def run(self, *assets: str) -> float:
        """Time a run of the build job, from the request to its success."""
        nodes = "nodes{name location{name}}"
        found = self.ask("{repositoriesOrError{... on RepositoryConnection{" + nodes + "}}}")
        (node,) = found["repositoriesOrError"]["nodes"]
        selector = {
            "repositoryName": node["name"],
            "repositoryLocationName": node["location"]["name"],
            "jobName": "build",
            **({"assetSelection": [{"path": [asset]} for asset in assets]} if assets else {}),
        }
        begin = time.perf_counter()
        launched = self.ask(
            "mutation($p: ExecutionParams!){launchRun(executionParams: $p){__typename "
            "... on LaunchRunSuccess{run{runId}} ... on PythonError{message}}}",
            p={"selector": selector, "mode": "default"},
        )["launchRun"]
        if "run" not in launched:
            sys.exit(f"The run was not launched: {launched}")
        query = "query($r: ID!){runOrError(runId: $r){... on Run{status}}}"
        while (
            status := self.ask(query, r=launched["run"]["runId"])["runOrError"]["status"]
        ) not in ("SUCCESS", "FAILURE", "CANCELED"):
            time.sleep(0.02)
        seconds = time.perf_counter() - begin
        if status != "SUCCESS":
            sys.exit(f"The run {launched['run']['runId']} ended as {status}.")
        return seconds


@contextmanager
def up(folder: Path) -> Iterator[Up]:
    """Keep `assetops up` running."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ASSETOPS_", "DAGSTER_"))}
    clean.pop("PYTHONDONTWRITEBYTECODE", None)
    clean |= {"PYTHONPATH": str(REPO / "platform")}
    words = [sys.executable, "-c", ASSETOPS, "up", "--port", str(port)]
    with (folder / "up.log").open("w") as log:
        process = subprocess.Popen(words, cwd=folder, env=clean, stdout=log, stderr=log)
    try:
        running = Up(port)
        for _ in range(600):
            try:
                running.run()
                break
            except OSError:
                time.sleep(0.2)
        else:
            sys.exit(f"assetops up did not answer: {(folder / 'up.log').read_text()}")
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
