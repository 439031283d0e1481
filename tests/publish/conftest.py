"""What every test of publication starts from."""

from pathlib import Path

import pytest
from tests.publish.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop on its first day, with nothing published yet."""
    shop = Shop(tmp_path)
    shop.build(1)
    return shop
