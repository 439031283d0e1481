"""A process that has imported what takes seconds, and forks a process for whoever asks.

`python -P -m assetops.resident.template SOCKET MODULE…` imports the modules, and calls the function
of one that is written MODULE:FUNCTION; then it listens, and writes a line. It lives as long as
somebody keeps a connection open: when the last one is closed it ends the processes that it has
forked, and itself. When a file that it has imported changes, it forks no more, and ends when its
processes have; with `--steady` it does not look.
"""

import argparse
import contextlib
import ctypes
import os
import selectors
import signal
import site
import socket
import struct
import sys
import time
from atexit import _run_exitfuncs as run_exit_functions
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from assetops.resident import newborn
from assetops.resident.imports import state_of_imports, warm
from assetops.resident.newborn import Order
from assetops.resident.wire import receive, send
from assetops.settings import own_python_path

# How long processes that are told to stop may take over it.
GRACE_SECONDS = 10
# How long a client may take over one message, during which others wait.
_PATIENCE_SECONDS = 5
_PEER = struct.Struct("3i")
_SET_PARENT_DEATH_SIGNAL = 1


@dataclass
class Child:
    """A process that was forked, and who is told when it ends."""

    pid: int
    descriptor: int
    client: socket.socket
    # With a name it outlives its client, and any other may ask about it.
    name: str | None


