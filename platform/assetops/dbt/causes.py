"""Why dbt could not do something, and whether the same might go well a moment later.

What is in the code, in the data or in the settings fails again however often it is tried. What
others did, who then stop, passes.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from assetops.dbt.results import NodeResult
from assetops.errors import TransformError


@dataclass(frozen=True)
class Cause:
    """A class of errors, known by what databases, dbt and systems say of them."""

    name: str
    # Whether trying again may help.
    passes: bool
    why: str
    said: str = ""


# The first that fits counts, so that what is certain to stay stands before what may pass.
CAUSES = (
    Cause("stopped", False, "Somebody asked for it.", r"INTERRUPT Error"),
    Cause(
        "contract",
        False,
        "The model and its contract differ until one is changed.",
        r"enforced contract that failed",
    ),
    Cause(
        "code",
        False,
        "dbt or the database does not understand the SQL, yml or Jinja.",
        r"Compilation Error|Parsing Error|Dependency Error|Parser Error|Binder Error|Catalog Error"
        r"|Syntax Error|Not implemented Error|depends on .* which was not found|Env var required",
    ),
    Cause(
        "data",
        False,
        "The rows do not fit what is asked of them.",
        r"Conversion Error|Constraint Error|Out of Range Error|Invalid Input Error|Mismatch Type",
    ),
    Cause(
        "disk full",
        False,
        "Somebody has to make room.",
        r"No space left on device|max_temp_directory_size|Disk quota exceeded",
    ),
    Cause(
        "not there",
        False,
        "A file or folder is missing, or must not be read or written.",
        r"No such file|No files found|Permission denied|Read-only file system|Is a directory",
    ),
    Cause(
        "database gone",
        False,
        "The database has to be opened anew, which another run does.",
        r"database has been invalidated|INTERNAL Error",
    ),
    Cause(
        "locked",
        True,
        "A process that does not know the warehouse's lock has the file, and will let go.",
        r"Could not set lock|Conflicting lock|database is locked",
    ),
    Cause(
        "conflict",
        True,
        "Two transactions wrote one thing; the other one has ended by then.",
        r"write-write conflict|TransactionContext Error|Transaction conflict|[Dd]eadlock"
        r"|could not serialize",
    ),
    Cause(
        "out of memory",
        True,
        "What ran beside it took the memory; the second time, only what failed runs.",
        r"Out of Memory Error|Cannot allocate memory|out of memory",
    ),
    Cause(
        "input/output",
        True,
        "A disk, a network or a service failed for a moment.",
        r"Input/output error|Stale file handle|Resource temporarily unavailable|timed? ?out"
        r"|[Cc]onnection (refused|reset|error|closed)|Could not establish connection"
        r"|Temporary failure|HTTP (Error|code).*\b(429|5\d\d)\b|Too many open files",
    ),
    Cause(
        "killed", True, "The system ended dbt's process, as it ends a run's.", r"killed by signal"
    ),
)
TEST_FAILED = Cause("test failed", False, "The data is bad until it, or the model, is changed.")
UNKNOWN = Cause("anything else", False, "Nobody can say that it would end otherwise.")


def cause_of(message: str) -> Cause:
    """Return the class of an error by its message."""
    return next((cause for cause in CAUSES if re.search(cause.said, message)), UNKNOWN)


def all_pass(results: Sequence[NodeResult]) -> bool:
    """Say whether trying again may help with everything that did not succeed.

    One that stays would fail again, and what passes is tried by whoever mends that one.
    """
    causes = [TEST_FAILED if r.status == "fail" else cause_of(r.message) for r in results]
    return bool(causes) and all(cause.passes for cause in causes)


@contextmanager
def tried_again(context: dg.OpExecutionContext, times: int) -> Iterator[None]:
    """Let a step that failed for a passing reason be tried again, later each time.

    Not by a retry policy, which would also try again what nobody has a name for.
    """
    try:
        yield
    except (dg.Failure, TransformError) as error:
        passes = (
            error.allow_retries if isinstance(error, dg.Failure) else cause_of(str(error)).passes
        )
        if not passes or context.retry_number >= times:
            raise
        seconds = 2 ** (context.retry_number + 1)
        said = error.description if isinstance(error, dg.Failure) else str(error)
        cause = cause_of(said or "")
        context.log.warning(f"{said}\nTried again in {seconds} s ({cause.name}): {cause.why}")
        raise dg.RetryRequested(max_retries=times, seconds_to_wait=seconds) from error
