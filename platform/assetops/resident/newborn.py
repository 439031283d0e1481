"""Makes a fork of the template what a fresh Python process would be, and runs it as one."""

import importlib
import logging
import os
import random
import runpy
import signal
import sys
import tempfile
import threading
import time
import traceback
import types
from atexit import _run_exitfuncs as run_exit_functions
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from assetops.settings import replace_environment

# Python starts with these ignored.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
# What stands between the interpreter and the program, in a stack trace.
_NOT_OF_THE_PROGRAM = (__file__, runpy.__spec__.origin, "<frozen runpy>")


@dataclass(frozen=True)
class Order:
    """What a process is to run, as Python's own command line says it, where, and in what."""

    # -c CODE …, -m MODULE … or SCRIPT …
    words: Sequence[str]
    folder: str
    environment: Mapping[str, str]


def live(order: Order, files: Sequence[int], search_path: Sequence[str]) -> NoReturn:
    """Run an order in this process, which was forked for it, and end with its exit code.

    Args:
        order: What is to be run.
        files: Descriptors that become its standard input, output and error.
        search_path: Where Python looks for modules, without what PYTHONPATH adds.
    """
    try:
        _forget_the_parent(files)
        os.chdir(order.folder)
        replace_environment(order.environment)
        time.tzset()
        _set_search_path(order, search_path)
        code = _exit_code(order.words)
        # As at the end of the interpreter, and without taking it to pieces: threads, then the rest.
        threading._shutdown()  # type: ignore[attr-defined]
        run_exit_functions()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        code = 1
    os._exit(code)


def _forget_the_parent(files: Sequence[int]) -> None:
    """Take new files, a session of one's own, and all else that a process starts with."""
    os.setsid()
    for standard, given in enumerate(files):
        os.dup2(given, standard)
        os.close(given)
    for stream in (sys.stdout, sys.stderr):
        # Libraries may have kept these objects: they stay, and learn where they write now.
        stream.reconfigure(line_buffering=stream is sys.stderr or stream.isatty())  # type: ignore[union-attr]
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    tempfile.tempdir = None
    logging.getLogger().handlers.clear()


def _set_search_path(order: Order, search_path: Sequence[str]) -> None:
    what = order.words[0]
    # As Python does: whoever changes folder after `-c` looks for modules there.
    first = {"-c": "", "-m": order.folder}.get(what, str(Path(what).resolve().parent))
    added = filter(None, order.environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = [first, *map(os.path.abspath, added), *search_path]
    # What has been written since the template looked into a folder is there, too.
    importlib.invalidate_caches()


def _exit_code(words: Sequence[str]) -> int:
    """Run it, and return what Python would end with."""
    try:
        _run(words)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename in _NOT_OF_THE_PROGRAM:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return 1
    return 0


def _run(words: Sequence[str]) -> None:
    what, *rest = words
    if what == "-c":
        sys.argv = ["-c", *rest[1:]]
        module = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), module.__dict__)
    elif what == "-m":
        sys.argv = ["-m", *rest[1:]]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [what, *rest]
        runpy.run_path(what, run_name="__main__")
