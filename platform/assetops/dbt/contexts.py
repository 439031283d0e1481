"""What dbt's command line makes of the words of a call, of which a run's calls have most in common.

dbt's own commands have a hundred options, and click looks at each of them, and at its variable.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from dbt.cli.flags import Flags
from dbt.cli.main import build, cli

from assetops.settings import own_environment

# Events go to the callback; dbt's own logs would format each of them for nobody.
QUIET = [
    *("--log-level", "none", "--log-level-file", "none"),
    *("--no-use-colors", "--no-write-json"),
]
# What a call is told of itself alone; nothing that is kept is made from it.
_OWN = {"select", "exclude", "state", "target_path", "log_path"}
_OWN_WORDS = {f"--{name.replace('_', '-')}" for name in _OWN}
_OWN_OPTIONS = click.Command("build", params=[p for p in build.params if p.name in _OWN])


def shared_flags(flags: Any) -> dict[str, Any]:
    """Return the flags of a call that others of its run have, too."""
    own = {*_OWN, "deprecated_env_var_warnings"}
    return {name: value for name, value in vars(flags).items() if name.lower() not in own}


@dataclass(frozen=True)
class Read:
    """The words of a `dbt build` as dbt reads them, and what else went into that."""

    context: click.Context
    flags: Flags
    shared: Sequence[str]
    surroundings: Mapping[str, Any]

    @classmethod
    def from_words(cls, arguments: Sequence[str]) -> "Read":
        """Read all words, as dbt does."""
        parent = cli.make_context(cli.name, [*QUIET, *arguments[:1]])
        context = build.make_context("build", [*arguments[1:]], parent=parent)
        flags = Flags(context)
        return cls(context, flags, _parted(arguments)[0], _surroundings(flags))

    def with_own(self, arguments: Sequence[str]) -> click.Context | None:
        """Read what a call is told of itself; None if anything else is not as it was."""
        shared, own = _parted(arguments)
        if shared != self.shared or _surroundings(self.flags) != self.surroundings:
            return None
        assert self.context.parent is not None
        parent = _like(self.context.parent, None)
        context = _like(self.context, parent)
        _take(context, _OWN_OPTIONS.make_context("build", own, parent=parent))
        return context


def _parted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words that others of a run's calls have, and those that are a call's own."""
    shared: list[str] = []
    own: list[str] = []
    into = shared
    for word in arguments:
        if word.startswith("-"):
            into = own if word in _OWN_WORDS else shared
        into.append(word)
    return shared, own


def _surroundings(flags: Any) -> dict[str, Any]:
    """Return what dbt's flags depend on, besides words: variables, folder and its project's file.

    Other variables, which a project may ask for, are its session's to look at.
    """
    names = ("DBT_", "DO_NOT_TRACK")
    variables = {n: v for n, v in own_environment().items() if n.startswith(names)}
    files = (Path(flags.PROJECT_DIR, "dbt_project.yml"), Path(flags.PROFILES_DIR, "profiles.yml"))
    return {**variables, "": (os.getcwd(), *map(_written, files))}


def _written(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size


def _like(context: click.Context, parent: click.Context | None) -> click.Context:
    """Return a context with the same options."""
    command = context.command
    new = command.context_class(
        command, info_name=context.info_name, parent=parent, **command.context_settings
    )
    _take(new, context)
    return new


def _take(context: click.Context, other: click.Context) -> None:
    for name, value in other.params.items():
        context.params[name] = value
        source = other.get_parameter_source(name)
        assert source is not None
        context.set_parameter_source(name, source)
