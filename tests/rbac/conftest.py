"""The stand-in for Entra, Graph and Azure Resource Manager, and an admin who is logged in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.azure_cloud.estate import Estate, furnish
from tests.azure_cloud.server import AzureCloud
from tests.rbac.desk import Desk


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Estate]:
    with AzureCloud(tmp_path / "azure") as cloud:
        for name, value in cloud.trust_environment().items():
            monkeypatch.setenv(name, value)
        estate = furnish(cloud)
        cloud.add_storage_account(estate.group, "alaibackups")
        yield estate


@pytest.fixture
def desk(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.delenv("PILLAR9_PRINCIPAL_CLIENT_SECRET", raising=False)
    desk = Desk(estate, monkeypatch)
    desk.log_in(estate.admin)
    return desk
