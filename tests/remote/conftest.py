"""What the tests of `remote` forgive the SDK; the site that they talk to stands in `tests/conftest.py`."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """azure-core never reads the answers that it retries after, so their sockets stay open until they are collected."""
    forgiven = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(forgiven)
