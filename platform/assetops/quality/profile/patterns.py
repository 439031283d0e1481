"""The shapes that texts are known to have, from the most telling to the most general."""

import re
from itertools import takewhile
from typing import NamedTuple


class Pattern(NamedTuple):
    """A shape of texts."""

    word: str
    regex: str


PATTERNS = (
    Pattern("email", r"^[^@\s]+@[^@\s]+\.[^@\s.]+$"),
    Pattern("uuid", r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"),
    Pattern("url", r"^https?://\S+$"),
    Pattern("path", r"^/\S*$"),
    Pattern("iso_date", r"^\d{4}-\d{2}-\d{2}$"),
    Pattern("iso_time", r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*$"),
    Pattern("two_letter_code", r"^[A-Z]{2}$"),
    Pattern("three_letter_code", r"^[A-Z]{3}$"),
    Pattern("canadian_postal_code", r"^[A-Z]\d[A-Z] ?\d[A-Z]\d$"),
    Pattern("us_zip_code", r"^\d{5}(-\d{4})?$"),
    Pattern("phone", r"^\+[0-9][0-9 ().-]{6,20}$"),
    Pattern("digits", r"^\d+$"),
    Pattern("hex", r"^[0-9a-f]{12,}$"),
    Pattern("lower_case_code", r"^[a-z0-9]+([-_][a-z0-9]+)*$"),
    Pattern("upper_case_code", r"^[A-Z0-9]+([-_][A-Z0-9]+)*$"),
    Pattern("trimmed", r"^\S(.*\S)?$"),
)


def of_prefix(least: str, greatest: str) -> Pattern | None:
    """Return the shape `prefix and digits`, if all texts between these two begin alike."""
    # What the first and the last in order begin with, all between them do.
    same = takewhile(lambda pair: pair[0] == pair[1], zip(least, greatest, strict=False))
    prefix = "".join(first for first, _ in same).rstrip("0123456789")
    if not prefix or not re.fullmatch(r"[A-Za-z]{1,10}[-_:/#]?", prefix):
        return None
    return Pattern("prefix_and_digits", rf"^{re.escape(prefix)}\d+$")
