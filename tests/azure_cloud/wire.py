"""Requests and responses as values, and the bodies and headers in which Azure tells errors and waits."""

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
        """The body as a JSON object; refuses with 400 where it is none."""
        try:
            parsed = json.loads(self.body or b"{}")
        except ValueError:
            raise RefusedError(arm_error(400, "InvalidRequestContent", "The request content was invalid.")) from None
        if not isinstance(parsed, dict):
            raise RefusedError(arm_error(400, "InvalidRequestContent", "The request content was invalid."))
        return parsed


@dataclass(frozen=True)
class Response:
    """An answer; its Content-Length the listener adds."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class RecordedRequest:
    """What a test may look at of a request: who asked for what, and what came of it. Holds no token and no body."""

    surface: str
    method: str
    path: str
    query: Mapping[str, str]
    principal: str | None
    status: int
    fault: str | None = field(default=None)


class RefusedError(Exception):
    """Raised where Azure refuses a request; the response is what the client gets."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"HTTP {response.status}: {response.body[:200]!r}")
        self.response = response


def reply(body: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """An answer with a JSON body."""
    return Response(status, json.dumps(body).encode(), (("Content-Type", "application/json; charset=utf-8"), *headers))


def arm_error(status: int, code: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """An error as Resource Manager tells it."""
    return reply({"error": {"code": code, "message": message}}, status, headers)


def graph_error(status: int, code: str, message: str) -> Response:
    """An error as Microsoft Graph tells it."""
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
    """Seconds since 1970 as Azure writes a moment, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
