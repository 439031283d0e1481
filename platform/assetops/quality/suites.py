"""Expectation suites as files say them, read when the code location loads: no GX in sight.

A mistake in a suite is found here, before any data is read.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

from assetops.errors import SuiteError, did_you_mean
from assetops.model import Dataset, Severity, Word
from assetops.project import Project
from assetops.quality.vocabulary import Arguments, vocabulary
from assetops.quality.words import check_name, columns_in, columns_of

# What a suite may ask for as {"$PARAMETER": …}; the gates fill them in.
PARAMETERS = ("as_of", "as_of_minus_1_day", "partition")
# Columns that ingestion adds: to a candidate table, and to raw.
BOOKKEEPING = frozenset({"_row", "_partition", "_landed_at", "_load_id"})

_SUITE_KEYS = ("name", "expectations", "id", "meta", "notes", "suite_parameters")
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


class Suite(Word):
    """What is expected of one dataset."""

    address: str
    path: Path
    expectations: tuple[Expectation, ...]

    @property
    def plugins(self) -> Path:
        """Where the project's own expectations are."""
        return _gx_folder(self.path) / "plugins"


def load_suites(project: Project) -> dict[str, Suite]:
    """Read every suite, by the address of the dataset that it checks.

    Raises `SuiteError` with each mistake's file, line and nearest valid word.
    """
    folder = project.suites_dir
    suites: dict[str, Suite] = {}
    mistakes: list[str] = []
    for path in sorted(folder.rglob("*.json")):
        address = path.relative_to(folder).with_suffix("").as_posix()
        shown = path.relative_to(project.settings.root).as_posix()
        dataset = project.by_address.get(address)
        if dataset is None:
            near = did_you_mean(address, project.by_address)
            mistakes.append(f"{shown} checks no known asset.{near}")
            continue
        known = vocabulary(folder.parent / "plugins")
        try:
            expectations = _Reader(shown, path.read_text("utf-8"), dataset, known).read()
        except UnicodeDecodeError as error:
            mistakes.append(f"{shown} is no UTF-8 text ({error.reason}). Save it as UTF-8.")
        except SuiteError as error:
            mistakes.append(str(error))
        else:
            suites[address] = Suite(address=address, path=path, expectations=expectations)
    if mistakes:
        raise SuiteError("\n".join(mistakes))
    return suites


def _gx_folder(path: Path) -> Path:
    return next((p.parent for p in path.parents if p.name == "expectations"), path.parent)


@dataclass(frozen=True)
class _Reader:
    """Reads one suite file, collecting every mistake in it."""

    shown: str
    text: str
    dataset: Dataset
    known: Mapping[str, Arguments]

    def read(self) -> tuple[Expectation, ...]:
        suite = self._parse()
        mistakes = list(self._suite_mistakes(suite))
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
            if expectation.name in {test.name for test in self.dataset.tests}:
                mistakes.append(
                    f"{self.shown}:{line}: {expectation.name} is the name of a dbt test on "
                    f"{self.dataset.address}, too. Name the expectation otherwise in meta.name."
                )
            names.setdefault(expectation.name, line)
            expectations.append(expectation)
        if mistakes:
            raise SuiteError("\n".join(mistakes))
        return tuple(expectations)

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
        return suite

    def _suite_mistakes(self, suite: Mapping[str, Any]) -> Iterator[str]:
        for key in suite:
            if key not in _SUITE_KEYS:
                near = did_you_mean(key, _SUITE_KEYS)
                yield f"{self._at(0, key)}{key} is no key of a suite.{near}"
        expected = self.dataset.address.replace("/", ".")
        if suite.get("name") != expected:
            said = f"is called {suite['name']}" if suite.get("name") else "has no name"
            yield (
                f"{self._at(0, 'name')}the suite {said}: by its path it is {expected}. "
                f'Write "name": "{expected}".'
            )

    def _mistakes(self, entry: Any) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with one expectation, with the word to look for in the file."""
        if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
            yield "an expectation is an object with a type.", ""
            return
        for key in entry:
            if key not in _EXPECTATION_KEYS:
                yield (
                    f"{key} is no key of an expectation.{did_you_mean(key, _EXPECTATION_KEYS)}",
                    key,
                )
        kind, kwargs = entry["type"], entry.get("kwargs", {})
        if kind not in self.known:
            yield f"{kind} is no known expectation.{did_you_mean(kind, self.known)}", kind
            return
        severity = entry.get("severity", Severity.CRITICAL)
        if severity not in list(Severity):
            near = did_you_mean(str(severity), list(Severity)) or f" Use {', '.join(Severity)}."
            yield f"{severity} is no severity.{near}", str(severity)
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
        columns = {column.name for column in self.dataset.columns}
        checked = (*columns_of(kwargs), *columns_in(kwargs.get("row_condition")))
        for column in checked if columns else ():
            if column not in columns | BOOKKEEPING:
                near = did_you_mean(column, columns)
                yield f"{self.dataset.address} has no column {column}.{near}", column
        for value in kwargs.values():
            yield from _parameter_mistakes(value)
        if isinstance(query := kwargs.get("unexpected_rows_query"), str):
            yield from _query_mistakes(query)

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
    kwargs = entry.get("kwargs", {})
    notes = entry.get("notes") or ""
    reason = entry.get("description") or (" ".join(notes) if isinstance(notes, list) else notes)
    return Expectation(
        name=(entry.get("meta") or {}).get("name") or check_name(entry["type"], kwargs),
        type=entry["type"],
        kwargs=kwargs,
        severity=Severity(entry.get("severity", Severity.CRITICAL)),
        description=reason,
    )


def _parameter_mistakes(value: Any) -> Iterator[tuple[str, str]]:
    if not (isinstance(value, dict) and "$PARAMETER" in value):
        return
    expression = str(value["$PARAMETER"])
    called = set(re.findall(r"([A-Za-z_]\w*)\s*[(=]", expression))
    for word in re.findall(r"[A-Za-z_]\w*", expression):
        if word not in called and word not in PARAMETERS:
            near = did_you_mean(word, PARAMETERS) or f" There are {', '.join(PARAMETERS)}."
            yield f"{word} is no parameter.{near}", expression


def _query_mistakes(query: str) -> Iterator[tuple[str, str]]:
    try:
        fields = {field for _, field, _, _ in Formatter().parse(query) if field is not None}
    except ValueError as error:
        fields = set()
        yield f"the query has a brace without its pair ({error}): double a literal one.", ""
    for field in fields - {"batch"}:
        yield f"the query has {{{field}}}: only {{batch}} is filled in. Double a literal brace.", ""
    if "batch" not in fields:
        # Without it a candidate's gate would look at some other table.
        yield "the query does not read from {batch}, the table that is checked.", ""
