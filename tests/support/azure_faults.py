"""A proxy before the real Azurite, with the faults of a network and of a busy or refusing Azure.

It names each request as Azure's REST reference does ("Put Block List"), keeps a list of them, and lets a test say what
befalls the next ones: cut before the service sees it or after it has carried it out, stalled, refused, or answered with
what Azure documents and Azurite does not do.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.azurite import Azurite

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


@dataclass(frozen=True)
class Request:
    """A request to the blob service; `path` is without account and container."""

    operation: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body_bytes: int


@dataclass(frozen=True)
class Answer:
    """What the service answers."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    bytes_per_second: float | None = None


# What befalls a request: it is given how to ask the service, and answers; None cuts the connection.
Fault = Callable[[Callable[[], Answer]], Answer | None]


def cut_before(_: Callable[[], Answer]) -> None:
    """The connection ends, and the service never saw the request."""


def cut_after(ask: Callable[[], Answer]) -> None:
    """The service carries it out, and its answer gets lost."""
    ask()


def away_after(requests: int) -> Fault:
    """So many requests are carried out, and no other reaches the service: as a run that is killed there leaves it."""
    left = [requests]

    def fault(ask: Callable[[], Answer]) -> Answer | None:
        left[0] -= 1
        return ask() if left[0] >= 0 else None

    return fault


def stalled(seconds: float) -> Fault:
    """The service takes that long to answer."""

    def fault(ask: Callable[[], Answer]) -> Answer:
        time.sleep(seconds)
        return ask()

    return fault


def refused(status: int, code: str, **headers: str) -> Fault:
    """The service refuses: https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2."""
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{code}.</Message></Error>'
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = Answer(status, {"x-ms-error-code": code, "content-type": "application/xml", **named}, body.encode())
    return lambda _: answer


def answered(change: Callable[[Answer], Answer]) -> Fault:
    """The service's answer, changed."""
    return lambda ask: change(ask())


def slow(bytes_per_second: float) -> Fault:
    """The service's answer comes over a slow link, a little every twentieth of a second."""
    return answered(lambda answer: replace(answer, bytes_per_second=bytes_per_second))


def after(action: Callable[[], object]) -> Fault:
    """Something else happens before the service sees the request."""

    def fault(ask: Callable[[], Answer]) -> Answer:
        action()
        return ask()

    return fault


def with_headers(**headers: str) -> Fault:
    """The service's answer with other headers too; underscores stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answered(lambda answer: replace(answer, headers={**answer.headers, **named}))


@dataclass
class FaultyAzurite:
    """The proxy: `url` in place of Azurite's, the requests so far, and the faults to come."""

    url: str
    requests: list[Request] = field(default_factory=list)
    _faults: list[tuple[str, str, Fault, list[int]]] = field(default_factory=list)
    _numbered: tuple[range, Fault] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, operation: str, fault: Fault, times: int = 10**9, ending: str = "") -> None:
        """The next requests of that operation ("*": of any) on a path with that ending meet the fault.

        Where several fit, the one that was named first is met.
        """
        with self._lock:
            self._faults.append((operation, ending, fault, [times]))

    def fail_at(self, number: int, fault: Fault, times: int = 1) -> None:
        """So many requests from that number on meet the fault: 0 is the next one, whatever it asks for."""
        with self._lock:
            first = len(self.requests) + number
            self._numbered = (range(first, first + times), fault)

    def heal(self) -> None:
        """No more faults."""
        with self._lock:
            self._faults.clear()
            self._numbered = None

    def count(self, operation: str, ending: str = "") -> int:
        """How many such requests there were."""
        return sum(seen.operation == operation and seen.path.endswith(ending) for seen in list(self.requests))

    def fault_for(self, request: Request) -> Fault | None:
        """Note the request, and tell what befalls it."""
        with self._lock:
            self.requests.append(request)
            if self._numbered and len(self.requests) - 1 in self._numbered[0]:
                return self._numbered[1]
            for operation, ending, fault, left in self._faults:
                if operation in (request.operation, "*") and request.path.endswith(ending) and left[0] > 0:
                    left[0] -= 1
                    return fault
        return None


@contextmanager
def running(azurite: Azurite) -> Iterator[FaultyAzurite]:
    """The proxy on a free port, before an Azurite over plain http."""
    target = urlsplit(azurite.url)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    proxy = FaultyAzurite(f"http://127.0.0.1:{server.server_port}{target.path}")
    server.RequestHandlerClass = _handler(proxy, target.netloc)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(proxy: FaultyAzurite, target: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            request = _named(self.command, self.path, dict(self.headers.items()), len(body))
            fault = proxy.fault_for(request)

            def ask() -> Answer:
                return _ask(target, self.command, self.path, dict(self.headers.items()), body)

            answer = fault(ask) if fault else ask()
            if answer is None:
                self.close_connection = True
                with suppress(OSError):
                    self.connection.shutdown(2)
                return
            with suppress(BrokenPipeError, ConnectionResetError):
                # Whoever asked may have been killed.
                self._tell(answer)

        def _tell(self, answer: Answer) -> None:
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            # A HEAD's answer has the length of the body that it does not have.
            length = answer.headers.get("content-length-of-blob") if self.command == "HEAD" else None
            self.send_header("content-length", length or str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                for piece in _pieces(answer):
                    self.wfile.write(piece)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _serve  # noqa: N815

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Nothing: pytest shows the requests where a test fails."""

    return Handler


def _pieces(answer: Answer) -> Iterator[bytes]:
    if answer.bytes_per_second is None:
        yield answer.body
        return
    size = max(1, int(answer.bytes_per_second / 20))
    for at in range(0, len(answer.body), size):
        time.sleep(0.05)
        yield answer.body[at : at + size]


def _ask(target: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    connection = http.client.HTTPConnection(target, timeout=60)
    try:
        connection.request(method, path, body, dict(headers))
        found = connection.getresponse()
        kept = {name.lower(): value for name, value in found.getheaders() if name.lower() not in _HOP_BY_HOP}
        length = found.getheader("content-length")
        if method == "HEAD" and length:
            kept["content-length-of-blob"] = length
        return Answer(found.status, kept, found.read())
    finally:
        connection.close()


def _named(method: str, target: str, headers: Mapping[str, str], body_bytes: int) -> Request:
    address = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    given = {name.lower(): value for name, value in headers.items()}
    path = unquote(address.path).partition("/")[2].partition("/")[2].partition("/")[2]
    return Request(_operation(method, query, given), path, query, given, body_bytes)


def _operation(method: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    component, source = query.get("comp", ""), "x-ms-copy-source" in headers
    named = {
        ("PUT", "block"): "Put Block From URL" if source else "Put Block",
        ("PUT", "blocklist"): "Put Block List",
        ("GET", "blocklist"): "Get Block List",
        ("PUT", "metadata"): "Set Blob Metadata",
        ("PUT", "snapshot"): "Snapshot Blob",
        ("PUT", "copy"): "Abort Copy Blob",
        ("GET", "list"): "List Blobs",
        ("PUT", ""): "Copy Blob" if source else "Put Blob",
        ("HEAD", ""): "Get Blob Properties",
        ("DELETE", ""): "Delete Blob",
        ("GET", ""): "Get Blob",
    }
    if query.get("restype") == "container" and component != "list":
        return "Get Container Properties"
    return named.get((method, component), f"{method} {component}")
