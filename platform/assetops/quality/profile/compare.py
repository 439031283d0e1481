"""A draft against the suite that a person wrote: what it adds, and what the data contradicts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from assetops.quality.profile import columns, table, texts, volume
from assetops.quality.profile.draft import Draft
from assetops.quality.profile.scan import Group, Measures
from assetops.quality.profile.subject import number
from assetops.quality.suites import Expectation, Suite
from assetops.quality.suites.words import columns_of, sentence

ADD, CONTRADICTED, TIGHTER, LOOSER, OTHERWISE = "add", "contradicted", "tighter", "looser", "other"


@dataclass(frozen=True)
class Change:
    """One difference between a draft and a suite."""

    what: str
    name: str
    said: str
    reason: str

    def as_json(self) -> dict[str, str]:
        """Return it as a program reads it."""
        return asdict(self)


@dataclass(frozen=True)
class Claim:
    """One thing that an expectation says: a bound, a set, or itself."""

    kind: str
    columns: tuple[str, ...]
    side: str
    value: Any
    strict: bool
    mostly: float

    @property
    def about(self) -> tuple[str, tuple[str, ...], str, bool]:
        """What it says something about; a rule for most rows is another than one for all."""
        return (self.kind, self.columns, self.side, self.mostly < 1)


def differences(draft: Draft, suite: Suite) -> list[Change]:
    """Return what the data contradicts, what the draft has otherwise, and what it would add."""
    contradicted = [
        Change(CONTRADICTED, e.name, sentence(e.type, e.kwargs), found)
        for e in suite.expectations
        for found in [_contradiction(e, draft)]
        if found
    ]
    standing: dict[Any, list[tuple[Claim, Expectation]]] = {}
    for expectation in suite.expectations:
        for claim in _claims(expectation):
            standing.setdefault(claim.about, []).append((claim, expectation))
    changes = [c for e in draft.expectations for c in _against(e, standing)]
    order = (TIGHTER, LOOSER, OTHERWISE, ADD)
    return contradicted + sorted(changes, key=lambda change: order.index(change.what))


def _against(
    proposed: Expectation, standing: Mapping[Any, list[tuple[Claim, Expectation]]]
) -> Iterator[Change]:
    claims = list(_claims(proposed))
    met = [(claim, *pair) for claim in claims for pair in standing.get(claim.about, ())[:1]]
    if not met:
        said = sentence(proposed.type, proposed.kwargs)
        yield Change(ADD, proposed.name, said, proposed.description)
    found: dict[str, tuple[Expectation, set[str]]] = {}
    for claim, written, expectation in met:
        if what := _compared(claim, written):
            found.setdefault(expectation.name, (expectation, set()))[1].add(what)
    for name, (expectation, whats) in found.items():
        here = sentence(expectation.type, expectation.kwargs)
        said = f"{sentence(proposed.type, proposed.kwargs)}; the suite has {here}"
        what = whats.pop() if len(whats) == 1 else OTHERWISE
        yield Change(what, name, said, proposed.description)


def _claims(expectation: Expectation) -> Iterator[Claim]:
    kwargs = expectation.kwargs
    if kwargs.get("row_condition"):
        return
    about = expectation.type, tuple(columns_of(kwargs))
    mostly = float(kwargs.get("mostly") or 1)
    bounds = [side for side in ("min", "max") if kwargs.get(f"{side}_value") is not None]
    for side in bounds:
        strict = bool(kwargs.get(f"strict_{side}"))
        yield Claim(*about, side, kwargs[f"{side}_value"], strict, mostly)
    if not bounds:
        value = kwargs.get("value_set", kwargs.get("value", kwargs.get("regex")))
        yield Claim(*about, "", value, False, mostly)


def _compared(draft: Claim, written: Claim) -> str | None:
    """Say how the draft's claim compares to the written one; None where they are the same."""
    if isinstance(draft.value, list) and isinstance(written.value, list):
        ours, theirs = set(map(str, draft.value)), set(map(str, written.value))
        tighter, looser = ours < theirs, ours > theirs
        if draft.kind == texts.CONTAIN:
            tighter, looser = looser, tighter
        same = ours == theirs
    else:
        same = draft.value == written.value
        ours_, theirs_ = _figure(draft.value), _figure(written.value)
        if ours_ is None or theirs_ is None:
            tighter = looser = False
        else:
            above = ours_ > theirs_
            tighter, looser = (above, not above) if draft.side == "min" else (not above, above)
    if same:
        mine, theirs_all = (draft.strict, draft.mostly), (written.strict, written.mostly)
        return None if mine == theirs_all else TIGHTER if mine > theirs_all else LOOSER
    return TIGHTER if tighter else LOOSER if looser else OTHERWISE


