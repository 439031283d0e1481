"""What each op of the dbt graph is to Dagster, kept so that it is worked out once for all loads.

Working it out takes dagster-dbt, which takes a second to import, and half a millisecond for each
model and each test; every process that loads the code location would pay for it.
"""

import hashlib
import os
import pickle
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import dagster as dg

from assetops.dbt.cut import Cut, Part
from assetops.dbt.early import import_dagster_dbt
from assetops.model import Kind
from assetops.project import key_of_files


@dataclass(frozen=True)
class Step:
    """What one op builds and tests."""

    part: Part
    assets: list[dg.AssetSpec]
    checks: list[dg.AssetCheckSpec]


def steps_of(cut: Cut, partitions: dg.PartitionsDefinition[str] | None) -> list[Step]:
    """Return a step for each part of the dbt graph; models with a daily contract get partitions."""
    project, key = cut.project, _key(cut)
    kept = project.settings.dbt_target / "steps.pickle"
    steps = _kept(kept, key, project.settings.dbt_project)
    if steps is None:
        import_dagster_dbt()
        from assetops.dbt.specs import translated

        steps = list(translated(cut))
        aside = kept.with_suffix(f".{os.getpid()}")
        with aside.open("wb") as file:
            file.write(key)
            _Pickler(file, project.settings.dbt_project).dump(steps)
        aside.replace(kept)
    # They begin with the first day that landed, which is not in the code.
    daily = {dg.AssetKey(d.key) for d in project.datasets.values() if d.contract.partition}
    return [replace(step, assets=list(_by_day(step, daily, partitions))) for step in steps]


class _Pickler(pickle.Pickler):
    """Knows how Dagster's deps are made, which Python cannot tell from looking at them.

    Code is referred to below the dbt project, so that a platform may be moved or copied.
    """

    def __init__(self, file: IO[bytes], root: Path) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.root = root

    def persistent_id(self, thing: Any) -> Any:
        if isinstance(thing, dg.LocalFileCodeReference):
            return os.path.relpath(thing.file_path, self.root), thing.line_number, thing.label
        return None

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, dg.AssetDep):
            return _dep, (thing.asset_key, thing.partition_mapping, thing.metadata)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], root: Path) -> None:
        super().__init__(file)
        self.root = root

    def persistent_load(self, kept: Any) -> Any:
        path, line, label = kept
        path = os.path.normpath(self.root / path)
        return dg.LocalFileCodeReference(file_path=path, line_number=line, label=label)


def _dep(key: dg.AssetKey, mapping: dg.PartitionMapping | None, metadata: Any) -> dg.AssetDep:
    return dg.AssetDep(key, partition_mapping=mapping, metadata=metadata)


def _by_day(step: Step, daily: set[dg.AssetKey], partitions: Any) -> Iterator[dg.AssetSpec]:
    for spec in step.assets:
        yield spec.replace_attributes(partitions_def=partitions) if spec.key in daily else spec


def _kept(path: Path, key: bytes, root: Path) -> list[Step] | None:
    try:
        with path.open("rb") as file:
            # Only what this code has written, with these libraries, is read.
            if file.read(len(key)) != key:
                return None
            with warnings.catch_warnings():
                # References to code are in beta, which is no news for whoever starts the UI.
                warnings.simplefilter("ignore", dg.BetaWarning)
                steps: list[Step] = _Unpickler(file, root).load()
            return steps
    except FileNotFoundError:
        return None


def _key(cut: Cut) -> bytes:
    """Return what stands for all that the steps are made of: dbt's project, gates and code."""
    project = cut.project
    files = (project.manifest_path, *Path(__file__).parents[1].rglob("*.py"))
    learned = {i: d.parents for i, d in project.datasets.items() if d.kind is Kind.PYTHON}
    said = (key_of_files(*files), sorted(cut.gated), sorted(learned.items()))
    versions = (project.settings.publish, version("dagster"), version("dagster-dbt"))
    return hashlib.sha256(repr((said, versions)).encode()).digest()
