"""The example business on the engine: its files say everything but what only Python can."""

from pathlib import Path

from assetops import build_definitions
from retail.segments import customer_segments

ROOT = Path(__file__).parents[2]

defs = build_definitions(ROOT, assets=[customer_segments])