def _figure(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return None


def _contradiction(expectation: Expectation, draft: Draft) -> str | None:
    """Return what the measured data has against an expectation, if it was measured."""
    kwargs, named = expectation.kwargs, columns_of(expectation.kwargs)
    if kwargs.get("row_condition"):
        return None
    groups = [group for group in draft.scan.groups if group.rows]
    fields = {f.name: f for f in draft.scan.fields}
    if expectation.type == volume.ROWS:
        return _beyond(kwargs, [g.rows for g in groups], "rows") if not draft.sampled else None
    if len(named) != 1 or named[0] not in fields:
        return None
    name, hidden = named[0], fields[named[0]].pii
    whole = draft.scan.whole.columns[name]
    mostly = float(kwargs.get("mostly") or 1)
    if expectation.type == columns.NOT_NULL:
        return _null(groups, name, mostly)
    if expectation.type == table.UNIQUE and draft.scan.repeated.get((name,)):
        return f"{number(draft.scan.repeated[(name,)])} values come more than once."
    if hidden or mostly < 1:
        return None
    if expectation.type == columns.BETWEEN:
        return _beyond(kwargs, [whole.least, whole.greatest], "a value of")
    if expectation.type == columns.MEAN:
        return _beyond(kwargs, [g.columns[name].mean for g in groups], "a mean of")
    if expectation.type == texts.IN_SET:
        return _outside(kwargs.get("value_set") or (), draft.scan.whole, name)
    if expectation.type == texts.LENGTHS:
        return _lengths(kwargs, whole)
    return None


def _null(groups: Sequence[Group], name: str, mostly: float) -> str | None:
    for group in groups:
        nulls = group.rows - group.columns[name].values
        if group.rows - nulls < mostly * group.rows:
            where = f" of {group.day}" if group.day else ""
            return f"{number(nulls)} of {number(group.rows)} rows{where} null."
    return None


def _beyond(kwargs: Mapping[str, Any], found: Sequence[Any], word: str) -> str | None:
    """Say what lies beyond the bounds; bounds that depend on the time of a run are not judged."""
    low, high = _figure(kwargs.get("min_value")), _figure(kwargs.get("max_value"))
    for value in found:
        figure = value.timestamp() if isinstance(value, datetime) else value
        if figure is None:
            continue
        below = low is not None and (figure < low or (figure == low and kwargs.get("strict_min")))
        above = high is not None and (
            figure > high or (figure == high and kwargs.get("strict_max"))
        )
        if below or above:
            shown = f"{value}" if isinstance(value, datetime) else number(value)
            return f"there are {shown} rows." if word == "rows" else f"there is {word} {shown}."
    return None


def _outside(allowed: Sequence[Any], whole: Group, name: str) -> str | None:
    others = sorted(set(map(str, whole.counts.get(name, ()))) - set(map(str, allowed)))
    return f"there is {', '.join(others[:5])}, too." if others else None


def _lengths(kwargs: Mapping[str, Any], whole: Measures) -> str | None:
    return _beyond(kwargs, [whole.shortest, whole.longest], "a length of") if whole.values else None
