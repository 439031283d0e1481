"""Keeps a stop, by Ctrl-C or by Terminate, waiting while what dbt has said is being told.

Dagster raises it wherever its step is. Between dbt's word that a table is built and the event of
that, it would leave a table that nobody knows of.
"""

import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


class _Stops:
    """Those that have come, and who would have heard of them."""

    def __init__(self) -> None:
        self.came: list[int] = []
        self.handlers: dict[int, Any] = {}

    def keep(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.handlers[number] = signal.signal(number, lambda came, _: self.came.append(came))

    def keep_no_more(self) -> None:
        while self.handlers:
            signal.signal(*self.handlers.popitem())

    def let_in(self) -> None:
        while self.came:
            signal.raise_signal(self.came.pop())


class Said(Generic[_T]):
    """What a thread says to the step's, which may be stopped where it waits and misses nothing."""

    def __init__(self) -> None:
        self._words: deque[_T] = deque()
        self._news = threading.Event()

    def put(self, word: _T) -> None:
        """Say something."""
        self._words.append(word)
        self._news.set()

    def next(self) -> _T:
        """Return what was said next, once it was."""
        while not self._words:
            self._news.clear()
            # It may have been said before that.
            if not self._words:
                with stoppable():
                    self._news.wait()
        return self._words.popleft()

    def rest(self) -> Iterator[_T]:
        """Yield what was said and nobody has heard yet."""
        while self._words:
            yield self._words.popleft()


# Of the step that is telling.
_telling: list[_Stops] = []


def told_whole(events: Iterator[_T]) -> Generator[_T, None, None]:
    """Yield the events; a stop that comes while one is made is heard where one is waited for.

    That is `stoppable`, or here at the end.
    """
    if threading.current_thread() is not threading.main_thread():
        # No other thread hears of stops.
        yield from events
        return
    stops, late = _Stops(), None
    while late is None:
        _telling.append(stops)
        stops.keep()
        try:
            found = list(islice(events, 1))
        finally:
            _telling.pop()
            try:
                stops.keep_no_more()
            except BaseException as stop:
                # It came in this very moment, with an event in hand.
                late = stop
        yield from found
        if not found:
            break
    if late is not None:
        raise late
    stops.let_in()


@contextmanager
def stoppable() -> Iterator[None]:
    """Let stops in while something is waited for, at once if one has come."""
    telling = threading.current_thread() is threading.main_thread() and _telling[-1:]
    for stops in telling or ():
        stops.keep_no_more()
    try:
        for stops in telling or ():
            stops.let_in()
        yield
    finally:
        for stops in telling or ():
            stops.keep()
