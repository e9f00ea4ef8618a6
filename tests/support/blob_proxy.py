"""A proxy before Azurite, over HTTPS, which gives the refusals that Azurite never gives and Azure documents."""

from __future__ import annotations

import http.client
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from tests.azure_cloud.certificates import Certificates
from tests.support.azurite import Azurite

_OWN_HEADERS = {"connection", "transfer-encoding", "content-length", "date", "server"}


@dataclass(frozen=True)
class RefusedCall:
    """A call that Azure refuses: those of `method` in whose path and query the regular expression `part` is found."""

    method: str
    part: str
    status: int
    code: str
    message: str = "This request is not authorized to perform this operation using this permission."
    headers: tuple[tuple[str, str], ...] = ()

    def meets(self, method: str, path: str) -> bool:
        """Whether this is such a call."""
        return method == self.method and re.search(self.part, path) is not None


@dataclass(frozen=True)
class SeenCall:
    """A request as it came, and with which HTTP status it was answered."""

    method: str
    path: str
    authorization: str
    status: int


@dataclass
class BlobProxy:
    """Azurite at another URL; `refused` may change at any time, and `calls` fills."""

    azurite: Azurite
    refused: list[RefusedCall] = field(default_factory=list)
    calls: list[SeenCall] = field(default_factory=list)
    url: str = ""


@contextmanager
def running(azurite: Azurite, certificates: Certificates) -> Iterator[BlobProxy]:
    """The proxy on a free port, with the certificate that Azurite itself has."""
    proxy = BlobProxy(azurite)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy, ssl.create_default_context(cafile=certificates.ca)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.cert, certificates.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    proxy.url = f"https://127.0.0.1:{server.server_address[1]}{urlsplit(azurite.url).path}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(proxy: BlobProxy, trust: ssl.SSLContext) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            refused = [call for call in proxy.refused if call.meets(self.command, self.path)]
            status, headers, content = _refusal(refused[0]) if refused else self.answer_of_azurite(body)
            proxy.calls.append(SeenCall(self.command, self.path, self.headers.get("Authorization") or "", status))
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _OWN_HEADERS:
                    self.send_header(name, value)
            length = next((value for name, value in headers if name.lower() == "content-length"), None)
            self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(content)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else content)

        def answer_of_azurite(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            connection = http.client.HTTPSConnection(urlsplit(proxy.azurite.url).netloc, context=trust)
            try:
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                answer = connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            finally:
                connection.close()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _refusal(call: RefusedCall) -> tuple[int, list[tuple[str, str]], bytes]:
    body = f"<?xml version='1.0' encoding='utf-8'?><Error><Code>{call.code}</Code>"
    body += f"<Message>{escape(call.message)}</Message></Error>"
    headers = [("Content-Type", "application/xml"), ("x-ms-error-code", call.code), *call.headers]
    return call.status, headers, body.encode()
