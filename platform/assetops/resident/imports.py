"""What a template has imported before anybody asks, and whether it would import the same again."""

import contextlib
import gc
import importlib
import os
import sys
import sysconfig
from collections.abc import Callable, Sequence


def warm(modules: Sequence[str]) -> None:
    """Import modules, as far as they are installed, and leave one thread and little to collect."""
    for name in modules:
        module, _, function = name.partition(":")
        try:
            imported = importlib.import_module(module)
        except ModuleNotFoundError as error:
            print(f"The template goes without {name}: {error}", file=sys.stderr)
            continue
        if function:
            _do(name, getattr(imported, function))
    # Linear algebra starts its threads when imported, and stops them at a fork; after it, it does
    # with threads as in any process: when they are needed.
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    gc.collect()
    # Objects that no collection touches stay in memory that parent and children share.
    gc.freeze()


def _do(name: str, function: Callable[[], None]) -> None:
    try:
        function()
    except Exception as error:
        # Runs do without, more slowly.
        print(f"The template goes without {name}: {error}", file=sys.stderr)


def state_of_imports() -> dict[str, float]:
    """Return when what has been imported was last changed.

    Of packages that are installed the folder is looked at, which every installation changes: to
    look at their thousands of files takes long.
    """
    files = {module.__file__ for module in sys.modules.values() if getattr(module, "__file__", "")}
    installed = {sysconfig.get_path(kind) for kind in ("purelib", "platlib", "stdlib")}
    ours = {file for file in files if file and not any(map(file.startswith, installed))}
    changed = {}
    for path in ours | installed:
        with contextlib.suppress(OSError):
            changed[path] = os.stat(path).st_mtime
    return changed
