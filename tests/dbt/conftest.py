"""A dbt project whose nodes end in every way, for one module of tests at a time."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.dbt.school import make_school


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory, warm_dbt: None) -> Iterator[Path]:
    root, before = make_school(tmp_path_factory.mktemp("school")), Path.cwd()
    os.chdir(root)
    yield root
    os.chdir(before)
