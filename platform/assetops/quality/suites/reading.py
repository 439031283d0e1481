"""One suite file, read with every mistake in it: its line, and the nearest valid word."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from assetops.errors import SuiteError, did_you_mean
from assetops.model import Severity, Word
from assetops.quality.suites.depth import (
    Depth,
    SuiteMeta,
    depth_mistakes,
    depth_of,
    sample_mistakes,
    suite_meta,
    suite_mistakes,
)
from assetops.quality.suites.fitness import misfit
from assetops.quality.suites.inputs import Input, input_mistakes
from assetops.quality.suites.parameters import PARAMETERS, WEEKDAYS, parameter_mistakes
from assetops.quality.suites.sql_rules import query_mistakes
from assetops.quality.suites.vocabulary import Arguments, has_figure
from assetops.quality.suites.words import check_name, columns_in, columns_of

# Columns that ingestion adds: to a candidate table, and to raw.
BOOKKEEPING = frozenset({"_row", "_partition", "_landed_at", "_load_id"})

_SUITE_KEYS = ("name", "expectations", "id", "meta", "notes", "suite_parameters")
_OUR_KEYS = ("input", *SuiteMeta.model_fields)
_EXPECTATION_KEYS = (
    *("type", "kwargs", "severity", "description", "notes", "meta", "id"),
    *("rendered_content", "expectation_context", "success_on_last_run"),
)
_LEGAL_NAME = re.compile(r"^[A-Za-z0-9_]+$")


class Expectation(Word):
    """One thing that a suite expects of a table."""

    name: str
    type: str
    kwargs: dict[str, Any]
    severity: Severity
    description: str = ""
    depth: Depth | None = Field(default=None, description="None: what the suite's meta says.")


@dataclass(frozen=True)
class Surroundings:
    """What is known around a suite before there is data: its asset, and what it may ask for."""

    address: str
    # By name, with their types where the contract has them; none at all if they are not known.
    columns: Mapping[str, str | None] = field(default_factory=dict)
    # The names that other checks on the asset have already.
    taken: frozenset[str] = frozenset()
    # What the suite has to be called, if its place decides that.
    suite_name: str | None = None
    # What it may ask for.
    parameters: tuple[str, ...] = (*PARAMETERS, *WEEKDAYS)
    # Ingested sources are looked at batch by batch, and so choose no input.
    takes_input: bool = True


class Contents(Word):
    """What a suite file says."""

    expectations: tuple[Expectation, ...]
    input: Input | None = None
    meta: SuiteMeta = SuiteMeta()


@dataclass
class Reader:
    """Reads one suite file, collecting every mistake in it."""

    shown: str
    text: str
    subject: Surroundings
    known: Mapping[str, Arguments]
    queried: bool = field(default=False, init=False)

    def read(self) -> Contents:
        """Return what the suite says; raises `SuiteError` with every mistake."""
        suite = self._parse()
        block = _input_of(suite)
        # A query of one's own has columns that nobody knows before it ran.
        self.queried = isinstance(block, dict) and "query" in block
        mistakes = list(self._suite_mistakes(suite))
        mistakes += [self._at(0, word) + said for said, word in self._input_mistakes(suite)]
        expectations: list[Expectation] = []
        names: dict[str, int] = {}
        entries = suite.get("expectations") or []
        for entry, start in zip(entries, self._starts(len(entries)), strict=True):
            found = [self._at(start, word) + said for said, word in self._mistakes(entry)]
            mistakes.extend(found)
            if found:
                continue
            expectation = _expectation(entry)
            line = self._line(start, expectation.name)
            if expectation.name in names:
                mistakes.append(
                    f"{self.shown}:{line}: a second expectation called {expectation.name} (the "
                    f"first is in line {names[expectation.name]}). Name one of them in meta.name."
                )
            if expectation.name in self.subject.taken:
                mistakes.append(
                    f"{self.shown}:{line}: {expectation.name} is the name of a dbt test on "
                    f"{self.subject.address}, too. Name the expectation otherwise in meta.name."
                )
            names.setdefault(expectation.name, line)
            expectations.append(expectation)
        if mistakes:
            raise SuiteError("\n".join(mistakes))
        looked_at = Input.model_validate(block) if block is not None else None
        meta = suite_meta(_ours(suite))
        if senseless := list(sample_mistakes(meta, expectations, looked_at)):
            lines = [f"{self.shown}:{names.get(word, 1)}: {said}" for said, word in senseless]
            raise SuiteError("\n".join(lines))
        return Contents(expectations=tuple(expectations), input=looked_at, meta=meta)

    def _parse(self) -> dict[str, Any]:
        try:
            suite = json.loads(self.text)
        except json.JSONDecodeError as error:
            raise SuiteError(
                f"{self.shown}:{error.lineno}: is no valid JSON: {error.msg} in column "
                f"{error.colno}."
            ) from None
        if not isinstance(suite, dict) or not isinstance(suite.get("expectations", []), list):
            raise SuiteError(f"{self.shown}: a suite is an object with a list of expectations.")
        if not isinstance(suite.get("meta") or {}, dict):
            raise SuiteError(f"{self.shown}: a suite's meta is an object.")
        return suite

    def _suite_mistakes(self, suite: Mapping[str, Any]) -> Iterator[str]:
        for key in suite:
            if key not in _SUITE_KEYS:
                near = did_you_mean(key, _SUITE_KEYS)
                yield f"{self._at(0, key)}{key} is no key of a suite.{near}"
        expected = self.subject.suite_name
        if expected and suite.get("name") != expected:
            said = f"is called {suite['name']}" if suite.get("name") else "has no name"
            yield (
                f"{self._at(0, 'name')}the suite {said}: by its path it is {expected}. "
                f'Write "name": "{expected}".'
            )

    def _input_mistakes(self, suite: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        ours = _ours(suite)
        if ours is None:
            return
        for key in ours if isinstance(ours, dict) else ["assetops"]:
            if key not in _OUR_KEYS:
                yield (
                    f"meta.assetops.{key} is no key of a suite.{did_you_mean(key, _OUR_KEYS)}",
                    key,
                )
        yield from suite_mistakes(ours, lands=not self.subject.takes_input)
        block = _input_of(suite)
        if block is None:
            return
        if not self.subject.takes_input:
            yield f"{self.subject.address} is ingested: its suite looks at each batch.", "input"
        found = list(input_mistakes(block))
        yield from found
        for column in () if found else Input.model_validate(block).columns:
            yield from self._column_mistakes(column)

    def _column_mistakes(self, column: str) -> Iterator[tuple[str, str]]:
        columns = set(self.subject.columns)
        if columns and column not in columns | BOOKKEEPING:
            near = did_you_mean(column, columns)
            yield f"{self.subject.address} has no column {column}.{near}", column

    def _mistakes(self, entry: Any) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with one expectation, with the word to look for in the file."""
        if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
            yield "an expectation is an object with a type.", ""
            return
        for key in entry:
            if key not in _EXPECTATION_KEYS:
                near = did_you_mean(key, _EXPECTATION_KEYS)
                yield f"{key} is no key of an expectation.{near}", key
        for key in ("kwargs", "meta"):
            if not isinstance(entry.get(key) or {}, dict):
                yield f"{key} is an object, with a name for each value.", key
                return
        kind, kwargs = entry["type"], entry.get("kwargs") or {}
        if kind not in self.known:
            yield f"{kind} is no known expectation.{did_you_mean(kind, self.known)}", kind
            return
        severity = entry.get("severity", Severity.CRITICAL)
        if severity not in list(Severity):
            near = did_you_mean(str(severity), list(Severity)) or f" Use {', '.join(Severity)}."
            yield f"{severity} is no severity.{near}", str(severity)
        if found := list(depth_mistakes(entry.get("meta"))):
            yield from found
            return
        name = (entry.get("meta") or {}).get("name")
        if name is not None and not _LEGAL_NAME.match(str(name)):
            yield f"meta.name {name!r} may only have letters, digits and underscores.", str(name)
        yield from self._argument_mistakes(kind, kwargs)

    def _argument_mistakes(self, kind: str, kwargs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        arguments = self.known[kind]
        for key in kwargs:
            if key not in arguments.all:
                yield f"{kind} has no argument {key}.{did_you_mean(key, arguments.all)}", key
        for key in arguments.required:
            if key not in kwargs:
                yield f"{kind} needs the argument {key}.", kind
        if not self.queried:
            for column in (*columns_of(kwargs), *columns_in(kwargs.get("row_condition"))):
                yield from self._column_mistakes(column)
            for column in columns_of(kwargs):
                kind_of_column = self.subject.columns.get(column)
                if needed := misfit(kind, kind_of_column):
                    yield f"{kind} needs {needed}: {column} is {kind_of_column}.", column
        for key, value in kwargs.items():
            if isinstance(value, dict) and "$PARAMETER" in value:
                expression = str(value["$PARAMETER"])
                yield from parameter_mistakes(expression, self.subject.parameters)
                if "previous_" in expression and key in arguments.required:
                    yield f"{key} cannot be left out when there is nothing earlier.", expression
                if "previous_value" in expression and not has_figure(kind):
                    yield f"{kind} observes no figure that could be its previous_value.", expression
        if isinstance(query := kwargs.get("unexpected_rows_query"), str):
            yield from query_mistakes(query)

    def _starts(self, count: int) -> list[int]:
        """Return where in the text each expectation starts."""
        found = re.search(r'"expectations"\s*:\s*\[', self.text)
        starts, position = [], found.end() if found else 0
        decoder = json.JSONDecoder()
        for _ in range(count):
            position += len(self.text[position:]) - len(self.text[position:].lstrip(" \t\r\n,"))
            starts.append(position)
            position = decoder.raw_decode(self.text, position)[1]
        return starts

    def _at(self, start: int, word: str) -> str:
        return f"{self.shown}:{self._line(start, word)}: "

    def _line(self, start: int, word: str) -> int:
        found = self.text.find(f'"{word}"', start) if word else -1
        return self.text.count("\n", 0, found if found >= 0 else start) + 1


def _expectation(entry: Mapping[str, Any]) -> Expectation:
    kwargs = entry.get("kwargs") or {}
    notes = entry.get("notes") or ""
    reason = entry.get("description") or (" ".join(notes) if isinstance(notes, list) else notes)
    return Expectation(
        name=(entry.get("meta") or {}).get("name") or check_name(entry["type"], kwargs),
        type=entry["type"],
        kwargs=kwargs,
        severity=Severity(entry.get("severity", Severity.CRITICAL)),
        description=reason,
        depth=depth_of(entry),
    )


def _ours(suite: Mapping[str, Any]) -> Any:
    return (suite.get("meta") or {}).get("assetops")


def _input_of(suite: Mapping[str, Any]) -> Any:
    ours = _ours(suite)
    return ours.get("input") if isinstance(ours, dict) else None
