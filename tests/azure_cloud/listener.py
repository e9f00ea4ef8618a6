"""HTTPS: one listening port for each of Azure's three hosts, kept-alive connections, and connections that die."""

from __future__ import annotations

import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.azure_cloud.wire import Request, Response

Answer = Callable[[Request], Response | None]
_HANDSHAKE_SECONDS = 10.0
_IDLE_SECONDS = 60.0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: Listener

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit("/" + self.path.lstrip("/"))
        request = Request(
            surface=self.server.surface,
            method=self.command,
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            base=f"https://{self.headers.get('Host', '')}",
        )
        response = self.server.answer(request)
        if response is None:
            self._die()
            return
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def _die(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.dead.add(id(self.connection))
        self.close_connection = True

    def log_message(self, *_args: Any, **_named: Any) -> None:
        """Say nothing: the tests read the record of requests instead."""


for _verb in ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"):
    setattr(_Handler, f"do_{_verb}", _Handler._serve)


class Listener(ThreadingHTTPServer):
    """One host of Azure's. The TLS handshake is made in the connection's own thread."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, surface: str, context: ssl.SSLContext, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.surface = surface
        self.answer = answer
        self.dead: set[int] = set()
        self._context = context
        self._open: set[socket.socket] = set()
        self._closing = False
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name=f"{surface} listener")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        with self._guard:
            self._closing = True
            for connection in self._open:
                _hang_up(connection)
        self.server_close()

    def get_request(self) -> tuple[socket.socket, Any]:
        raw, address = super().get_request()
        raw.settimeout(_HANDSHAKE_SECONDS)
        return self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False), address

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            if self._closing:
                return
            self._open.add(request)
        try:
            request.do_handshake()
            super().finish_request(request, client_address)
        except (OSError, ValueError):
            # The client hung up, or does not trust our CA: its affair.
            return
        finally:
            with self._guard:
                self._open.discard(request)

    def shutdown_request(self, request: Any) -> None:
        if id(request) in self.dead:
            # No polite end: what goes out is a reset.
            self.dead.discard(id(request))
            self.close_request(request)
            return
        super().shutdown_request(request)

    def server_bind(self) -> None:
        # HTTPServer's own asks the resolver for the host's name, which may take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
