"""Which of the environment's secrets opens the storage account, and which is refused before it is sent anywhere."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local.errors import AzureError, ConfigError, StoreError
from local.location import ContainerLocation
from local.settings import AzureSettings, StoreSettings
from local.store.azure_connection import StorageSecret, connect
from local.store.interface import Store
from local.store.open import open_store
from tests.local.store.archives import FIRST, put
from tests.remote.site import Site
from tests.support import azure_faults
from tests.support.azurite import KEY, Azurite
from tests.support.blob_proxy import BlobProxy, RefusedCall

ACCOUNT = "alaibackups"
LOCATION = ContainerLocation(f"https://{ACCOUNT}.blob.core.windows.net/backups", ACCOUNT, "backups")
PLAIN = ContainerLocation(f"http://127.0.0.1:10000/{ACCOUNT}/backups", ACCOUNT, "backups")
SAS = "sv=2024-11-04&ss=b&srt=co&sp=rl&sig=c2VjcmV0"


@pytest.mark.parametrize(
    ("environment", "secret"),
    [
        ({}, StorageSecret()),
        ({"AZURE_STORAGE_KEY": KEY}, StorageSecret(key=KEY)),
        ({"AZURE_STORAGE_SAS_TOKEN": SAS}, StorageSecret(sas=SAS)),
        ({"AZURE_STORAGE_SAS_TOKEN": f"?{SAS}"}, StorageSecret(sas=SAS)),
        ({"AZURE_STORAGE_KEY": "", "AZURE_STORAGE_SAS_TOKEN": ""}, StorageSecret()),
        (
            {"AZURE_STORAGE_CONNECTION_STRING": f"AccountName={ACCOUNT};AccountKey={KEY};EndpointSuffix=x"},
            StorageSecret(key=KEY),
        ),
        (
            {"AZURE_STORAGE_CONNECTION_STRING": f"BlobEndpoint=https://x;SharedAccessSignature=?{SAS};"},
            StorageSecret(sas=SAS),
        ),
        (
            {"AZURE_STORAGE_CONNECTION_STRING": f"AccountName={ACCOUNT};AccountKey={KEY}", "AZURE_STORAGE_KEY": "eA=="},
            StorageSecret(key=KEY),
        ),
    ],
)
def test_the_environment_s_secret_is_found_as_az_finds_it(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], secret: StorageSecret
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    connection = connect(LOCATION, AzureSettings())

    assert connection.secret == secret
    assert connection.account == ACCOUNT
    assert connection.url == LOCATION.url


def test_a_connection_string_for_another_account_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"AccountName=other;AccountKey={KEY}")

    with pytest.raises(ConfigError, match=f"for the account other, store.url for {ACCOUNT}") as refused:
        connect(LOCATION, AzureSettings())
    assert KEY not in str(refused.value)


def test_a_token_is_never_sent_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="a token is never sent over http"):
        connect(PLAIN, AzureSettings())

    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    assert connect(PLAIN, AzureSettings()).secret.key == KEY


@pytest.mark.parametrize("name", ["AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN"])
def test_the_secret_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, KEY if name == "AZURE_STORAGE_KEY" else SAS)

    shown = repr(connect(LOCATION, AzureSettings()))

    assert KEY not in shown
    assert "c2VjcmV0" not in shown


def test_a_refused_login_is_told_after_one_token_request(site: Site) -> None:
    site.monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong~secret")

    with pytest.raises(AzureError, match="AADSTS7000215") as refused:
        next(site.store.entries("sqlite"))

    asked = [request for request in site.deployment.cloud.requests if request.surface == "entra"]
    assert [request.path for request in asked if request.method == "POST"] == [
        f"/{site.deployment.cloud.tenant}/oauth2/v2.0/token"
    ]
    assert refused.value.doing == "log in to Azure"
    assert "AZURE_CLIENT_SECRET" in refused.value.mend


def test_nobody_logged_in_is_told_after_one_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stand-in for `az` counts how often it is asked."""
    az = tmp_path / "az"
    az.write_text(f"#!/bin/sh\necho asked >> {tmp_path}/asked\necho \"Please run 'az login'.\" >&2\nexit 1\n")
    az.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")

    with pytest.raises(AzureError, match="not logged in"), connect(LOCATION, AzureSettings()).calls("list"):
        next(connect(LOCATION, AzureSettings()).client.list_blobs())

    assert (tmp_path / "asked").read_text() == "asked\n"


def test_one_token_serves_every_call_of_a_store(site: Site) -> None:
    store = site.store
    for number in range(3):
        store.write(f"sqlite/{number}", b"x")
    list(store.entries("sqlite"))

    asked = [request for request in site.deployment.cloud.requests if request.surface == "entra"]
    assert len([request for request in asked if request.method == "POST"]) == 1


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("BlobImmutableDueToPolicy", "WORM"),
        ("SnaphotOperationRateExceeded", "too many snapshots"),
        ("FeatureNotYetSupportedForHierarchicalNamespaceAccounts", "Data Lake"),
    ],
)
def test_a_conflict_that_no_other_run_made_is_told_as_what_it_is(
    site: Site, blob_proxy: BlobProxy, code: str, told: str
) -> None:
    store = site.store
    put(store, FIRST)
    blob_proxy.refused.append(RefusedCall("PUT", "comp=snapshot", 409, code, "Refused."))

    with pytest.raises(AzureError, match=told) as refused:
        put(store, FIRST)

    assert "another run" not in str(refused.value)
    assert refused.value.mend


def test_a_condition_that_fails_is_another_run_s_doing(site: Site, blob_proxy: BlobProxy) -> None:
    store = site.store
    put(store, FIRST)
    blob_proxy.refused.append(RefusedCall("PUT", "comp=blocklist", 412, "ConditionNotMet", "It was not met."))

    with pytest.raises(StoreError, match="another run"):
        put(store, FIRST)


def test_a_netrc_takes_no_login_s_place(azure_store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))

    azure_store.write("sqlite/a", b"x")

    assert azure_store.read("sqlite/a") == b"x"


def test_the_store_is_reached_through_the_environment_s_proxy(
    azurite: Azurite, azure_store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with azure_faults.running(azurite) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{urlsplit(proxy.url).netloc}")
        monkeypatch.setenv("NO_PROXY", "")
        through = open_store(azure_store_settings, AzureSettings())
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        directly = open_store(azure_store_settings, AzureSettings())

        directly.write("sqlite/a", b"x")
        assert not proxy.requests
        assert through.read("sqlite/a") == b"x"
        assert proxy.requests
