"""The variables that every invocation of dbt is given, as an installation says them."""

import json
from typing import Annotated, Any

from pydantic import BeforeValidator


def _variables(said: Any) -> str:
    """Return variables as JSON, from the text of an environment variable or a table of TOML."""
    try:
        found = json.loads(said) if isinstance(said, str) else said
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError('expected dbt\'s variables as a JSON object, such as {"country": "ca"}')
    return json.dumps(found, sort_keys=True, default=str)


# As text, so that settings stay what can be compared and hashed.
Variables = Annotated[str, BeforeValidator(_variables)]
