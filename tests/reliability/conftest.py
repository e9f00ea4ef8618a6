"""An installation on either store; on Azurite its commands go through a proxy with faults."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from local.settings import StoreSettings
from tests.reliability.installation import Installation
from tests.support import azure_faults
from tests.support.azure_faults import FaultyAzurite
from tests.support.azurite import KEY, Azurite
from tests.support.workshop import Workshop


@pytest.fixture
def faults(azurite: Azurite) -> Iterator[FaultyAzurite]:
    """The proxy before Azurite."""
    with azure_faults.running(azurite) as proxy:
        yield proxy


@dataclass
class Installations:
    """As many new ones as a test asks for, each with a store of its own."""

    root: Path
    azurite: Azurite
    faults: FaultyAzurite
    _numbers: count[int] = field(default_factory=count)

    def on_folder(self, kind: str) -> Installation:
        """One whose store is a folder, prepared for a run of that kind."""
        root = self.root / f"{next(self._numbers)}"
        (root / "store").mkdir(parents=True)
        settings = StoreSettings(url=(root / "store").as_uri())
        return self._prepared(Installation(Workshop(root, settings), settings, root / "cache"), kind)

    def on_azure(self, kind: str) -> Installation:
        """One with a container in Azurite, which its commands reach through the proxy."""
        from azure.storage.blob import ContainerClient

        root = self.root / f"{next(self._numbers)}"
        root.mkdir()
        container = f"test-{uuid.uuid4().hex}"
        with ContainerClient.from_container_url(self.azurite.container(container), credential=KEY) as client:
            client.create_container()
        workshop = Workshop(root, StoreSettings(url=self.azurite.container(container)))
        reached = StoreSettings(url=f"{self.faults.url}/{container}")
        return self._prepared(Installation(workshop, reached, root / "cache"), kind)

    def _prepared(self, made: Installation, kind: str) -> Installation:
        made.create()
        made.prepare(kind)
        return made


@pytest.fixture
def installations(
    azurite: Azurite, faults: FaultyAzurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Installations:
    """Installations of the test's own."""
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    return Installations(tmp_path, azurite, faults)
