"""What dbt does not say of a model, Dagster is told all the same."""

from pathlib import Path
from typing import Any

import pytest
from tests.test_project import project

from assetops.dbt.specs import Translator


@pytest.mark.parametrize(
    ("said", "group"),
    [
        ({"fqn": ["shop", "layer one", "daily", "a"]}, "layer_one"),
        ({"fqn": ["shop", "layer one", "a"], "config": {"group": "sales-eu"}}, "sales_eu"),
        ({"fqn": ["shop", "a"]}, None),
    ],
)
def test_a_model_without_a_group_is_in_that_of_its_folder(
    tmp_path: Path, said: dict[str, Any], group: str | None
) -> None:
    assert Translator(project(tmp_path)).get_group_name(said) == group
