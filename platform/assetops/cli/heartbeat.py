"""Whether the daemon works: each of its parts says so in Dagster's storage every 30 s."""

import time
from collections.abc import Mapping

import dagster as dg

# Two heartbeats may be missed on a busy machine; whoever looks every 15 s knows within two minutes.
SILENT_SECONDS = 100


def silences(instance: dg.DagsterInstance, *, now: float | None = None) -> Mapping[str, float]:
    """Return for how many seconds each part of the daemon has said nothing.

    Args:
        instance: The instance that it works on.
        now: Seconds since 1970; by default the clock's.
    """
    beats = instance.get_daemon_heartbeats()
    now = time.time() if now is None else now
    return {
        kind: now - beats[kind].timestamp if kind in beats else float("inf")
        for kind in instance.get_required_daemon_types()
    }


def verdict(instance: dg.DagsterInstance, *, now: float | None = None) -> tuple[bool, str]:
    """Say whether the daemon works, and in a sentence since when not."""
    silent = silences(instance, now=now)
    longest = max(silent.values(), default=0.0)
    if longest <= SILENT_SECONDS:
        return True, f"works, last heard of {longest:.0f} s ago"
    late = {kind: seconds for kind, seconds in silent.items() if seconds > SILENT_SECONDS}
    shortest = min(late.values())
    if late.keys() != silent.keys():
        parts = ", ".join(f"{kind} {_ago(seconds)}" for kind, seconds in late.items())
        return False, f"works in part; silent: {parts}"
    if shortest == float("inf"):
        return False, "was never started"
    return False, f"was last heard of {_ago(shortest)} ago"


def _ago(seconds: float) -> str:
    if seconds == float("inf"):
        return "always"
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
