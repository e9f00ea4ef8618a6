"""The stand-in for Azure that the tests of credentials, transport and errors talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.azure_cloud.deployment import Deployment, deploy
from tests.azure_cloud.server import AzureCloud


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """The stand-in, trusted, and the admin in the environment."""
    with AzureCloud(tmp_path / "azure") as azure_cloud:
        furnished = deploy(azure_cloud)
        environment = {**azure_cloud.trust_environment(), **azure_cloud.credential_environment(furnished.admin)}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield furnished
