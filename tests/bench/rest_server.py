"""A repository for restic over HTTP, as a program: `rest-server` is one of its own, which few machines have.

python rest_server.py FOLDER   (prints its port; ends when its stdin does)

https://restic.readthedocs.io/en/stable/REST_backend.html
"""

from __future__ import annotations

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_V2 = "application/vnd.x.restic.rest.v2"


class Handler(BaseHTTPRequestHandler):
    """One file of the repository for each path."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    root: Path

    def do_HEAD(self) -> None:
        """Whether it is there, and its length."""
        file = self._file()
        self._answer(200 if file.is_file() else 404, length=file.stat().st_size if file.is_file() else 0)

    def do_GET(self) -> None:
        """A folder's names and sizes, or a file or a range of it."""
        file = self._file()
        if self.path.endswith("/"):
            listed = [{"name": one.name, "size": one.stat().st_size} for one in file.iterdir()] if file.is_dir() else []
            self._answer(200, json.dumps(listed).encode(), _V2)
        elif not file.is_file():
            self._answer(404)
        else:
            self._send(file.read_bytes())

    def do_POST(self) -> None:
        """A new file; the repository itself is made with the first."""
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.endswith("?create=true"):
            self._file().parent.mkdir(parents=True, exist_ok=True)
            self._file().write_bytes(content)
        self._answer(200)

    def do_DELETE(self) -> None:
        """Gone; restic removes its locks."""
        self._file().unlink(missing_ok=True)
        self._answer(200)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002
        """Nothing."""

    def _file(self) -> Path:
        return self.root / urlsplit(self.path).path.strip("/")

    def _send(self, content: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            return self._answer(200, content)
        return self._answer(206, content[int(asked[1]) : int(asked[2]) + 1 if asked[2] else None])

    def _answer(
        self, status: int, content: bytes = b"", kind: str = "application/octet-stream", length: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)


def main(folder: str) -> None:
    """Serve until stdin ends."""
    Handler.root = Path(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
