"""Who receives alerts, for real: an HTTP server and an SMTP server on loopback, and a peer that says nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class Received:
    """One request as it came in."""

    method: str
    path: str
    body: str


@dataclass
class HttpReceiver:
    """Answers every request with the next of `answers`, and with 200 once there are none; one that is away, none."""

    port: int = 0
    away: bool = False
    answers: list[int] = field(default_factory=list)
    location: str = ""
    received: list[Received] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Host and port, for a URL."""
        return f"127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        """Of the requests, in their order."""
        return [each.path for each in self.received]


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    """An HTTP server that keeps what it is sent."""
    receiver = HttpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if receiver.away:
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            receiver.received.append(Received(self.command, self.path, body))
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET = answer  # noqa: N815 - as http.server looks for them

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mailbox:
    """What an SMTP server was given."""

    port: int
    messages: list[Message]


@contextmanager
def smtp_receiver() -> Iterator[Mailbox]:
    """An SMTP server that takes every mail."""
    messages: list[Message] = []

    class Handler:
        async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
            assert isinstance(envelope.content, bytes)
            messages.append(message_from_bytes(envelope.content))
            return "250 OK"

    port = refusing_port()
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield Mailbox(port, messages)
    finally:
        controller.stop()


@contextmanager
def silent_receiver() -> Iterator[int]:
    """The port of a peer that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield listening.getsockname()[1]


def refusing_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
