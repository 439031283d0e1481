"""What a template and its clients say to each other: JSON with its length, and open files."""

import json
import socket
import struct
from collections.abc import Sequence
from typing import Any

_LENGTH = struct.Struct("!I")
_FILES = 3
# An environment and a command line; more is no request.
_LONGEST = 4 * 1024 * 1024


def send(connection: socket.socket, message: dict[str, Any], files: Sequence[int] = ()) -> None:
    """Send a message and open files."""
    payload = json.dumps(message).encode()
    socket.send_fds(connection, [_LENGTH.pack(len(payload))], files)
    connection.sendall(payload)


def receive(connection: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Return the next message and its files; none if the other side is gone.

    Raises `OSError` for what is no message.
    """
    head, files, _, _ = socket.recv_fds(connection, _LENGTH.size, _FILES)
    if not head:
        return None, files
    try:
        (length,) = _LENGTH.unpack(head)
        if length > _LONGEST:
            raise OSError(f"{length} bytes are too many")
        payload = b""
        while len(payload) < length:
            if not (more := connection.recv(length - len(payload))):
                raise OSError("it ends in the middle")
            payload += more
        message: dict[str, Any] = json.loads(payload)
    except (struct.error, ValueError) as error:
        raise OSError(str(error)) from None
    return message, files
