"""The real parts that tests talk to."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from local.settings import AzureSettings, StoreSettings
from local.store.interface import Store
from local.store.open import open_store
from tests.azure_cloud import certificates
from tests.azure_cloud.certificates import Certificates
from tests.azure_cloud.deployment import deploy
from tests.azure_cloud.server import AzureCloud
from tests.remote.site import Site
from tests.support import azurite as azurite_process
from tests.support import blob_proxy as blob_proxy_process
from tests.support.azurite import KEY, Azurite
from tests.support.blob_proxy import BlobProxy
from tests.support.debian_programs import MissingError
from tests.support.workshop import Workshop

if TYPE_CHECKING:
    from tests.support.container_engines import ContainerEngine

# How long an example takes says more of the machine than of the product.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")


def pytest_configure() -> None:
    """What a shell puts into the background ignores Ctrl-C, under nohup the hang-up too; processes below it would
    inherit that, where a handler becomes the default.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azurite over plain http, reached with its account key."""
    with azurite_process.running(tmp_path_factory.mktemp("azurite") / "data") as running:
        yield running


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's own: no credentials, a cache and a data folder for each test."""
    for name in list(os.environ):
        if name.startswith(("AZURE_", "DOCKER_", "INVOKE_", "PILLAR9_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def azure_store_settings(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> StoreSettings:
    """A container of its own in Azurite."""
    from azure.storage.blob import ContainerClient

    url = azurite.container(f"test-{uuid.uuid4().hex}")
    with ContainerClient.from_container_url(url, credential=KEY) as client:
        client.create_container()
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    return StoreSettings(url=url)


@pytest.fixture(params=["folder", "azure"])
def store_settings(request: pytest.FixtureRequest, tmp_path: Path) -> StoreSettings:
    """Each of the two equal citizens in turn."""
    if request.param == "folder":
        folder = tmp_path / "store"
        folder.mkdir()
        return StoreSettings(url=folder.as_uri())
    settings: StoreSettings = request.getfixturevalue("azure_store_settings")
    return settings


@pytest.fixture
def store(store_settings: StoreSettings) -> Store:
    """The opened store."""
    return open_store(store_settings, AzureSettings())


@pytest.fixture
def workshop(store_settings: StoreSettings, tmp_path: Path) -> Workshop:
    """An installation without databases yet, on either store."""
    root = tmp_path / "workshop"
    root.mkdir()
    return Workshop(root, store_settings)


@pytest.fixture
def azure_workshop(azure_store_settings: StoreSettings, tmp_path: Path) -> Workshop:
    """The same on Azurite."""
    root = tmp_path / "workshop"
    root.mkdir()
    return Workshop(root, azure_store_settings)


@pytest.fixture
def folder_workshop(tmp_path: Path) -> Workshop:
    """The same on a folder."""
    root = tmp_path / "workshop"
    (root / "store").mkdir(parents=True)
    return Workshop(root, StoreSettings(url=(root / "store").as_uri()))


@pytest.fixture(scope="session")
def blob_certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The certificate of Azurite over HTTPS, and who vouches for it."""
    return certificates.issue(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def secure_azurite(tmp_path_factory: pytest.TempPathFactory, blob_certificates: Certificates) -> Iterator[Azurite]:
    """Azurite over HTTPS that takes tokens."""
    folder = tmp_path_factory.mktemp("azurite-tls")
    with azurite_process.running(folder / "data", blob_certificates.cert, blob_certificates.key) as running:
        yield running


@pytest.fixture
def site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secure_azurite: Azurite, blob_certificates: Certificates
) -> Iterator[Site]:
    """The stand-in with a VM, and a container of its own in an Azurite that takes tokens, shared by the session."""
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


@pytest.fixture
def blob_proxy(site: Site, blob_certificates: Certificates) -> Iterator[BlobProxy]:
    """The site's store is reached through a proxy that can refuse as Azure does."""
    with blob_proxy_process.running(site.azurite, blob_certificates) as proxy:
        container = site.store_settings.url.rpartition("/")[2]
        site.store_settings = StoreSettings(url=f"{proxy.url}/{container}")
        yield proxy


@pytest.fixture(scope="session")
def docker_session() -> Iterator[ContainerEngine]:
    """A Docker of this session's own."""
    yield from _engine_session("docker")


@pytest.fixture(scope="session")
def podman_session() -> Iterator[ContainerEngine]:
    """A Podman of this session's own."""
    yield from _engine_session("podman")


def _engine_session(name: str) -> Iterator[ContainerEngine]:
    from tests.support.container_engines import ENGINES

    # Podman takes no folder whose name is longer than 50 characters for what it holds while it runs.
    with tempfile.TemporaryDirectory(prefix="p9-", ignore_cleanup_errors=True) as folder:
        try:
            with ENGINES[name](Path(folder)) as running:
                yield running
        except MissingError as error:
            pytest.skip(str(error))


@pytest.fixture(params=["docker", pytest.param("podman", marks=pytest.mark.long)])
def container_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ContainerEngine]:
    """Each of the two engines in turn, empty, and named by DOCKER_HOST; skipped where it cannot run."""
    running: ContainerEngine = request.getfixturevalue(f"{request.param}_session")
    monkeypatch.setenv("DOCKER_HOST", running.url)
    yield running
    running.clear()


@pytest.fixture
def docker_engine(docker_session: ContainerEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[ContainerEngine]:
    """Docker alone, empty, and named by DOCKER_HOST; skipped where it cannot run."""
    monkeypatch.setenv("DOCKER_HOST", docker_session.url)
    yield docker_session
    docker_session.clear()


@pytest.fixture
def podman_engine(podman_session: ContainerEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[ContainerEngine]:
    """Podman alone, empty, and named by DOCKER_HOST; skipped where it cannot run."""
    monkeypatch.setenv("DOCKER_HOST", podman_session.url)
    yield podman_session
    podman_session.clear()
