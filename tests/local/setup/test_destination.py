"""The store of `invoke init`: a folder is made on request and nowhere else, a container is asked and not written to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.cloud.errors import AccessDeniedError
from local.errors import AzureError, ConfigError
from local.settings import AzureSettings, StoreSettings
from local.setup.destination import StoreDestination, find, make, on_the_same_disk
from local.store.open import open_store
from tests.local.command_line.test_bad_configurations import NOBODY, WITHOUT_OVERRIDE
from tests.support.fork_server import CHECKOUT


@pytest.mark.parametrize("named", ["{}", "file://{}", "{}/../backups"])
def test_a_folder_that_is_missing_is_made_for_nobody_elses_eyes(named: str, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    found = find(named.format(folder))

    assert found == StoreDestination(StoreSettings(url=folder.as_uri()), folder)
    assert not folder.exists()
    make(found)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert find(named.format(folder)) == StoreDestination(StoreSettings(url=folder.as_uri()))


def test_a_folder_of_any_name_may_be_given_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b%ü#?").mkdir()

    found = find("a b%ü#?")

    assert found.missing is None
    assert str(open_store(found.store, AzureSettings()).url) == (tmp_path / "a b%ü#?").as_uri()


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("", "it is empty"),
        ("file", "it is no folder"),
        ("dangling", "it is no folder"),
        ("not mounted/backups", "there is no folder"),
        ("ftp://host/x", "is 'ftp://host/x'"),
        ("https://account.blob.core.windows.net", "is 'https://account"),
        ("https://account.blob.core.windows.net/c?sig=secret", "c?…'"),
    ],
)
def test_what_cannot_be_a_store_is_a_mistake(
    named: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")

    with pytest.raises(ConfigError) as caught:
        find(named)

    assert caught.value.doing.startswith("--store")
    assert told in caught.value.came_back
    assert "secret" not in f"{caught.value} {caught.value.mend}"


def test_a_folder_that_may_not_be_written_is_a_mistake(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir(mode=0o555)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    program = "import sys; from local.setup.destination import find; find(sys.argv[1])"
    command = [sys.executable, "-c", WITHOUT_OVERRIDE, sys.executable, "-c", program, str(folder)]

    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)

    assert done.stderr.endswith(f"ConfigError: --store {folder}: this user may not write there\n")


def test_a_folder_on_the_databases_disk_is_noticed(tmp_path: Path) -> None:
    here = StoreDestination(StoreSettings(url=(tmp_path / "backups").as_uri()), tmp_path / "backups")

    assert on_the_same_disk(here, [tmp_path])
    assert not on_the_same_disk(here, [Path("/proc/version")] if Path("/proc").exists() else [Path("/dev/null")])
    assert not on_the_same_disk(StoreDestination(StoreSettings(url="https://a.blob.core.windows.net/c")), [tmp_path])


@pytest.mark.parametrize(
    ("url", "cloud"),
    [
        ("https://a.blob.core.windows.net/c", "public"),
        ("https://a.blob.core.usgovcloudapi.net/c", "usgov"),
        ("https://a.blob.core.chinacloudapi.cn/c", "china"),
        ("https://usgovcloudapi.net.example.org/c", "public"),
        ("file:///x.chinacloudapi.cn", "public"),
    ],
)
def test_the_cloud_follows_from_the_url(url: str, cloud: str) -> None:
    assert StoreDestination(StoreSettings(url=url)).cloud == cloud


def test_a_container_that_may_be_written_is_taken_and_left_as_it_is(azure_store_settings: StoreSettings) -> None:
    assert find(azure_store_settings.url) == StoreDestination(azure_store_settings)
    assert list(open_store(azure_store_settings, AzureSettings()).entries("sqlite")) == []


def test_a_container_that_is_not_there_is_a_mistake(azure_store_settings: StoreSettings) -> None:
    with pytest.raises(ConfigError, match="there is no such container") as caught:
        find(f"{azure_store_settings.url}-other")

    assert "az storage container create" in caught.value.mend


def test_a_login_that_may_only_read_is_refused(
    azure_store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", reading_sas(azure_store_settings.url))

    with pytest.raises(AccessDeniedError) as caught:
        find(azure_store_settings.url)

    assert caught.value.exit_code == AzureError.exit_code == 3


def reading_sas(url: str) -> str:
    """A SAS of the container that lets read and list."""
    from datetime import UTC, datetime, timedelta

    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    from local.location import ContainerLocation, parse_location
    from tests.support.azurite import KEY

    location = parse_location(url)
    assert isinstance(location, ContainerLocation)
    return generate_container_sas(
        location.account,
        location.container,
        account_key=KEY,
        permission=ContainerSasPermissions(read=True, list=True),
        expiry=datetime.now(UTC) + timedelta(minutes=5),
    )
