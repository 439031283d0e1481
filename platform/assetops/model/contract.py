"""What a dataset promises, as its yml writes it: the `meta.assetops` block."""

import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from assetops.errors import did_you_mean
from assetops.model.cron import CRON, Cron, is_cron


class Word(BaseModel):
    """A frozen value that knows all its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _hours(text: str) -> str:
    number, unit = text[:-1], text[-1:]
    if unit not in "mhd" or not number.isdigit() or int(number) == 0:
        raise ValueError("a duration is a whole number and m, h or d, such as 26h")
    return text


def _clock(text: str) -> str:
    datetime.strptime(text, "%H:%M")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = did_you_mean(name, available_timezones())
        raise ValueError(
            f"expected an IANA time zone such as America/Toronto or UTC.{near}"
        ) from None
    return name


def _share(text: str) -> str:
    try:
        good = text.endswith("%") and 0 < Decimal(text[:-1]) <= 100
    except InvalidOperation:
        good = False
    if not good:
        raise ValueError("an objective is a share of days, such as 95%")
    return text


def _days(text: str) -> str:
    if _hours(text)[-1] != "d":
        raise ValueError("a window is a whole number of days, such as 30d")
    return text


def _owner(text: str) -> str:
    if not text.startswith("team:") and "@" not in text:
        raise ValueError("an owner is team:<name> or an e-mail address")
    return text


# When an asset is asked for without anybody asking.
ON_UPDATE, ON_SCHEDULE, MANUAL = "on_update", "on_schedule", "manual"
_POLICIES = (ON_UPDATE, ON_SCHEDULE, "on_cron", MANUAL)
_ON_CRON = re.compile(r"""on_cron\((["']?)(.*?)\1(?:,\s*(["'])(.*)\3\s*)?\)""")


def cron_of(policy: str) -> Cron | None:
    """Return the times of a policy such as on_cron("0 6 * * *"); None of another policy."""
    found = _ON_CRON.fullmatch(policy)
    return Cron(found[2], found[4] or "UTC") if found else None


def _policy(text: str) -> str:
    cron = cron_of(text)
    if cron is None and text not in (ON_UPDATE, ON_SCHEDULE, MANUAL):
        near = did_you_mean(text.partition("(")[0], _POLICIES)
        raise ValueError(f'expected on_update, on_schedule, on_cron("0 6 * * *") or manual.{near}')
    if cron is not None and not is_cron(cron.line):
        raise ValueError(f"{cron.line!r} is no {CRON}")
    if cron is not None:
        _zone(cron.timezone)
    return text


def _parts(text: str) -> str:
    if not re.fullmatch(r"all|at least [1-9]\d*", text):
        raise ValueError("expected all, or a number as in: at least 20")
    return text


Policy = Annotated[str, AfterValidator(_policy)]
Parts = Annotated[str, AfterValidator(_parts)]
Duration = Annotated[str, AfterValidator(_hours)]
Owner = Annotated[str, AfterValidator(_owner)]


class Format(StrEnum):
    """The formats that landing files come in."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class Ingest(Word):
    """How a source's landing files become its raw table."""

    path: str = Field(description="Below landing/<source>/, with {date} if there is one per day.")
    format: Format
    partition: Literal["daily"] | None = None
    key: tuple[str, ...] = ()
    on_bad_rows: Literal["block", "quarantine"] = "block"
    held_at_most: float = Field(default=0.5, gt=0, lt=1, description="The most that is held back.")


class ReadyBy(Word):
    """The time of day by which the data of the day before is promised, and on how many days."""

    at: Annotated[str, AfterValidator(_clock)]
    timezone: Annotated[str, AfterValidator(_zone)]
    objective: Annotated[str, AfterValidator(_share)] | None = Field(
        default=None, description="The share of days on which it is to be kept, such as 95%."
    )
    window: Annotated[str, AfterValidator(_days)] = Field(
        default="30d", description="Over how many of the newest days the objective is counted."
    )

    @property
    def target(self) -> Decimal | None:
        """The objective as a fraction."""
        return Decimal(self.objective[:-1]) / 100 if self.objective else None


class Usage(Word):
    """A question that the dataset answers, with the SQL that answers it."""

    question: str
    sql: str


class Contract(Word):
    """What a dataset promises: the `meta.assetops` block of its yml."""

    owners: tuple[Owner, ...] = ()
    ingest: Ingest | None = None
    partition: Literal["daily"] | None = None
    publish: bool | None = None
    fresh_within: Duration | None = None
    ready_by: ReadyBy | None = None
    automate: Policy | None = None
    wait_for: Parts | None = Field(default=None, description="Parts of its parents, such as hours.")
    usage: tuple[Usage, ...] = ()


class ColumnContract(Word):
    """What a column's own `meta.assetops` block may say."""

    pii: str | None = None


def timedelta_of(duration: Duration) -> timedelta:
    """Return a contract's duration, such as 26h, as a timedelta."""
    unit = {"m": "minutes", "h": "hours", "d": "days"}[duration[-1]]
    return timedelta(**{unit: int(duration[:-1])})
