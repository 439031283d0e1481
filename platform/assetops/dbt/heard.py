"""dbt's events, without the messages that nobody hears: nine of ten are for a debug log."""

from typing import Any

from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import ctx_set_event_manager, get_event_manager

from assetops.dbt.results import is_heard


class Heard(EventManager):
    """Makes a message of an event, which takes longer than the event, if anybody listens to it."""

    def fire_event(
        self, e: BaseEvent, level: EventLevel | None = None, *more: Any, **named: Any
    ) -> None:
        """Tell of an event, unless it is for a log that is not kept."""
        said = level or e.level_tag()
        # What may become an error is dbt's to judge.
        judged = more or named.get("force_warn_or_error_handling")
        if self.loggers or judged or is_heard(type(e).__name__, said.value):
            super().fire_event(e, level, *more, **named)


def listen() -> None:
    """Have dbt in this process tell of what is heard, from now on."""
    before = get_event_manager()
    # Somebody's own may do more than dbt's.
    if type(before) is EventManager:
        now = Heard()
        vars(now).update(vars(before))
        ctx_set_event_manager(now)
