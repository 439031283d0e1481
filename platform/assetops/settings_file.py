"""What the root's pyproject.toml says of settings."""

import re
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from assetops.errors import ConfigError, did_you_mean

_SECTION = re.compile(r"^\[tool\.assetops\]", re.MULTILINE)


def has_settings(folder: Path) -> bool:
    """Say whether a folder is the root of a platform by its pyproject.toml."""
    file = folder / "pyproject.toml"
    return file.is_file() and bool(_SECTION.search(file.read_text(errors="replace")))


def written_settings(root: Path, known: Collection[str]) -> dict[str, Any]:
    """Return what the root's pyproject.toml says; a `ConfigError` names what is no setting."""
    file = root / "pyproject.toml"
    if not has_settings(root):
        return {}
    try:
        written = tomllib.loads(file.read_text()).get("tool", {}).get("assetops", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}.") from None
    for name in written:
        if name not in known:
            raise ConfigError(
                f"{file}: tool.assetops.{name} is no setting.{did_you_mean(name, known)}"
            )
    return dict(written)
