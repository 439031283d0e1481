"""Whether a landing file is still being written: it is not to be read before it is whole."""

import contextlib
import fcntl
import os
import signal
from errno import EAGAIN
from pathlib import Path


def open_for_writing(file: Path) -> bool | None:
    """Say whether a process of this machine has a file open for writing.

    Linux grants a lease for reading on nothing that is. None where it cannot tell: on most network
    file systems, for a file of another user, and elsewhere than on Linux.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return None
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    try:
        # Whoever opens the file in the moment of the lease has us told by a signal: by one that is
        # ignored unless somebody asks for it.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == EAGAIN else None
    else:
        return False
    finally:
        # It gives the lease back, too.
        with contextlib.suppress(OSError):
            os.close(descriptor)
