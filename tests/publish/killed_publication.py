"""Kills a publication before each of its steps, on a fresh copy each, and says what consumers saw.

FOLDER/shop is a shop whose next release is ready. Python announces operations on files to its
audit hooks, so a child that kills itself at the nth one was killed between two of them.
"""

import os
import shutil
import signal
import sys
import traceback
from pathlib import Path

from shop import Shop, seen

CHANGING = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.chmod", "os.utime"}
WRITING = os.O_WRONLY | os.O_RDWR


def kill_at(step: int, folder: Path) -> None:
    """Let this process kill itself before its nth change of files, or look at what is due."""
    steps = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps
        ours = any(str(folder) in str(argument) for argument in arguments)
        opened = event == "open" and (
            "current.json" in str(arguments[0]) or int(str(arguments[2])) & WRITING
        )
        if ours and (opened or event in CHANGING):
            steps += 1
            if steps == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def act(shop: Shop, work: str) -> None:
    if work == "publish":
        shop.publish()
    else:
        shop.releases.rollback()


def survive(root: Path, work: str, again: bool) -> str:
    """Check that consumers see a whole release before and after the next start, and return both."""
    published = root / "data" / "dev" / "published" / "warehouse.duckdb"
    before = seen(published)
    shop = Shop(root)
    shop.releases.heal()
    healed = seen(published)
    assert healed["customers"] == healed["orders"], healed
    assert before["customers"] == before["orders"], before
    assert shop.leftovers() == [], shop.leftovers()
    if again and not shop.releases.pinned:
        act(shop, work)
        goal = {3} if work == "publish" else {1}
        assert seen(published) == {"customers": goal, "orders": goal}
        assert shop.leftovers() == [], shop.leftovers()
        kept = [release.id for release in shop.releases.list()]
        assert len(kept) == (3 if work == "publish" else 2), kept
    return f"{before['customers']} {healed['customers']}"


def in_child(function, *arguments) -> int:
    """Run a function in a process of its own and return how it ended."""
    child = os.fork()
    if child == 0:
        try:
            print(function(*arguments), flush=True)
            os._exit(0)
        except BaseException:
            # The child of a fork must not return into the test runner, whatever it raised.
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed(root: Path, work: str, step: int) -> str:
    shop = Shop(root)
    kill_at(step, root / "data" / "dev")
    act(shop, work)
    return "finished"


def main(folder: str, work: str) -> int:
    """Kill at every step until the work is done before the kill comes."""
    case, ready = Path(folder) / "case", Path(folder) / "shop"
    for step in range(1, 500):
        shutil.rmtree(case, ignore_errors=True)
        shutil.copytree(ready, case, symlinks=True)
        ended = in_child(killed, case, work, step)
        if in_child(survive, case, work, step % 4 == 0) != 0:
            print(f"killed at step {step}", file=sys.stderr)
            return 1
        if ended == 0:
            print(f"{step - 1} kills")
            return 0
        if ended != -signal.SIGKILL:
            return 1
    return 1
