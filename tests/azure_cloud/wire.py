"""What goes over the wire: a request, a response, and Azure's way of saying no."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One request, decoded: `surface` is entra, graph or arm, `base` the scheme, host and port it came in by."""

    surface: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base: str

    def json(self) -> Json:
        try:
            parsed = json.loads(self.body or b"{}")
        except ValueError:
            raise RefusedError(arm_error(400, "InvalidRequestContent", "The request content was invalid.")) from None
        if not isinstance(parsed, dict):
            raise RefusedError(arm_error(400, "InvalidRequestContent", "The request content was invalid."))
        return parsed


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class RecordedRequest:
    """One line of the record: who asked for what, and what came of it. Holds no token and no body."""

    surface: str
    method: str
    path: str
    query: Mapping[str, str]
    principal: str | None
    status: int
    fault: str | None = field(default=None)


class RefusedError(Exception):
    """Ends the handling of a request with this response."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"HTTP {response.status}: {response.body[:200]!r}")
        self.response = response


def reply(body: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    return Response(status, json.dumps(body).encode(), (("Content-Type", "application/json; charset=utf-8"), *headers))


def arm_error(status: int, code: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    return reply({"error": {"code": code, "message": message}}, status, headers)


def graph_error(status: int, code: str, message: str) -> Response:
    request_id = str(uuid.uuid4())
    inner = {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id,
        "client-request-id": request_id,
    }
    return reply({"error": {"code": code, "message": message, "innerError": inner}}, status)


def wait_headers(seconds: float) -> tuple[tuple[str, str], ...]:
    """Retry-After in whole seconds, as Azure sends it, or azure-core's milliseconds where a test waits for less.

    The compute SDK reads Retry-After as an integer, and azure-core takes "0" for "not said".
    """
    if seconds >= 1:
        return (("Retry-After", str(round(seconds))),)
    return (("x-ms-retry-after-ms", str(max(1, round(seconds * 1000)))),)


def timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
