"""A stop that comes while an event is made waits until the event is told."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from assetops.dbt.stops import Said, told_whole


class Stopped(BaseException):
    """What Dagster raises in a step, wherever it is."""


@pytest.fixture(autouse=True)
def raising() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def made(said: Said[str], stop_at: str, number: int) -> Iterator[str]:
    """Make events of what is said; a stop comes while one is made."""
    try:
        while word := said.next():
            if word == stop_at:
                os.kill(os.getpid(), number)
            yield word.upper()
    except Stopped:
        for word in said.rest():
            yield word.upper()
        raise


def heard(events: Iterator[str]) -> list[str]:
    found = []
    with suppress(Stopped):
        for event in told_whole(events):
            found.append(event)
        found.append("not stopped")
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_waits_for_the_event_that_is_being_made(number: int) -> None:
    said: Said[str] = Said()
    for word in ("one", "two", "three"):
        said.put(word)
    # Nothing more comes: it is heard where more would be waited for.
    assert heard(made(said, "two", number)) == ["ONE", "TWO", "THREE"]


def test_a_stop_at_the_end_is_heard_there() -> None:
    said: Said[str] = Said()
    for word in ("one", "two", ""):
        said.put(word)
    assert heard(made(said, "two", signal.SIGINT)) == ["ONE", "TWO"]


def test_who_waits_is_stopped_at_once_and_hears_what_was_said_meanwhile() -> None:
    said: Said[str] = Said()

    def stop_and_say() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        said.put("late")

    said.put("one")
    timer = threading.Timer(0.2, stop_and_say)
    timer.start()
    found = heard(made(said, "never", 0))
    timer.join()
    assert found in (["ONE"], ["ONE", "LATE"])
    assert [*found[1:], *map(str.upper, said.rest())] == ["LATE"]


def test_while_an_event_is_told_stops_are_the_callers() -> None:
    events = told_whole(iter(["one", "two"]))
    assert next(events) == "one"
    with pytest.raises(Stopped):
        os.kill(os.getpid(), signal.SIGINT)
    assert [*events] == ["two"]


def test_another_thread_hears_of_no_stop_and_is_told_all() -> None:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(told_whole(iter(["one", "two"]))))
    thread.start()
    thread.join()
    assert found == ["one", "two"]
