"""Stands for `python` where a test lets the product start a process: it is forked, and waited for.

`python -I -S tests/forked.py TEMPLATE WORDS…` runs `python WORDS…` as tests/processes.py does.
"""

import os
import sys
from pathlib import Path

# Of the engine, what it takes to ask alone: neither its environment nor its packages are here.
sys.path.insert(0, str(Path(__file__).parents[1] / "platform"))

from assetops.resident.client import Forked

template, *words = sys.argv[1:]
code = Forked(Path(template), words, folder=Path.cwd(), environment=os.environ).wait()
sys.exit(code if code >= 0 else 128 - code)
