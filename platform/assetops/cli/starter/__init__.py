"""The files of a new platform: written all or none, into a folder that has nothing of them yet."""

import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from string import Template

from assetops.errors import ConfigError

# What `git init` or an editor may have made before.
_HARMLESS = {".git", ".venv", ".idea", ".vscode", ".DS_Store"}
_EXAMPLE_SETTINGS = 'landing = "landing"'


def check_folder(folder: Path, dbt_project: Path | None) -> None:
    """Raise `ConfigError` unless a platform can be written to `folder` without touching a file."""
    if dbt_project and folder.resolve().is_relative_to(dbt_project.resolve()):
        raise ConfigError(
            f"{folder} is inside the dbt project {dbt_project}, which stays as it is. Name a "
            "folder beside it, or above it."
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file. Name a folder that is empty or not there yet.")
    allowed = {*_HARMLESS}
    if dbt_project and dbt_project.resolve().is_relative_to(folder.resolve()):
        allowed.add(dbt_project.resolve().relative_to(folder.resolve()).parts[0])
    try:
        there = sorted(entry.name for entry in folder.iterdir() if entry.name not in allowed)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"{folder} cannot be read: {error.strerror}.") from None
    if there:
        more = f" and {len(there) - 5} more" if len(there) > 5 else ""
        raise ConfigError(
            f"{folder} is not empty: it has {', '.join(there[:5])}{more}. Nothing was written. "
            "Name a folder that is empty or not there yet."
        )


def module_name(project: str) -> str:
    """Return a name for the package of definitions, which must not hide another package."""
    name = re.sub(r"\W", "_", project.lower(), flags=re.ASCII).strip("_") or "platform"
    name = f"_{name}" if name[0].isdigit() else name
    return f"{name}_platform" if find_spec(name) else name


def platform_files(module: str, *, settings: str, about: str, shown: str) -> dict[str, str]:
    """Return the files of a platform by their path in its root.

    Args:
        module: The package of its definitions.
        settings: The lines of `[tool.assetops]`.
        about: What its README says it is.
        shown: An asset that its README shows.
    """
    words = {
        "module": module,
        "distribution": module.replace("_", "-"),
        "settings": settings,
        "about": about,
        "shown": shown,
        "context_id": str(uuid.uuid4()),
    }
    places = {
        "README.md": "README.md",
        "pyproject.txt": "pyproject.toml",
        "workspace.yaml": "workspace.yaml",
        "dagster.yaml": "dagster.yaml",
        "gitignore.txt": ".gitignore",
        "great_expectations.yml": "gx/great_expectations.yml",
        "definitions.txt": f"platform/{module}/definitions.py",
    }
    root = files(__package__) / "root"
    found = {
        place: Template((root / name).read_text()).substitute(words)
        for name, place in places.items()
    }
    first = "Checks of datasets, each found by its asset key as a path."
    found["gx/expectations/README.md"] = f"{first}\n"
    found[f"platform/{module}/__init__.py"] = '"""What only Python can say."""\n'
    return found


def example_files() -> dict[str, str]:
    """Return the files of the example by their path in its root."""
    with as_file(files(__package__) / "example") as example:
        found = {
            str(file.relative_to(example)): file.read_text() for file in sorted(_below(example))
        }
    module = module_name("support_desk")
    about = "Tickets of a help desk: a file a day, checked, counted and published."
    return found | platform_files(
        module, settings=_EXAMPLE_SETTINGS, about=about, shown="marts/tickets_daily"
    )


def write(folder: Path, contents: Mapping[str, str]) -> None:
    """Write files into a folder, or none of them; a `ConfigError` says what was in the way."""
    made: list[Path] = []
    try:
        for place, text in contents.items():
            file = folder / place
            missing = [parent for parent in (file.parent, *file.parents) if not parent.exists()]
            if missing:
                file.parent.mkdir(parents=True)
                # The topmost goes with all that is below it.
                made.append(missing[-1])
            with file.open("x") as new:
                made.append(file)
                new.write(text)
    except OSError as error:
        for path in reversed(made):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(True)
        raise ConfigError(
            f"{error.filename or folder} cannot be written: {error.strerror}. Nothing was left."
        ) from None


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path
