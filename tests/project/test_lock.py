"""The lock is one, hashed, without an address, and what `make lock` makes of pyproject.toml."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
# One entry: `name==version ; marker \` and the lines with its hashes.
ENTRIES = re.findall(r"^(\S+)==(\S+)(.*(?:\n    --hash=\S+.*)*)", LOCK, flags=re.MULTILINE)


def test_every_entry_of_the_lock_has_hashes() -> None:
    assert ENTRIES
    assert [name for name, _, rest in ENTRIES if "--hash=sha256:" not in rest] == []
    assert len(ENTRIES) == len(re.findall(r"^\w", LOCK, flags=re.MULTILINE))


def test_the_lock_names_no_registry() -> None:
    assert "://" not in LOCK
    assert re.findall(r"^-.*", LOCK, flags=re.MULTILINE) == []


def test_there_is_no_other_lock() -> None:
    others = ("uv.lock", "poetry.lock", "Pipfile.lock")
    assert [name for name in others if (ROOT / name).exists()] == []


def test_the_lock_holds_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = list(project["project"]["dependencies"])
    for extra in ("retail", "dev"):
        asked += project["project"]["optional-dependencies"][extra]
    locked = [(canonicalize_name(name), version) for name, version, _ in ENTRIES]
    missing = []
    for text in asked:
        wanted = Requirement(text)
        versions = [v for name, v in locked if name == canonicalize_name(wanted.name)]
        if not versions or not all(wanted.specifier.contains(v) for v in versions):
            missing.append(f"{text}, locked {versions}: run `make lock`")
    assert missing == []
