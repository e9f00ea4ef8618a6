"""The stand-in for Entra, Graph and Azure Resource Manager, and an admin who is logged in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.azure_cloud.deployment import Deployment, deploy
from tests.azure_cloud.server import AzureCloud
from tests.rbac.admin import Admin


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    with AzureCloud(tmp_path / "azure") as cloud:
        for name, value in cloud.trust_environment().items():
            monkeypatch.setenv(name, value)
        deployment = deploy(cloud)
        cloud.add_storage_account(deployment.group, "alaibackups")
        yield deployment


@pytest.fixture
def admin(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Admin:
    monkeypatch.delenv("PILLAR9_PRINCIPAL_CLIENT_SECRET", raising=False)
    admin = Admin(deployment, monkeypatch)
    admin.log_in_as(deployment.admin)
    return admin
