"""The set-up meets machines whose Pythons are old, broken or incomplete, and must say so."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RUNS = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
SHIM = '#!/bin/sh\necho "pyenv: $0: command not found" >&2\nexit 127\n'


def changed(statement: str) -> str:
    """Return a Python that runs and differs from this one by a statement."""
    program = f"import sys; {statement}; exec(sys.argv[1])"
    return f'#!/bin/sh\nexec "{sys.executable}" -c \'{program}\' "$2"\n'


OLD = changed("sys.version_info = (3, 9, 18)")
TOO_NEW = changed("sys.version_info = (3, 14, 0)")
WITHOUT_VENV = changed('sys.modules["ensurepip"] = None')


def put(folder: Path, **pythons: str) -> Path:
    """Write executables into a folder of a PATH; an underscore in a name stands for a dot."""
    folder.mkdir(exist_ok=True)
    for name, text in pythons.items():
        path = folder / name.replace("_", ".")
        path.write_text(text)
        path.chmod(0o755)
    return folder


def find_python(*folders: Path, python: str = "") -> subprocess.CompletedProcess[str]:
    """Run the picker where these folders, and the two tools it needs, are all there is."""
    tools = put(folders[0].parent / "tools")
    for tool in ("cat", "tail"):
        if not (tools / tool).exists():
            (tools / tool).symlink_to(str(shutil.which(tool)))
    return subprocess.run(
        ["/bin/sh", str(ROOT / "scripts/find-python")],
        env={"PATH": ":".join(map(str, [*folders, tools])), "PYTHON": python},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_first_python_that_fits_is_picked(tmp_path: Path) -> None:
    folder = put(
        tmp_path / "bin", python3_12=SHIM, python3_13=WITHOUT_VENV, python3=OLD, python=RUNS
    )
    picked = find_python(folder)
    assert (picked.returncode, picked.stderr) == (0, "")
    assert Path(picked.stdout.strip()).samefile(sys.executable)


def test_a_broken_shim_does_not_hide_the_same_python_further_on(tmp_path: Path) -> None:
    first, second = put(tmp_path / "a", python3_12=SHIM), put(tmp_path / "b", python3_12=RUNS)
    assert find_python(first, second).returncode == 0


def test_a_folder_with_a_space_in_its_name_is_searched(tmp_path: Path) -> None:
    assert find_python(put(tmp_path / "my tools", python3=RUNS)).returncode == 0


def test_where_none_fits_each_is_named_with_what_to_install(tmp_path: Path) -> None:
    folder = put(
        tmp_path / "bin", python3_12=SHIM, python3_11=WITHOUT_VENV, python3=TOO_NEW, python=OLD
    )
    found = find_python(folder)
    assert (found.returncode, found.stdout) == (2, "")
    for line in (
        f"{folder}/python3.12: does not run (exit code 127)",
        f"{folder}/python3.11: Python {sys.version.split()[0]}, which cannot make environments",
        f"{folder}/python3: Python 3.14.0, and 3.11 to 3.13 is supported",
        f"{folder}/python: Python 3.9.18, and 3.11 to 3.13 is supported",
        "apt install python3.12 python3.12-venv",
        "brew install python@3.12",
    ):
        assert line in found.stderr


def test_where_there_is_no_python_the_message_says_so(tmp_path: Path) -> None:
    found = find_python(put(tmp_path / "bin"))
    assert found.returncode == 2
    assert "no Python on the PATH" in found.stderr


def test_a_python_that_is_named_is_the_only_one_tried(tmp_path: Path) -> None:
    folder = put(tmp_path / "bin", python3_12=RUNS, mine=OLD)
    found = find_python(folder, python=str(folder / "mine"))
    assert found.returncode == 2
    assert "mine: Python 3.9.18" in found.stderr
    assert find_python(folder, python=str(folder / "python3.12")).returncode == 0
    assert find_python(folder, python=str(folder / "nowhere")).returncode == 2


BACKEND = """
from zipfile import ZipFile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "toy-1-py3-none-any.whl"
    with ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        info = "toy-1.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: toy\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A project with our scripts, a lock with nothing in it and a build of its own: no network."""
    root = tmp_path / "toy"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    (root / "platform").mkdir()
    (root / "platform" / "module.py").write_text('"""Something to compile."""\n')
    (root / "backend.py").write_text(BACKEND)
    (root / "requirements.lock").write_text("# nothing\n")
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "toy"\nversion = "1"\n'
    )
    return root


def setup(root: Path) -> str:
    """Run the set-up of a project and return what it said."""
    done = subprocess.run(
        [str(root / "scripts/setup")],
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "PYTHON": "",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_set_up_does_its_work_once_and_again_when_something_changed(toy: Path) -> None:
    first = setup(toy)
    assert "making .venv with" in first
    # uv is not in this lock, as if it could not be had.
    assert "plain pip" in first
    assert list(toy.glob("platform/__pycache__/*.pyc")), "compiled, although the user forbids it"

    assert setup(toy) == ""

    (toy / "requirements.lock").write_text("# something else\n")
    assert "making" not in (again := setup(toy))
    assert "ready" in again

    moved = toy.rename(toy.with_name("moved"))
    assert "making .venv with" in setup(moved)
