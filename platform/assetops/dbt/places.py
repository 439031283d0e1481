"""Where the code of each dbt node is, to the line, so that the UI leads a person there."""

import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from assetops.model import Dataset
from assetops.project import Project


def code_references(project: Project) -> Mapping[str, Mapping[str, Any]]:
    """Return the metadata that names each dbt node's files: that with its code, and the yml."""
    lines = dict(_lines(project))
    with warnings.catch_warnings():
        # Both classes are in beta, which is no news for whoever starts the UI.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return {
            unique_id: {
                "dagster/code_references": dg.CodeReferencesMetadataValue(
                    code_references=[
                        _reference(project, file, lines.get(f"{unique_id} {file}", 1))
                        for file in _files(project, dataset)
                    ]
                )
            }
            for unique_id, dataset in project.datasets.items()
            if unique_id in project.manifest["nodes"]
        }


def _reference(project: Project, file: str, line: int) -> dg.LocalFileCodeReference:
    path = str(project.settings.root / file)
    return dg.LocalFileCodeReference(file_path=path, line_number=line, label=Path(file).name)


def _lines(project: Project) -> Iterator[tuple[str, int]]:
    """Yield where each node begins in each of its files; what begins at the top is left out."""
    texts: dict[str, list[str]] = {}
    built = (d for i, d in project.datasets.items() if i in project.manifest["nodes"])
    for dataset in built:
        for file in _files(project, dataset):
            if file not in texts:
                path = project.settings.root / file
                # A seed is data, and may be long.
                texts[file] = _read(path) if path.suffix != ".csv" else []
            named = _named(dataset, Path(file).suffix)
            found = (number for number, line in enumerate(texts[file], 1) if named.search(line))
            if (number := next(found, 1)) > 1:
                yield f"{dataset.unique_id} {file}", number


def _named(dataset: Dataset, suffix: str) -> re.Pattern[str]:
    name = re.escape(dataset.unique_id.split(".")[2])
    if suffix in (".yml", ".yaml"):
        return re.compile(rf"\bname:\s*[\"']?{name}[\"']?\s*([,}}#].*)?$")
    return re.compile(rf"{{%-?\s*snapshot\s+{name}\b")


def _read(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _files(project: Project, dataset: Dataset) -> list[str]:
    """Return the files of a dataset, relative to the root: first that with its code."""
    node = project.manifest["nodes"][dataset.unique_id]
    folder = project.settings.dbt_project_dir
    if node["package_name"] != project.manifest["metadata"]["project_name"]:
        folder = folder / "dbt_packages" / node["package_name"]
    return list(dict.fromkeys((str(folder / node["original_file_path"]), dataset.file)))
