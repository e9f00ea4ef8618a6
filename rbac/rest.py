"""Reads from a REST API of Azure, through the SDK's pipeline: typed answers, paging, and Azure's errors as ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import msgspec

from local.cloud.errors import AccessDeniedError, explain
from local.cloud.redact import scrub
from local.errors import AzureError
from local.typed import from_json

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.rest import HttpRequest, HttpResponse

T = TypeVar("T")


class RestError(AzureError):
    """Azure's refusal other than 403; the HTTP status and Azure's error code tell a caller whether it can go on."""

    def __init__(self, error: AzureError, status: int, code: str) -> None:
        super().__init__(error.doing, error.came_back, error.mend)
        self.status = status
        self.code = code


class _Page(msgspec.Struct, frozen=True):
    value: list[msgspec.Raw]
    next_arm: str | None = msgspec.field(default=None, name="nextLink")
    next_graph: str | None = msgspec.field(default=None, name="@odata.nextLink")


@dataclass(frozen=True)
class RestClient:
    """One of Azure's REST APIs (`base` is its URL) and the SDK's pipeline to it."""

    base: str
    client: PipelineClient[HttpRequest, HttpResponse]

    def get(self, path: str, shape: type[T], doing: str, headers: Mapping[str, str] | None = None) -> T:
        """The answer to one GET; `path` begins with a slash and holds its query."""
        return _decode(self._send(path, doing, headers), shape, doing, self.base)

    def pages(self, path: str, shape: type[T], doing: str, headers: Mapping[str, str] | None = None) -> Iterator[T]:
        """Every item of a list, whatever number of pages it comes in."""
        following: str | None = path
        while following:
            page = self.get(following, _Page, doing, headers)
            yield from (_decode(item, shape, doing, self.base) for item in page.value)
            link = page.next_arm or page.next_graph
            following = path_of_next(self.base, link, doing) if link else None

    def _send(self, path: str, doing: str, headers: Mapping[str, str] | None) -> bytes:
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest

        with azure_errors(doing, path.partition("?")[0]):
            response = self.client.send_request(HttpRequest("GET", self.base + path, headers=dict(headers or {})))
            if response.status_code >= 400:
                raise HttpResponseError(response=response)
            return response.content


@contextmanager
def azure_errors(doing: str, scope: str) -> Iterator[None]:
    """The SDK's errors as ours: AccessDeniedError for a 403, RestError for what else Azure refused, else AzureError."""
    from azure.core.exceptions import AzureError as SdkError
    from azure.core.exceptions import HttpResponseError

    try:
        yield
    except SdkError as error:
        explained = explain(error, doing, scope)
        if isinstance(explained, AccessDeniedError) or not isinstance(error, HttpResponseError):
            raise explained from None
        code = error.error.code if error.error else ""
        raise RestError(explained, error.status_code or 0, code or "") from None


def path_of_next(base: str, link: str, doing: str) -> str:
    """The path and query of a link to the next page; Azure writes some with `:443`."""
    here, there = urlsplit(base), urlsplit(link)
    if (here.scheme, here.hostname, here.port or 443) != (there.scheme, there.hostname, there.port or 443):
        # The token goes with the request, so it follows no link to another host.
        raise AzureError(doing, f"the next page is said to be at {scrub(link)}", "check azure.endpoints")
    return f"{there.path.removeprefix(here.path)}?{there.query}"


def _decode(content: bytes | msgspec.Raw, shape: type[T], doing: str, base: str) -> T:
    try:
        return from_json(content, shape)
    except msgspec.DecodeError as error:
        came_back = f"the answer of {base} is not what Azure documents: {error}"
        raise AzureError(doing, came_back, "check the proxy and azure.endpoints") from None


def odata_literal(text: str) -> str:
    """`text` as a string in an OData filter; who puts it into a URL by hand percent-encodes it as well."""
    return "'" + text.replace("'", "''") + "'"
