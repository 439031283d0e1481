"""Expectation suites as files say them, read when the code location loads: no GX in sight.

A mistake in a suite is found here, before any data is read.
"""

from collections.abc import Container, Mapping
from pathlib import Path

from assetops.errors import SuiteError, did_you_mean
from assetops.model import Severity, Word
from assetops.project import Project
from assetops.quality.suites.depth import Depth, SuiteMeta
from assetops.quality.suites.inputs import Input
from assetops.quality.suites.parameters import PARAMETERS, PREVIOUS, WEEKDAYS
from assetops.quality.suites.reading import Expectation, Reader, Surroundings
from assetops.quality.suites.vocabulary import Arguments, vocabulary

__all__ = ["Expectation", "Suite", "gating", "load_suites", "read_suite"]


class Suite(Word):
    """What is expected of one dataset."""

    address: str
    path: Path
    expectations: tuple[Expectation, ...]
    input: Input | None = None
    meta: SuiteMeta = SuiteMeta()

    @property
    def aside(self) -> set[str]:
        """The names of the checks that do not run in builds."""
        deep = {expectation.name for expectation in self.part(Depth.DEEP).expectations}
        return deep | {wanted.name for wanted in self.meta.reconcile}

    def part(self, depth: Depth) -> "Suite":
        """Return the suite with only its light expectations, or its deep ones."""
        chosen = tuple(e for e in self.expectations if (e.depth or self.meta.depth) is depth)
        return self.model_copy(update={"expectations": chosen})

    @property
    def plugins(self) -> Path:
        """Where the project's own expectations are."""
        return _gx_folder(self.path) / "plugins"

    def only(self, names: Container[str]) -> "Suite":
        """Return the part of the suite that has these names."""
        chosen = tuple(e for e in self.expectations if e.name in names)
        return self.model_copy(update={"expectations": chosen})


def load_suites(project: Project) -> dict[str, Suite]:
    """Read every suite, by the address of the dataset that it checks.

    Raises `SuiteError` with each mistake's file, line and nearest valid word.
    """
    folder = project.suites_dir
    suites: dict[str, Suite] = {}
    mistakes: list[str] = []
    known = vocabulary(folder.parent / "plugins")
    for path in sorted(folder.rglob("*.json")):
        address = path.relative_to(folder).with_suffix("").as_posix()
        shown = path.relative_to(project.settings.root).as_posix()
        dataset = project.by_address.get(address)
        if dataset is None:
            near = did_you_mean(address, project.by_address)
            mistakes.append(f"{shown} checks no known asset.{near}")
            continue
        subject = Surroundings(
            address=address,
            columns={column.name: column.data_type for column in dataset.columns},
            taken=frozenset(test.name for test in dataset.tests),
            suite_name=address.replace("/", "."),
            parameters=(*PARAMETERS, *WEEKDAYS, *PREVIOUS),
            takes_input=dataset.contract.ingest is None,
        )
        try:
            suites[address] = read_suite(path, subject, shown=shown, known=known)
        except SuiteError as error:
            mistakes.append(str(error))
    if mistakes:
        raise SuiteError("\n".join(mistakes))
    return suites


def gating(suites: Mapping[str, Suite]) -> set[str]:
    """Return the addresses whose suite holds back what is made from them."""
    return {
        address
        for address, suite in suites.items()
        if any(e.severity is Severity.CRITICAL for e in suite.expectations)
    }


def read_suite(
    path: Path, subject: Surroundings, *, shown: str, known: Mapping[str, Arguments] | None = None
) -> Suite:
    """Read one suite file.

    Args:
        path: A suite as GX writes it; a `plugins` folder beside it holds its own expectations.
        subject: What is known of the table that it is about.
        shown: How messages call the file.
        known: Which expectations there are, if the caller knows.

    Raises:
        SuiteError: Every mistake in it, each with its line and the nearest valid word.
    """
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise SuiteError(f"{shown} is no UTF-8 text ({error.reason}). Save it as UTF-8.") from None
    except OSError as error:
        raise SuiteError(f"{shown} cannot be read: {error.strerror}.") from None
    if known is None:
        known = vocabulary(_gx_folder(path) / "plugins")
    read = Reader(shown, text, subject, known).read()
    return Suite(address=subject.address, path=path, **dict(read))


def _gx_folder(path: Path) -> Path:
    return next((p.parent for p in path.parents if p.name == "expectations"), path.parent)
