"""A process of `assetops up`, which ends when that ends, however that ends.

`python -m assetops.cli.part PID MODULE ARGUMENT…` does what `python -m MODULE ARGUMENT…` does.
"""

import runpy
import signal
import sys

from assetops.resident.template import die_with


def main(starter: str, module: str, *words: str) -> None:
    """Run a module as a program until the process that has started this one is gone."""
    die_with(int(starter), signal.SIGTERM)
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
