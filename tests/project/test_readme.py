"""What the README leaves out, or claims without proof, does not exist for its reader."""

import re
from pathlib import Path

from click.testing import CliRunner

from assetops.cli import group

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_readme_names_every_command() -> None:
    told = CliRunner().invoke(group, ["--help"])
    assert told.exit_code == 0
    commands = re.findall(r"^  (\w[\w-]*)  ", told.output.split("Commands:")[1], flags=re.MULTILINE)
    assert commands
    assert [name for name in commands if f"assetops {name}" not in README] == []


def test_the_readme_names_every_benchmark_and_no_other() -> None:
    folder = ROOT / "benchmarks"
    there = {path.name for path in folder.glob("*.py")} | {"airflow/compare.py"}
    assert all((folder / name).exists() for name in there)
    assert set(re.findall(r"benchmarks/([\w/]+\.py)", README)) == there


def test_the_readme_gives_the_two_commands() -> None:
    assert "make demo" in README
    assert "make test" in README


def test_the_files_that_the_documents_point_to_exist() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    dead = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert dead == []
