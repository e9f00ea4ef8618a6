"""The engines that the tests of volumes talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.volumes.engine import Engine, open_engine


@pytest.fixture
def engine(container_engine: object) -> Iterator[Engine]:
    """Each of the two engines in turn, as the product opens it."""
    assert container_engine
    with open_engine() as opened:
        yield opened
