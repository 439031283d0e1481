"""Whether an expectation makes sense on a column's type, told before any data is read.

Only what no database answers is refused here: where one might, it is asked.
"""

import re

_TEXT = "VARCHAR|CHAR|BPCHAR|TEXT|STRING"
_NUMBER = (
    r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|INT[1248]?|LONG|SHORT|DECIMAL|NUMERIC|REAL|DOUBLE"
    r"|FLOAT[48]?"
)
_MOMENT = "DATE|TIME|TIMETZ|DATETIME|TIMESTAMP|TIMESTAMPTZ|TIMESTAMP_(S|MS|NS)"
_OF_TEXT = re.compile(r"_match_(regex|like_pattern)|_column_value_lengths_")
_OF_NUMBERS = re.compile(r"_column_(mean|sum|stdev)_|_z_scores_|_multicolumn_sum_")


def misfit(kind: str, data_type: str | None) -> str | None:
    """Return what an expectation needs, if a column of this type is nothing of the kind.

    Args:
        kind: The expectation's type.
        data_type: The column's type as its contract says it, if it does.
    """
    word = re.match(r"\w+", (data_type or "").strip().upper())
    if word is None or str(data_type).strip().endswith("]"):
        return None
    if _OF_TEXT.search(kind) and re.fullmatch(f"{_NUMBER}|{_MOMENT}|BOOL|BOOLEAN|UUID", word[0]):
        return "text"
    if _OF_NUMBERS.search(kind) and re.fullmatch(f"{_TEXT}|{_MOMENT}|UUID", word[0]):
        return "a number"
    return None
