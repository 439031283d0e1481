"""`assetops init`: a working platform around a dbt project that is there, or around an example."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from assetops.cli.starter import check_folder, example_files, module_name, platform_files, write
from assetops.errors import ConfigError
from assetops.settings import Settings

if TYPE_CHECKING:
    from assetops.model import Dataset
    from assetops.project import Project

_FOLDER = click.Path(path_type=Path)
# What dbt has many of, in the order in which data meets it.
_COUNTED = ("source", "seed", "model", "snapshot", "test", "unit_test", "exposure")


@click.command("init", short_help="Make a platform, around a dbt project or an example.")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--dbt-project", type=_FOLDER, help="The dbt project; nothing is written to it.")
@click.option(
    "--profiles-dir", type=_FOLDER, help="Where its profiles.yml is, if dbt must be told."
)
@click.option("--target", help="The target to build in, if not that of the environment's name.")
@click.option("--vars", "variables", help="What dbt is to be given as --vars, a JSON object.")
def command(
    folder: Path,
    dbt_project: Path | None,
    *,
    profiles_dir: Path | None,
    target: str | None,
    variables: str | None,
) -> None:
    """Make a platform in DIR, which is empty or not there yet.

    Without --dbt-project it is a small example that runs.
    """
    console = Console(highlight=False, soft_wrap=True)
    if dbt_project is None:
        if profiles_dir or target or variables:
            raise click.UsageError("--profiles-dir, --target and --vars belong to --dbt-project.")
        check_folder(folder, None)
        write(folder, example_files())
        console.print(f"An example is in {folder}: three days of tickets of a help desk.")
    else:
        given = {"target": target, "dbt_vars": variables}
        said = {key: value for key, value in given.items() if value}
        _around(console, folder, _existing(dbt_project), profiles_dir, said)
    there = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    console.print(f"\nNext: {there}assetops build", style="bold", markup=False)


def _existing(dbt_project: Path) -> Path:
    """Return the folder of a dbt project, or say what it is instead."""
    if not dbt_project.exists():
        raise ConfigError(f"{dbt_project} is not there. Name the folder of a dbt project.")
    if not dbt_project.is_dir():
        raise ConfigError(f"{dbt_project} is a file. Name the folder that has dbt_project.yml.")
    if not (dbt_project / "dbt_project.yml").is_file():
        below = sorted(str(file.parent) for file in dbt_project.glob("*/dbt_project.yml"))
        hint = f" Did you mean {' or '.join(below)}?" if below else ""
        raise ConfigError(f"{dbt_project} has no dbt_project.yml, so it is no dbt project.{hint}")
    return dbt_project


def _around(
    console: Console,
    folder: Path,
    dbt_project: Path,
    profiles_dir: Path | None,
    said: Mapping[str, str],
) -> None:
    check_folder(folder, dbt_project)
    chosen: dict[str, str] = {"dbt_project_dir": _seen_from(folder, dbt_project)}
    if profiles_dir:
        chosen["dbt_profiles_dir"] = _seen_from(folder, profiles_dir)
    elif start := _started_from(dbt_project):
        chosen["dbt_profiles_dir"] = chosen["dbt_start_dir"] = _seen_from(folder, start)
    chosen |= {**said, "publish": "marts"}
    with tempfile.TemporaryDirectory() as aside:
        # Nothing is written to the folder before a platform like it is known to load.
        with console.status("dbt reads the project"):
            project = _tried(Path(aside), chosen, folder)
        published = sorted(project.published(), key=lambda mart: mart.published_name.lower())
        if contracted := [dataset for dataset in published if not dataset.mart]:
            # It knows of us, and says itself what is published.
            chosen["publish"], published = "contracts", contracted
        write(folder, _files(project, chosen, published))
        tried = Path(aside).resolve()
        if (parsed := project.settings.dbt_target).is_relative_to(tried):
            # What dbt has read it need not read again.
            shutil.copytree(parsed, folder.resolve() / parsed.relative_to(tried))
        _tell(console, project, published, tried=tried, folder=folder.resolve())


def _started_from(dbt_project: Path) -> Path | None:
    """Return the folder above a dbt project in which dbt, started there, finds its profiles.yml."""
    project = dbt_project.resolve()
    found = Settings(root=project, dbt_project_dir=Path()).dbt_profiles
    if found != Path.home() / ".dbt":
        return None
    above, repository = list(project.parents), _repository(project)
    places = [p for p in above if repository and p.is_relative_to(repository)] or above[:1]
    # What dbt itself would look at first, and last.
    places = [Path.cwd(), *([] if (found / "profiles.yml").exists() else places)]
    return next((p for p in places if (p / "profiles.yml").exists()), None)


def _files(
    project: "Project", chosen: Mapping[str, str], published: Sequence["Dataset"]
) -> dict[str, str]:
    lines = "\n".join(f"{key} = {_quoted(value)}" for key, value in chosen.items())
    addresses = [dataset.address for dataset in published] or ["ASSET"]
    return platform_files(
        module_name(project.manifest["metadata"]["project_name"]),
        settings=lines,
        about=f"A platform around the dbt project in `{chosen['dbt_project_dir']}`.",
        shown=addresses[0],
    )


def _seen_from(folder: Path, other: Path) -> str:
    """Return a path as the platform refers to it: relative where both move together, in git."""
    root, other = folder.resolve(), other.resolve()
    together = (
        other.is_relative_to(root.parent) or _repository(root) == _repository(other) is not None
    )
    return os.path.relpath(other, root) if together else str(other)


def _repository(folder: Path) -> Path | None:
    return next((path for path in (folder, *folder.parents) if (path / ".git").exists()), None)


def _tried(aside: Path, chosen: Mapping[str, str], folder: Path) -> "Project":
    """Return what a platform elsewhere, with the same choices, makes of the dbt project."""
    from dagster import DagsterInvalidDefinitionError

    from assetops.build import build_definitions
    from assetops.opened import open_platform

    absolute = {
        key: str((folder.resolve() / value).resolve()) if key.endswith("_dir") else value
        for key, value in chosen.items()
    }
    lines = "\n".join(f"{key} = {_quoted(value)}" for key, value in absolute.items())
    write(aside, platform_files("tried", settings=lines, about="", shown=""))
    try:
        build_definitions(aside)
    except DagsterInvalidDefinitionError as error:
        raise ConfigError(f"Dagster does not take the dbt project as it is: {error}") from None
    return open_platform(aside.resolve()).project


def _quoted(value: str) -> str:
    if '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _tell(
    console: Console,
    project: "Project",
    published: Sequence["Dataset"],
    *,
    tried: Path,
    folder: Path,
) -> None:
    """Say what was found, what will be published and why."""
    manifest, warehouse = project.manifest, project.settings.warehouse
    if warehouse.is_relative_to(tried):
        warehouse = folder / warehouse.relative_to(tried)
    name = manifest["metadata"]["project_name"]
    found = ", ".join(
        f"{count} {kind.replace('_', ' ')}{'s' * (count != 1)}"
        for kind, count in _counts(manifest).items()
    )
    console.print(f"{name}: {found or 'nothing to build'}", markup=False)
    console.print(f"Built in {warehouse}, target {project.settings.target}", markup=False)
    for dataset in published:
        why = dataset.mart or "its contract says publish"
        console.print(f"  published/{dataset.published_name}  {why}", style="green", markup=False)
    if not published:
        console.print(
            "Nothing will be published: nothing looks like a mart. Say `meta: {assetops: {publish: "
            "true}}` in the config of a model that others read.",
            style="yellow",
            markup=False,
        )
    console.print(f"The platform is in {folder}.", markup=False)


def _counts(manifest: Mapping[str, Any]) -> dict[str, int]:
    kinds = ("nodes", "sources", "exposures", "unit_tests")
    counted = Counter(node["resource_type"] for kind in kinds for node in manifest[kind].values())
    return {kind: counted[kind] for kind in _COUNTED if counted[kind]}
