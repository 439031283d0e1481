"""The Dagster instance of a platform: what its dagster.yaml, or that of DAGSTER_HOME, describes."""

import re

import dagster as dg

from assetops.errors import ConfigError
from assetops.settings import Settings, dagster_home

# As Dagster says it, behind the schema of all that could be configured.
_UNSET = re.compile(r'fetch the environment variable "(\w+)" which is not set')


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Return the Dagster instance that records the runs; whoever asked closes it.

    Raises:
        ConfigError: Its configuration cannot be used, or its storage is not there.
    """
    home = dagster_home(settings)
    try:
        return dg.DagsterInstance.from_config(str(home))
    except Exception as error:
        # Whatever Dagster finds wrong with its configuration or its storage; the cause says what.
        raise ConfigError(f"{home / 'dagster.yaml'}: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    """Return what an error comes from, in a line and without the statement that met it."""
    while (cause := getattr(error, "orig", None) or error.__cause__) is not None:
        error = cause
    if unset := _UNSET.search(str(error)):
        return f"{unset[1]} is not set. Set it in the environment of every process."
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__
