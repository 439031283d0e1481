"""dbt makes no message of what nobody hears, and all of what somebody does."""

from typing import Any

from dbt.events.types import NodeFinished, NodeStart
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import ctx_set_event_manager, get_event_manager
from dbt_common.events.logger import LineFormat, LoggerConfig
from dbt_common.events.types import Note

from assetops.dbt.heard import Heard, listen


def heard(manager: EventManager) -> list[str]:
    """Return what a callback hears, of a result, a beginning, and a note at each level."""
    found: list[str] = []
    manager.add_callback(lambda message: found.append(f"{message.info.name} {message.info.level}"))
    for event in (NodeFinished(), NodeStart()):
        manager.fire_event(event)
    for level in EventLevel:
        manager.fire_event(Note(msg="a note"), level)
    return found


def test_a_result_is_heard_and_what_dbt_prints() -> None:
    assert heard(Heard()) == ["NodeFinished debug", "Note info", "Note warn", "Note error"]


def test_where_a_log_is_kept_everything_is_heard(tmp_path: Any) -> None:
    def logged(manager: EventManager) -> list[str]:
        file = str(tmp_path / "dbt.log")
        kind = LineFormat.PlainText
        manager.add_logger(LoggerConfig(name="a", line_format=kind, output_file_name=file))
        return heard(manager)

    assert logged(Heard()) == logged(EventManager())


def test_listening_keeps_what_is_set_and_a_manager_of_somebodys_own() -> None:
    before = get_event_manager()

    class Own(EventManager):
        pass

    try:
        manager = EventManager()
        manager.require_warn_or_error_handling = True
        ctx_set_event_manager(manager)
        listen()
        assert isinstance(get_event_manager(), Heard)
        assert get_event_manager().require_warn_or_error_handling
        own = Own()
        ctx_set_event_manager(own)
        listen()
        assert get_event_manager() is own
    finally:
        ctx_set_event_manager(before)
