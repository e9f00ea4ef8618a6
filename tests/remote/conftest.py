"""A site for each test; Azurite over HTTPS is shared, and each site has a container of its own in it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.azure_cloud import certificates
from tests.azure_cloud.certificates import Certificates
from tests.azure_cloud.deployment import deploy
from tests.azure_cloud.server import AzureCloud
from tests.remote.site import Site
from tests.support import azurite
from tests.support.azurite import Azurite


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """azure-core never reads the answers that it retries after, so their sockets stay open until they are collected."""
    forgiven = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(forgiven)


@pytest.fixture(scope="session")
def blob_certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.issue(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def secure_azurite(tmp_path_factory: pytest.TempPathFactory, blob_certificates: Certificates) -> Iterator[Azurite]:
    """Azurite over HTTPS that takes tokens."""
    folder = tmp_path_factory.mktemp("azurite-tls")
    with azurite.running(folder / "data", blob_certificates.cert, blob_certificates.key) as running:
        yield running


@pytest.fixture
def site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secure_azurite: Azurite, blob_certificates: Certificates
) -> Iterator[Site]:
    with AzureCloud(tmp_path / "azure") as cloud:
        bundle = tmp_path / "bundle.pem"
        bundle.write_bytes(cloud.certificates.ca.read_bytes() + blob_certificates.ca.read_bytes())
        for name in cloud.trust_environment():
            monkeypatch.setenv(name, str(bundle))
        deployment = deploy(cloud)
        vm = cloud.change_vm(deployment.vm, environment={"SSL_CERT_FILE": str(bundle)})
        folder = tmp_path / "live"
        folder.mkdir()
        yield Site(replace(deployment, vm=vm), secure_azurite, folder, monkeypatch)
    # What the SDK left open is noticed here, where it is forgiven, and not in the next test.
    gc.collect()
