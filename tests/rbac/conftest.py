"""The stand-in for Entra, Graph and Azure Resource Manager, and an admin who is logged in."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.settings import StoreSettings
from tests.azure_cloud.certificates import Certificates
from tests.azure_cloud.deployment import Deployment, deploy
from tests.azure_cloud.server import AzureCloud
from tests.rbac import blob_gate
from tests.rbac.admin import Admin
from tests.rbac.blob_gate import BlobGate
from tests.support import azurite
from tests.support.azurite import Azurite


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    with AzureCloud(tmp_path / "azure") as cloud:
        for name, value in cloud.trust_environment().items():
            monkeypatch.setenv(name, value)
        deployment = deploy(cloud)
        cloud.add_storage_account(deployment.group, "alaibackups")
        yield deployment


@pytest.fixture
def gate(deployment: Deployment, secure_azurite: Azurite, blob_certificates: Certificates) -> BlobGate:
    """The store's account, with rights."""
    account = deployment.cloud.add_storage_account(deployment.group, azurite.ACCOUNT, [f"test-{uuid.uuid4().hex}"])
    return BlobGate(deployment.cloud, account, secure_azurite, blob_certificates.ca)


@pytest.fixture
def store_admin(admin: Admin, gate: BlobGate) -> Iterator[Admin]:
    """The admin, who holds the principal's secret, and whose store is behind the gate."""
    (container,) = gate.account.containers
    from azure.storage.blob import ContainerClient

    options: dict[str, Any] = {"credential": azurite.KEY, "connection_verify": str(gate.ca)}
    with ContainerClient.from_container_url(gate.azurite.container(container), **options) as client:
        client.create_container()
    admin.hold_principal_secret()
    with blob_gate.running(gate) as url:
        yield replace(admin, store=StoreSettings(url=f"{url}/{container}"))


@pytest.fixture
def admin(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Admin:
    monkeypatch.delenv("PILLAR9_PRINCIPAL_CLIENT_SECRET", raising=False)
    admin = Admin(deployment, monkeypatch)
    admin.log_in_as(deployment.admin)
    return admin
