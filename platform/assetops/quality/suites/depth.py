"""How deep a suite looks: light expectations run in every build, deep ones aside from it."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from assetops.errors import did_you_mean
from assetops.model import CRON, Word, is_cron
from assetops.project import mistake
from assetops.quality.suites.counterparts import Reconcile, counterpart_mistakes

# What is said of the whole table cannot be seen in some of its rows.
_WHOLE_TABLE = re.compile(
    r"^expect_(table_row_count_\w+|column_sum_\w+|column_unique_value_count_\w+"
    r"|column_proportion_of_unique_\w+|column_distinct_values_to_(contain|equal)_set"
    r"|column_values_to_be_unique|compound_columns_to_be_unique)$"
)
_OURS = ("name", "depth")


class Depth(StrEnum):
    """When an expectation is asked: light in every build, deep on a schedule or on demand."""

    LIGHT = "light"
    DEEP = "deep"


def _sample(value: int | str) -> int | str:
    if isinstance(value, int):
        if value < 1:
            raise ValueError("a sample has at least one row")
        return value
    share = re.fullmatch(r"(\d+(?:\.\d+)?)%", value)
    if not share or not 0 < float(share[1]) <= 100:
        raise ValueError("a sample is a number of rows, such as 100000, or a share, such as 10%")
    return value


def _cron(text: str) -> str:
    if not is_cron(text):
        raise ValueError(f"a schedule is a {CRON}")
    return text


Cron = Annotated[str, AfterValidator(_cron)]


class Deep(Word):
    """How the deep expectations of a suite are asked."""

    sample: Annotated[int | str, AfterValidator(_sample)] | None = Field(
        default=None, description="Rows, or a share such as 10%; all rows if it is left out."
    )
    seed: int = Field(default=0, description="Another seed is another sample.")
    schedule: Cron | None = Field(default=None, description="Instead of ASSETOPS_DEEP_SCHEDULE.")

    def sample_size(self, rows: int) -> int | None:
        """Return how many rows of a table of so many are looked at; None for all of them."""
        if self.sample is None:
            return None
        if isinstance(self.sample, int):
            return self.sample if self.sample < rows else None
        share = float(self.sample.removesuffix("%"))
        return math.ceil(rows * share / 100) if share < 100 else None


class SuiteMeta(Word):
    """What a suite's `meta.assetops` may say."""

    depth: Depth = Depth.LIGHT
    deep: Deep = Deep()
    reconcile: tuple[Reconcile, ...] = ()


def suite_meta(ours: Any) -> SuiteMeta:
    """Return what a suite's `meta.assetops` says, of which `suite_mistakes` found nothing wrong."""
    known = SuiteMeta.model_fields
    return SuiteMeta.model_validate({k: v for k, v in (ours or {}).items() if k in known})


def suite_mistakes(ours: Any, *, lands: bool) -> Iterator[tuple[str, str]]:
    """Yield what is wrong within our keys of `meta.assetops`, with the word to look for.

    `lands` says whether files land for the dataset.
    """
    if not isinstance(ours, Mapping):
        return
    try:
        yield from counterpart_mistakes(suite_meta(ours).reconcile, lands=lands)
    except ValidationError as error:
        for fault in error.errors():
            path = [part for part in fault["loc"] if isinstance(part, str)]
            yield mistake(SuiteMeta, dict(fault), "suite"), (path or ["assetops"])[-1]


def depth_of(entry: Mapping[str, Any]) -> Depth | None:
    """Return what an expectation's meta says; None leaves it to the suite."""
    depth = (entry.get("meta") or {}).get("depth")
    return Depth(depth) if depth is not None else None


def depth_mistakes(meta: Any) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with an expectation's meta, which may hold others' keys as well."""
    if not isinstance(meta or {}, Mapping):
        yield "meta is an object.", "meta"
        return
    meta = meta or {}
    depth = meta.get("depth", Depth.LIGHT)
    if depth not in list(Depth):
        near = did_you_mean(str(depth), list(Depth)) or f" Use {' or '.join(Depth)}."
        yield f"meta.depth is {depth!r}.{near}", "depth"
    for key in meta:
        # Others may keep what they like there: only what is nearly one of ours is a mistake.
        nearest = get_close_matches(str(key), _OURS, n=1, cutoff=0.75)
        if nearest and key not in _OURS:
            yield f"meta.{key} is no key that we know. Did you mean {nearest[0]}?", str(key)


def sample_mistakes(
    meta: SuiteMeta, expectations: Iterable[Any], looked_at: object | None
) -> Iterator[tuple[str, str]]:
    """Yield what cannot be asked of a sample, with the name of the expectation that asks it.

    Args:
        meta: What the suite says of deep and light.
        expectations: What it expects.
        looked_at: Its input, if that is not the table.
    """
    if meta.deep.sample is None:
        return
    if looked_at is not None:
        yield (
            "meta.assetops.deep.sample is a sample of the table, and meta.assetops.input says to "
            "look at something else. Leave one of them out.",
            "",
        )
    for asked in expectations:
        if (asked.depth or meta.depth) is Depth.DEEP and _WHOLE_TABLE.match(asked.type):
            yield (
                f"{asked.name} ({asked.type}) means nothing on a sample. Make it light, or leave "
                "out meta.assetops.deep.sample to look at all rows.",
                asked.name,
            )
