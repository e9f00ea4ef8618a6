"""Paging: a list is whole whatever pages it comes in, and a token goes to no other host."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from local.errors import AzureError
from rbac.rest import odata_literal, path_of_next

ARM = "https://management.azure.com"


@pytest.mark.parametrize(
    "link",
    [
        f"{ARM}/subscriptions/s/providers?api-version=1&$skiptoken=a%2Fb",
        "https://management.azure.com:443/subscriptions/s/providers?api-version=1&$skiptoken=a%2Fb",
        "https://MANAGEMENT.azure.com/subscriptions/s/providers?api-version=1&$skiptoken=a%2Fb",
    ],
)
def test_a_next_page_on_the_same_host_is_followed_as_azure_wrote_it(link: str) -> None:
    assert path_of_next(ARM, link, "list") == "/subscriptions/s/providers?api-version=1&$skiptoken=a%2Fb"


@pytest.mark.parametrize(
    "link",
    [
        "https://management.azure.com.evil.example/subscriptions?a=b",
        "https://management.azure.com@evil.example/subscriptions?a=b",
        "http://management.azure.com/subscriptions?a=b",
        "https://management.azure.com:8443/subscriptions?a=b",
        "/subscriptions?a=b",
    ],
)
def test_a_next_page_elsewhere_is_refused(link: str) -> None:
    with pytest.raises(AzureError, match="the next page is said to be at"):
        path_of_next(ARM, link, "list")


def test_text_in_a_filter_is_a_literal() -> None:
    assert odata_literal("Bob's & Eve") == "'Bob''s & Eve'"
    assert quote(odata_literal("Bob's & Eve")) == "%27Bob%27%27s%20%26%20Eve%27"
