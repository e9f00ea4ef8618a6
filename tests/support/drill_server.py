"""A blob over http with ranges and ETags, which misbehaves as told."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Blob:
    """What is served; `misbehave` gets each request's number and handler, and says whether it answered itself."""

    content: bytes
    etag: str = '"1"'
    misbehave: Callable[[int, BaseHTTPRequestHandler], bool] = lambda _number, _handler: False
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def become(self, content: bytes) -> None:
        """Somebody writes another content."""
        self.content = content


def refuse(handler: BaseHTTPRequestHandler, status: int, **headers: str) -> bool:
    """Answers without content."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
    return True


@contextmanager
def serving(blob: Blob) -> Iterator[Blob]:
    """Serve the blob at `blob.url`, which holds a signature."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with lock:
                blob.requests.append(self.headers.get("Range") or "")
                number = len(blob.requests)
            if blob.misbehave(number, self):
                return
            if self.headers.get("If-Match") not in (None, blob.etag):
                refuse(self, 412, x_ms_error_code="ConditionNotMet")
                return
            span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
            assert span
            start, end = int(span[1]), min(int(span[2]) + 1, len(blob.content))
            if start >= len(blob.content):
                refuse(self, 416, Content_Range=f"bytes */{len(blob.content)}")
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(blob.content)}")
            self.send_header("Content-Length", str(end - start))
            self.send_header("ETag", blob.etag)
            self.end_headers()
            self.wfile.write(blob.content[start:end])

        def log_message(self, *_: object) -> None:
            pass

    lock = threading.Lock()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    blob.url = f"http://127.0.0.1:{server.server_address[1]}/backups/tasks.db.gz?sv=2024&sig=verysecret%2Bsignature"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield blob
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
