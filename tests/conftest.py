"""What all tests share."""

import pytest

# Their tests run the dbt project and the simulator, not the engine whose coverage is measured.
_NOT_THE_ENGINE = ("dbt_project", "retail")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure coverage where the engine is tested: measuring makes Python half as fast."""
    for item in items:
        if item.path.parent.name in _NOT_THE_ENGINE:
            item.add_marker("no_cover")
