"""A link opens one content, for reading, for its time; and which links may be handed to another machine."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest

from local.location import ContainerLocation, parse_location
from local.settings import AzureSettings
from local.store.azure_connection import connect
from local.store.azure_links import AzureLinks
from local.store.interface import Store
from tests.local.store.archives import FIRST, NAME, NEXT_DAY, content_of, current, put
from tests.remote.site import Site
from tests.support.azurite import KEY

SAS = "sv=2024-11-04&ss=b&srt=co&sp=rl&sig=c2VjcmV0"


def links_of(url: str) -> AzureLinks:
    location = parse_location(url)
    assert isinstance(location, ContainerLocation)
    return AzureLinks(connect(location, AzureSettings()))


def refusal_of(request: Request) -> int:
    """The HTTP status with which Azure refuses this request."""
    with pytest.raises(HTTPError) as refused:
        urlopen(request)
    status = refused.value.code
    refused.value.close()
    return status


def test_a_link_only_reads(azure_store: Store) -> None:
    put(azure_store, FIRST)
    link = azure_store.link(current(azure_store), 60)

    assert refusal_of(Request(link, data=b"", method="PUT", headers={"x-ms-blob-type": "BlockBlob"})) == 403
    assert refusal_of(Request(link, method="DELETE")) == 403
    assert content_of(azure_store, current(azure_store)) == FIRST.content


def test_a_link_opens_no_other_blob(azure_store: Store) -> None:
    put(azure_store, FIRST)
    put(azure_store, FIRST, NEXT_DAY)
    link = azure_store.link(current(azure_store), 60)

    assert refusal_of(Request(link.replace(NAME, NEXT_DAY))) == 403


def test_a_link_ends(azure_store: Store) -> None:
    put(azure_store, FIRST)

    assert refusal_of(Request(azure_store.link(current(azure_store), -60))) == 403


def test_links_for_one_blob_over_https_may_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)

    assert links_of("https://alaibackups.blob.core.windows.net/backups").may_travel


def test_links_of_a_token_login_may_travel() -> None:
    assert links_of("https://alaibackups.blob.core.windows.net/backups").may_travel


def test_a_sas_that_opens_more_than_one_blob_may_not_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", SAS)

    assert not links_of("https://alaibackups.blob.core.windows.net/backups").may_travel


def test_links_over_http_may_not_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)

    assert not links_of("http://127.0.0.1:10000/devstoreaccount1/backups").may_travel


def times_of(link: str) -> tuple[datetime, datetime]:
    """When the link ends, and when the key that signed it does."""
    query = parse_qs(urlsplit(link).query)
    return datetime.fromisoformat(query["se"][0]), datetime.fromisoformat(query["ske"][0])


def test_a_link_never_outlives_the_key_that_signed_it(site: Site) -> None:
    """A link for a longer time, asked for later of the same store, stands for one that is made late in a run."""
    store = site.store
    put(store, FIRST)

    for hours in (1, 3, 30):
        expiry, key_expiry = times_of(store.link(current(store), hours * 3600))
        assert key_expiry >= expiry + timedelta(minutes=14)


def test_links_of_one_run_are_signed_with_one_key(site: Site) -> None:
    store = site.store
    put(store, FIRST)

    key_expiries = {times_of(store.link(current(store), 3600 + second))[1] for second in range(10)}

    assert len(key_expiries) == 1


def test_a_link_of_a_token_login_reads_that_content(site: Site) -> None:
    store = site.store
    put(store, FIRST)
    store.link(current(store), 60)

    assert content_of(store, current(store)) == FIRST.content
