"""`store.url` is read in one place: which folder, or which account and container, and what is refused there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.errors import ConfigError
from local.location import ContainerLocation, FolderLocation, is_secure, parse_location


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///backups", "/backups"),
        ("file:///Volumes/My%20Disk/%C3%BC", "/Volumes/My Disk/ü"),
        ("file:///Volumes/My Disk", "/Volumes/My Disk"),
        ("file://localhost/backups", "/backups"),
        ("file:/backups", "/backups"),
    ],
)
def test_a_file_url_is_a_folder(url: str, path: str) -> None:
    assert parse_location(url) == FolderLocation(Path(path))


segments = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1)


@given(st.lists(segments.filter(lambda segment: segment not in (".", "..")), min_size=1, max_size=4))
def test_every_absolute_path_is_read_back_from_its_url(parts: list[str]) -> None:
    path = Path("/", *parts)

    assert parse_location(path.as_uri()) == FolderLocation(path)


@pytest.mark.parametrize(
    ("url", "account", "container"),
    [
        ("https://alaibackups.blob.core.windows.net/backups", "alaibackups", "backups"),
        ("https://alaibackups.blob.core.chinacloudapi.cn/backups", "alaibackups", "backups"),
        ("https://alaibackups.privatelink.example/backups", "alaibackups", "backups"),
        ("http://127.0.0.1:10000/devstoreaccount1/backups", "devstoreaccount1", "backups"),
        ("http://localhost:10000/devstoreaccount1/backups", "devstoreaccount1", "backups"),
        ("https://[::1]:10000/devstoreaccount1/backups", "devstoreaccount1", "backups"),
    ],
)
def test_a_container_is_told_with_its_account(url: str, account: str, container: str) -> None:
    assert parse_location(url) == ContainerLocation(url, account, container)


def test_a_slash_at_the_end_makes_no_difference() -> None:
    url = "https://alaibackups.blob.core.windows.net/backups"

    assert parse_location(f"{url}/") == parse_location(url)


@pytest.mark.parametrize(
    ("url", "encrypted"),
    [("https://a.blob.core.windows.net/c", True), ("http://127.0.0.1:10000/a/c", False)],
)
def test_a_container_is_encrypted_on_its_way_over_https(url: str, encrypted: bool) -> None:
    location = parse_location(url)

    assert isinstance(location, ContainerLocation)
    assert location.encrypted is encrypted


@pytest.mark.parametrize(
    "url",
    [
        "",
        "backups",
        "/backups",
        "file://",
        "file:///",
        "file://elsewhere/backups",
        "ftp://a.blob.core.windows.net/c",
        "http://a.blob.core.windows.net/c",
        "https://a.blob.core.windows.net",
        "https://a.blob.core.windows.net/",
        "https:///c",
    ],
)
def test_a_url_that_names_no_store_is_refused_and_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_location(url)

    assert refused.value.doing == "configuration: store.url"
    assert refused.value.came_back == f"is {url!r}"
    assert "file:///absolute/folder or https://ACCOUNT.blob.core.windows.net/CONTAINER" in refused.value.mend


@pytest.mark.parametrize(
    "url",
    [
        "https://a.blob.core.windows.net/c?sp=r&sig=c2VjcmV0",
        "https://user:c2VjcmV0@a.blob.core.windows.net/c",
        "https://c2VjcmV0@a.blob.core.windows.net/c",
    ],
)
def test_a_credential_in_the_url_is_refused_and_never_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match=r"is 'https://a\.blob\.core\.windows\.net/c\?…'") as refused:
        parse_location(url)

    assert "c2VjcmV0" not in f"{refused.value} {refused.value.mend}"
    assert "credentials never stand here" in refused.value.mend


@pytest.mark.parametrize(
    ("url", "secure"),
    [
        ("https://login.microsoftonline.com", True),
        ("http://localhost:8443", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:1", True),
        ("http://127.0.0.2", False),
        ("http://localhost.example", False),
        ("http://login.microsoftonline.com", False),
        ("ftp://localhost", False),
        ("https://", False),
        ("", False),
    ],
)
def test_only_https_and_this_machine_are_secure(url: str, secure: bool) -> None:
    assert is_secure(url) is secure
