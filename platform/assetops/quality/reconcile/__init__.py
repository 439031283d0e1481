"""Two tables that should be one: rows, sums and hashes per bucket, then the keys that differ."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assetops.model import Severity, Status, Verdict, quote
from assetops.quality.reconcile.canonical import Dialect, Form, hash_of, readable, text_of

SHOWN = 20
_MASK = "•••"

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Side:
    """One of two tables: what it is called, and how it is asked."""

    name: str
    dialect: Dialect
    # Quoted, or a query in parentheses.
    table: str
    ask: Callable[[str], Sequence[Row]]
    # The columns' types by their names.
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """What is compared: columns with their forms, the key that tells rows apart, the buckets."""

    forms: Mapping[str, Form]
    key: Sequence[str]
    buckets: int
    pii: Collection[str] = ()

    @property
    def _summed(self) -> list[str]:
        # A key's sum tells nobody anything.
        return [n for n, form in self.forms.items() if form.is_summed and n not in self.key]

    def verdict(self, here: Side, there: Side, *, check: str, severity: Severity) -> Verdict:
        """Return what was found: passed if every bucket is the same on both sides."""
        left, right = self._totals(here), self._totals(there)
        differing = sorted(b for b in left.keys() | right.keys() if left.get(b) != right.get(b))
        expected = f"the same rows, sums and hashes here and in {there.name}"
        rows = sum(int(total[0]) for total in left.values())
        passed = Verdict(
            check=check, severity=severity, status=Status.PASSED, expected=expected, rows=rows
        )
        if not differing:
            return passed
        keys = list(self._differing_keys(here, there, differing))
        return passed.model_copy(
            update={
                "status": Status.FAILED,
                "observed": self._said(left, right, differing),
                "failing_rows": len(keys),
                "sample": tuple(keys),
            }
        )

    def _totals(self, side: Side) -> dict[int, Row]:
        """Return rows, the sum of hashes and the sums of each bucket."""
        sums = "".join(
            f", coalesce(sum({quote(name)}), 0) as {quote(f's{i}')}"
            for i, name in enumerate(self._summed)
        )
        columns = "".join(f", {quote(name)}" for name in self._summed)
        found = side.ask(
            f"select bucket, count(*), sum(h){sums} from (select {self._bucket(side)} as bucket, "
            f"{hash_of(self._texts(side), side.dialect)} as h{columns} from {side.table}) t "
            "group by bucket"
        )
        return {int(bucket): tuple(totals) for bucket, *totals in found}

    def _bucket(self, side: Side) -> str:
        texts = [text_of(name, self.forms[name], side.dialect) for name in self.key]
        return f"mod({hash_of(texts, side.dialect)}, {self.buckets:d})"

    def _texts(self, side: Side) -> list[str]:
        return [text_of(name, form, side.dialect) for name, form in self.forms.items()]

    def _differing_keys(
        self, here: Side, there: Side, buckets: Sequence[int]
    ) -> Iterator[dict[str, Any]]:
        """Yield the first keys that differ, with both values; buckets are read one by one."""
        found = 0
        for bucket in buckets:
            left, right = self._rows(here, bucket), self._rows(there, bucket)
            for key in sorted(left.keys() | right.keys(), key=str):
                if left.get(key) != right.get(key):
                    yield self._shown(key, left.get(key), right.get(key), there.name)
                    found += 1
                    if found == SHOWN:
                        return

    def _rows(self, side: Side, bucket: int) -> dict[Row, list[Row]]:
        names = list(self.forms)
        found: dict[Row, list[Row]] = defaultdict(list)
        texts = ", ".join(f"{text} as {quote(f't{i}')}" for i, text in enumerate(self._texts(side)))
        for row in side.ask(
            f"select {texts} from {side.table} where {self._bucket(side)} = {bucket:d}"
        ):
            found[tuple(row[names.index(name)] for name in self.key)].append(tuple(row))
        return {key: sorted(rows, key=str) for key, rows in found.items()}

    def _shown(
        self, key: Row, left: list[Row] | None, right: list[Row] | None, there: str
    ) -> dict[str, Any]:
        shown = {name: self._value(name, part) for name, part in zip(self.key, key, strict=True)}
        if left is None or right is None:
            return {**shown, "found": f"only in {there}" if left is None else "only here"}
        if len(left) != len(right):
            return {**shown, "found": f"{len(left)} rows here, {len(right)} in {there}"}
        shown["found"] = "differs"
        for name, mine, theirs in zip(self.forms, left[0], right[0], strict=True):
            if mine != theirs:
                shown[name] = f"{self._value(name, mine)} → {self._value(name, theirs)}"
        return shown

    def _value(self, name: str, text: str | None) -> str | None:
        hidden = name in self.pii and text is not None
        return _MASK if hidden else readable(text, self.forms[name])

    def _said(
        self, left: Mapping[int, Row], right: Mapping[int, Row], differing: Sequence[int]
    ) -> str:
        """Say how many buckets differ, and which totals do."""
        names = ["rows", None, *(f"sum of {name}" for name in self._summed)]
        facts = []
        for position, name in enumerate(names):
            mine, theirs = (sum(row[position] for row in s.values()) for s in (left, right))
            hidden = name is not None and name.removeprefix("sum of ") in self.pii
            if name and mine != theirs and not hidden:
                facts.append(f"{name} {mine} here and {theirs} there")
        which = ", ".join(map(str, differing[:10])) + (", …" if differing[10:] else "")
        told = "; ".join([f"{len(differing)} of {self.buckets} buckets differ ({which})", *facts])
        return told if facts else f"{told}; rows and sums are the same"
