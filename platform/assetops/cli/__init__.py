"""The command line: thin commands that say what to do next and exit 0 good, 1 bad, 2 not done."""

import atexit
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from assetops.errors import AssetOpsError

if TYPE_CHECKING:
    from assetops.opened import Platform

# Each command's module is imported when it is called: Dagster and dbt take a second to import.
COMMANDS = {
    "backfill": "assetops.cli.backfill",
    "build": "assetops.cli.build",
    "check": "assetops.cli.check",
    "docs": "assetops.cli.docs",
    "doctor": "assetops.cli.doctor",
    "init": "assetops.cli.init",
    "profile": "assetops.cli.profile",
    "prune": "assetops.cli.prune",
    "quarantine": "assetops.cli.quarantine",
    "releases": "assetops.cli.releases",
    "rollback": "assetops.cli.rollback",
    "show": "assetops.cli.show",
    "up": "assetops.cli.up",
}


class LazyGroup(click.Group):
    """A group whose commands are imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command; its module has it under the name `command`."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Name the nearest command when there is none of that name."""
        from assetops.errors import did_you_mean

        if args and args[0] not in COMMANDS:
            ctx.fail(f"No command is called {args[0]}.{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def group() -> None:
    """Build, check, publish and inspect the datasets of an AssetOps project."""


def main() -> NoReturn:
    """Run the command line; an error of ours is a sentence, never a stack trace."""
    # Most of what a command makes, modules above all, lasts as long as it does.
    gc.set_threshold(100_000, 50, 50)
    code = run(sys.argv[1:])
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    # The interpreter's own end would make DuckDB's bindings print what they think has leaked.
    os._exit(code)


def run(words: Sequence[str]) -> int:
    """Run one command in this process and return its exit code."""
    try:
        group.main(list(words), prog_name="assetops", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return 2
    except AssetOpsError as error:
        click.secho(str(error), fg="red", err=True)
        return error.exit_code
    except Exception:
        # A fault of ours: its trace is what a report needs, and 1 would blame the data.
        traceback.print_exc()
        return 2
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    return 0


def enter_platform() -> "Platform":
    """Return the platform around the current folder, and make its root the current folder.

    The root's dagster.yaml speaks of `data/dagster`, relative to the root.
    """
    from assetops.opened import open_platform
    from assetops.project import find_root

    root = find_root(Path.cwd())
    os.chdir(root)
    return open_platform(root)
