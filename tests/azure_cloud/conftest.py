"""A deployment on the stand-in, which the SDKs trust, for the stand-in's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.azure_cloud.deployment import Deployment, deploy
from tests.azure_cloud.server import AzureCloud


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    with AzureCloud(tmp_path / "azure") as cloud:
        for name, value in cloud.trust_environment().items():
            monkeypatch.setenv(name, value)
        yield deploy(cloud)
