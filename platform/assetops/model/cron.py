"""What a cron line may say: five fields, as Dagster reads them, known without Dagster."""

import re
from typing import NamedTuple

CRON = "cron line of five fields, such as 0 3 * * 0"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# The lowest and the highest number of each field, and the names that stand for numbers in it.
_FIELDS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 7, _DAYS),
)
_PART = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")


class Cron(NamedTuple):
    """Times that come again, by the clocks of a place."""

    line: str
    timezone: str = "UTC"

    def __str__(self) -> str:
        return f"{self.line} ({self.timezone})"


def is_cron(text: str) -> bool:
    """Say whether a text is a cron line, on a day that comes."""
    fields = text.lower().split()
    if len(fields) != len(_FIELDS) or not all(map(_is_field, fields, _FIELDS)):
        return False
    return not (fields[3] in ("2", "feb") and fields[2] in ("30", "31"))


def _is_field(field: str, bounds: tuple[int, int, tuple[str, ...]]) -> bool:
    return all(_is_part(part, *bounds) for part in field.split(","))


def _is_part(part: str, lowest: int, highest: int, names: tuple[str, ...]) -> bool:
    found = _PART.fullmatch(part)
    if found is None or found[4] == "0" or (found[4] and found[2] and not found[3]):
        return False
    numbers = []
    for word in filter(None, (found[2], found[3])):
        if not word.isdigit() and word not in names:
            return False
        numbers.append(int(word) if word.isdigit() else lowest + names.index(word))
    return numbers == sorted(numbers) and all(lowest <= n <= highest for n in numbers)
