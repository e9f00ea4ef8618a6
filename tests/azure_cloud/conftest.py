"""The fixture of the stand-in's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.azure_cloud.estate import Estate, furnish
from tests.azure_cloud.server import AzureCloud


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Estate]:
    with AzureCloud(tmp_path / "azure") as cloud:
        for name, value in cloud.trust_environment().items():
            monkeypatch.setenv(name, value)
        yield furnish(cloud)
