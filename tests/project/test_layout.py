"""How the repo is laid out, and what its files may not contain."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("platform", "tests", "benchmarks")
MODULES = sorted(path for folder in OURS for path in (ROOT / folder).rglob("*.py"))
ENGINE = sorted((ROOT / "platform" / "assetops").rglob("*.py"))


def name(path: Path) -> str:
    """Return a path as a reader of the repo knows it."""
    return path.relative_to(ROOT).as_posix()


def text_files() -> Iterator[tuple[Path, str]]:
    """Yield what git has, or would have, of the repo, as far as it is text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        paths = [ROOT / line for line in listed.stdout.splitlines()]
    else:  # Not a clone: an archive of one has nothing to ignore but what we know.
        hidden = {".venv", "data", "target", "__pycache__", ".mypy_cache", ".ruff_cache"}
        paths = [path for path in ROOT.rglob("*") if not hidden & set(path.parts)]
    for path in filter(Path.is_file, paths):
        try:
            yield path, path.read_text("utf-8")
        except UnicodeDecodeError:
            continue


def test_platform_is_a_source_root_and_no_package() -> None:
    # It would shadow Python's own `platform`.
    assert not (ROOT / "platform" / "__init__.py").exists()


def test_every_folder_of_the_engine_is_a_package_so_that_the_import_law_sees_it() -> None:
    folders = {path.parent for path in ENGINE}
    assert [name(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_folder_or_module_is_named_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "jobs", "sensors"}
    assert [name(path) for path in MODULES if {path.stem, path.parent.name} & vague] == []


def test_a_module_says_why_it_exists() -> None:
    silent = [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert [name(path) for path in silent] == []


def test_modules_have_300_lines_at_most() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {path: lines for path, lines in lengths.items() if lines > 300} == {}


def test_functions_have_40_lines_at_most() -> None:
    long = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                # The body alone: a signature or a docstring is no complexity.
                first = node.body[1] if ast.get_docstring(node) and node.body[1:] else node.body[0]
                lines = (node.end_lineno or 0) - first.lineno + 1
                if lines > 40:
                    long[f"{name(path)}: {node.name}"] = lines
    assert long == {}


def test_models_have_fewer_than_80_lines() -> None:
    models = sorted((ROOT / "dbt_project" / "models").rglob("*.sql"))
    lengths = {name(path): len(path.read_text().splitlines()) for path in models}
    assert {path: lines for path, lines in lengths.items() if lines >= 80} == {}


def test_the_environment_is_read_in_settings_alone() -> None:
    readers = []
    for path in sorted((ROOT / "platform").rglob("*.py")):
        if path == ROOT / "platform" / "assetops" / "settings.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            attribute = isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
            imported = isinstance(node, ast.ImportFrom) and node.module == "os"
            if attribute or (imported and {a.name for a in node.names} & {"environ", "getenv"}):
                readers.append(f"{name(path)}:{node.lineno}")
    assert readers == []


# Put together here, so that this file does not contain what it looks for. A path begins where no
# other path goes on; a host ends in a domain.
FORBIDDEN = {
    "a path of somebody's machine": r"(?<![\w.}})/])/(home|root|work|Users)" + "/",
    "a registry's host": r"(py" + r"pi|python" + r"hosted|registry\.npm" + r"js)\.(org|io)\b",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_repo_speaks_of_the_product_alone_and_not_of(what: str) -> None:
    found = [
        f"{name(path)}:{number}: {line.strip()[:80]}"
        for path, text in text_files()
        for number, line in enumerate(text.splitlines(), start=1)
        if re.search(FORBIDDEN[what], line)
    ]
    assert found == []