class Template:
    """Forks processes for the clients of a socket until the last of them has gone."""

    def __init__(self, listener: socket.socket, *, steady: bool, starter: int) -> None:
        self.listener, self.steady, self.starter = listener, steady, starter
        self.clients: set[socket.socket] = set()
        self.children: dict[int, Child] = {}
        self.selector = selectors.DefaultSelector()
        self.told = self.retired = False
        self.imported = {} if steady else state_of_imports()
        self.woken, self.wakes = socket.socketpair()
        added = set(own_python_path())
        rest = [path for path in sys.path if path not in added]
        # What is installed from its folder may be named by PYTHONPATH too, and was then named once.
        self.search_path = [*rest, *(path for path in _installed_folders() if path in added)]

    def serve(self) -> None:
        """Answer until told to stop, or until everybody has gone; then end what still runs."""
        # A signal wakes the selector.
        self.wakes.setblocking(False)
        signal.set_wakeup_fd(self.wakes.fileno())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        self.selector.register(self.woken, selectors.EVENT_READ)
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        met = False
        while not self.told and (self.children or not self.retired):
            # Until somebody holds on to it, whoever has started it does.
            if not self.clients and (met or os.getppid() != self.starter):
                break
            for key, _ in self.selector.select(None if met else 1):
                if key.data:
                    key.data(key.fileobj)
            met = met or bool(self.clients)
        self._end()

    def _stop(self, _: int, __: FrameType | None) -> None:
        self.told = True

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        peer = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        if _PEER.unpack(peer)[1] != os.getuid():
            client.close()
            return
        client.settimeout(_PATIENCE_SECONDS)
        self.clients.add(client)
        self.selector.register(client, selectors.EVENT_READ, self._hear)

    def _hear(self, client: socket.socket) -> None:
        """Do what a client asks for; one that is gone takes its processes along."""
        request: dict[str, Any] | None = None
        files: list[int] = []
        try:
            request, files = receive(client)
            if request is not None:
                self._do(client, request, files)
        except (OSError, LookupError, TypeError) as error:
            self._answer(client, error=f"the template did not understand: {error!r}")
            request = None
        finally:
            for descriptor in files:
                os.close(descriptor)
        if request is None:
            self._leave(client)

    def _do(self, client: socket.socket, request: dict[str, Any], files: Sequence[int]) -> None:
        if "words" in request:
            if self._retires():
                self._answer(client, error="what it has imported has changed since")
                return
            order = Order(request["words"], request["folder"], request["environment"])
            pid = self._fork(client, order, files, request.get("name"))
            if not self._answer(client, pid=pid):
                # Whoever got no answer in time has it done by somebody else.
                _signal(pid, signal.SIGKILL)
            return
        found = [child.pid for child in self.children.values() if child.name == request["name"]]
        for pid in found if "signal" in request else ():
            os.kill(pid, request["signal"])
        self._answer(client, pid=found[0] if found else None)

    def _retires(self) -> bool:
        """Say whether a fresh process would import something else; then this one forks no more."""
        if not self.steady and self.imported != state_of_imports():
            self.retired = True
        return self.retired

    def _fork(
        self, client: socket.socket, order: Order, files: Sequence[int], name: str | None
    ) -> int:
        # A signal between here and there would be handled by whom it was not meant for.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._let_go()
            die_with(parent, signal.SIGTERM if name else signal.SIGKILL)
            newborn.live(order, files, self.search_path)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        child = Child(pid, os.pidfd_open(pid), client, name)
        self.children[child.descriptor] = child
        self.selector.register(child.descriptor, selectors.EVENT_READ, self._bury)
        return pid

    def _let_go(self) -> None:
        """Close what belongs to the template alone."""
        self.selector.close()
        for ours in (self.listener, self.woken, self.wakes, *self.clients):
            ours.close()
        for descriptor in self.children:
            os.close(descriptor)

    def _bury(self, descriptor: int) -> None:
        """Tell its client how a process ended."""
        child = self.children.pop(descriptor)
        self.selector.unregister(descriptor)
        os.close(descriptor)
        _, status = os.waitpid(child.pid, 0)
        self._answer(child.client, pid=child.pid, code=os.waitstatus_to_exitcode(status))

    def _answer(self, client: socket.socket, **message: object) -> bool:
        """Tell a client, and say whether it was still there."""
        try:
            send(client, message)
        except OSError:
            return False
        return True

    def _leave(self, client: socket.socket) -> None:
        for child in self.children.values():
            if child.client is client and child.name is None:
                _signal(child.pid, signal.SIGKILL)
        self.clients.discard(client)
        self.selector.unregister(client)
        client.close()

    def _end(self) -> None:
        """End the processes that still run: first they are asked to, then not."""
        self.listener.close()
        deadline = time.monotonic() + GRACE_SECONDS
        running = [child.pid for child in self.children.values()]
        for pid in running:
            _signal(pid, signal.SIGTERM)
        while running and time.monotonic() < deadline:
            running = [pid for pid in running if os.waitpid(pid, os.WNOHANG)[0] == 0]
            time.sleep(0.02)
        for pid in running:
            _signal(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _signal(pid: int, number: int) -> None:
    """Send a signal to a process and to what it has started, unless that has a session itself."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        # Right after the fork it has no group of its own yet.
        os.kill(pid, number)


def die_with(parent: int, number: int) -> None:
    """Let the kernel send this process a signal when its parent is gone, however it went."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, number)
    if os.getppid() != parent:
        os._exit(1)


def _installed_folders() -> Iterator[str]:
    """Yield the folders that files of the site's packages add to Python's search path."""
    for folder in site.getsitepackages():
        for file in sorted(Path(folder).glob("*.pth")):
            yield from (line for line in file.read_text().splitlines() if line.startswith("/"))


def main() -> NoReturn:
    """Warm up, and serve a socket in a folder that is nobody else's."""
    parser = argparse.ArgumentParser(prog="assetops.resident.template")
    parser.add_argument("--steady", action="store_true", help="fork on, whatever changes")
    parser.add_argument(
        "--starter", type=int, default=os.getppid(), help="the pid of who started it"
    )
    parser.add_argument("socket", type=Path)
    parser.add_argument("modules", nargs="*")
    given = parser.parse_args()
    folder = given.socket.parent
    if folder.stat().st_mode & 0o077 or folder.stat().st_uid != os.getuid():
        sys.exit(f"{folder} is open to others; a template needs a folder of its own (chmod 700).")
    warm(given.modules)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(given.socket))
        # Before anybody can ask it, it has looked at what it has imported.
        template = Template(listener, steady=given.steady, starter=given.starter)
        listener.listen()
        print("ready", flush=True)
        template.serve()
        with contextlib.suppress(FileNotFoundError):
            given.socket.unlink()
    run_exit_functions()
    # The interpreter's own end would take to pieces all that was imported.
    os._exit(0)


if __name__ == "__main__":
    main()
