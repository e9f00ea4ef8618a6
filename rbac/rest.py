"""Calls to a REST surface of Azure, through the SDK's pipeline: typed answers, paging, and Azure's errors as ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from local import cloud
from local.errors import AzureError
from local.settings import AzureSettings

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.rest import HttpRequest, HttpResponse

T = TypeVar("T")


class RestError(AzureError):
    """Azure's refusal other than 403, with the HTTP status and the error code that a chain may know what to do with."""

    def __init__(self, error: AzureError, status: int, code: str) -> None:
        super().__init__(error.doing, error.came_back, error.mend)
        self.status = status
        self.code = code


class _Page(msgspec.Struct, frozen=True):
    value: list[msgspec.Raw]
    next_arm: str | None = msgspec.field(default=None, name="nextLink")
    next_graph: str | None = msgspec.field(default=None, name="@odata.nextLink")


@dataclass(frozen=True)
class Rest:
    """One surface (`base` is its URL) and the SDK's pipeline to it."""

    base: str
    client: PipelineClient[HttpRequest, HttpResponse]

    def get(self, path: str, shape: type[T], doing: str, headers: Mapping[str, str] | None = None) -> T:
        """The answer to one GET; `path` begins with a slash and holds its query."""
        return _decode(self._send("GET", path, doing, headers=headers), shape, doing, self.base)

    def pages(self, path: str, shape: type[T], doing: str, headers: Mapping[str, str] | None = None) -> Iterator[T]:
        """Every item of a list, whatever number of pages it comes in."""
        following: str | None = path
        while following:
            page = self.get(following, _Page, doing, headers)
            yield from (_decode(item, shape, doing, self.base) for item in page.value)
            link = page.next_arm or page.next_graph
            following = path_of_next(self.base, link, doing) if link else None

    def put(self, path: str, body: object, doing: str) -> None:
        """One PUT."""
        self._send("PUT", path, doing, json=body)

    def delete(self, path: str, doing: str) -> None:
        """One DELETE; what is gone already is no error."""
        self._send("DELETE", path, doing)

    def _send(self, method: str, path: str, doing: str, **content: Any) -> bytes:
        from azure.core.exceptions import AzureError as SdkError
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest

        scope = re.split(r"/providers/Microsoft\.Authorization/|\?", path, maxsplit=1)[0]
        try:
            response = self.client.send_request(HttpRequest(method, self.base + path, **content))
            if response.status_code < 400:
                return response.content
            raise HttpResponseError(response=response)
        except SdkError as error:
            explained = cloud.explain(error, doing, scope)
            if isinstance(explained, cloud.AccessDeniedError) or not isinstance(error, HttpResponseError):
                raise explained from None
            code = error.error.code if error.error else ""
            raise RestError(explained, error.status_code or 0, code or "") from None


def path_of_next(base: str, link: str, doing: str) -> str:
    """The path and query of a link to the next page; Azure writes some with `:443`."""
    here, there = urlsplit(base), urlsplit(link)
    if (here.scheme, here.hostname, here.port or 443) != (there.scheme, there.hostname, there.port or 443):
        # The token goes with the request, so it follows no link to another host.
        raise AzureError(doing, f"the next page is said to be at {cloud.scrub(link)}", "check azure.endpoints")
    return f"{there.path.removeprefix(here.path)}?{there.query}"


def _decode(content: bytes | msgspec.Raw, shape: type[T], doing: str, base: str) -> T:
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.DecodeError as error:
        came_back = f"the answer of {base} is not what Azure documents: {error}"
        raise AzureError(doing, came_back, "check the proxy and azure.endpoints") from None


@contextmanager
def surfaces(azure: AzureSettings, login: cloud.Login) -> Iterator[tuple[Rest, Rest]]:
    """Azure Resource Manager and Microsoft Graph, as `login`; the connections end with the context."""
    where = cloud.endpoints(azure)
    # What is not configured is told before anybody is asked to log in.
    cloud.group_scope(azure)
    with (
        cloud.pipeline(where.resource_manager, where.resource_manager_scope, login) as arm,
        cloud.pipeline(where.graph, where.graph_scope, login) as graph,
    ):
        yield Rest(where.resource_manager, arm), Rest(where.graph, graph)


def quoted(text: str) -> str:
    """`text` as a literal of an OData filter, percent-encoded."""
    return quote("'" + text.replace("'", "''") + "'")
