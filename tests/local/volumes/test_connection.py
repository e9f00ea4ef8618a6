"""What a user is told where no engine answers, or something else does."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

import pytest
import trustme

from local.errors import EngineError
from local.volumes.engine import open_engine
from tests.support.container_engines import ContainerEngine
from tests.support.forked import ended, forked


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where DOCKER_HOST says that the engine's socket is."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setattr("sys.platform", "linux")
    return tmp_path / "docker.sock"


def _told(seconds: float = 10) -> EngineError:
    with pytest.raises(EngineError) as told:
        open_engine(seconds)
    return told.value


def test_a_socket_that_is_not_there_says_how_docker_is_started(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = _told()
    assert str(error) == f"docker: reach the engine at unix://{path} (DOCKER_HOST): there is no such socket"
    assert error.mend == "start Docker: sudo systemctl start docker"
    assert (error.kind, error.exit_code) == ("engine", 1)
    monkeypatch.setattr("sys.platform", "darwin")
    assert _told().mend == "start Docker: open -a Docker"


def test_podmans_socket_says_how_that_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/podman.sock")
    assert "systemctl start podman.socket" in _told().mend


def test_a_socket_that_nobody_listens_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert "nobody answers at that socket" in str(_told())


def test_a_file_in_the_place_of_a_socket(path: Path) -> None:
    path.write_text("")
    assert "nobody answers at that socket" in str(_told())


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become somebody else")
def test_a_socket_that_this_user_may_not_use_says_which_group_may(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        path.chmod(0o600)
        for folder in path.parents:
            if folder.stat().st_uid == 0 and folder.is_relative_to(Path("/tmp/pytest-of-root")):
                folder.chmod(0o755)

        def refused(ready: Callable[[], None]) -> None:
            os.setuid(65534)
            ready()
            error = _told()
            assert "this user may not use it" in str(error)
            assert "usermod -aG docker" in error.mend

        with forked(refused) as process:
            assert ended(process) == 0


def test_an_engine_that_stays_silent_is_not_waited_for(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        assert "does not answer in time" in str(_told(0.3))


def test_a_port_that_nobody_listens_at(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    error = _told()
    assert "Connection refused" in str(error)
    assert "mend the address in DOCKER_HOST" in error.mend


def test_a_host_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.invalid:2375")
    assert "there is no such host" in str(_told())


class _UnixServer(UnixStreamServer):
    def get_request(self) -> tuple[Any, Any]:
        return super().get_request()[0], ("local", 0)


@contextmanager
def _answering(server: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _with(status: int, body: bytes) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Answer


@pytest.mark.parametrize(
    ("status", "body", "came_back"),
    [
        (200, b'{"ApiVersion": "1.24"}', "too old"),
        (200, b'{"ApiVersion": "1.18"}', "too old"),
        (200, b'{"ApiVersion": 3}', "no Docker engine"),
        (200, b"{}", "no Docker engine"),
        (200, b"[]", "no Docker engine"),
        (200, b"<html>", "no Docker engine"),
        (500, b'{"message": "the disk\\nis full"}', "the disk is full"),
        (500, b'["oh"]', "no Docker engine"),
        (503, b"", "it answered 503"),
    ],
)
def test_an_answer_that_is_none_of_a_docker_of_today(path: Path, status: int, body: bytes, came_back: str) -> None:
    with _answering(_UnixServer(str(path), _with(status, body))):
        assert came_back in str(_told())


@pytest.fixture
def tls_port(tmp_path: Path) -> Iterator[int]:
    """An engine that speaks TLS, and to its own clients alone; their files in `certs`, as Docker has them."""
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    client = authority.issue_cert("client@example.com")
    (tmp_path / "certs").mkdir()
    authority.cert_pem.write_to_path(tmp_path / "certs" / "ca.pem")
    client.private_key_pem.write_to_path(tmp_path / "certs" / "key.pem")
    client.cert_chain_pems[0].write_to_path(tmp_path / "certs" / "cert.pem")
    server = HTTPServer(("127.0.0.1", 0), _with(200, b'{"ApiVersion": "1.41"}'))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    with _answering(server):
        yield server.server_port


def test_an_engine_is_reached_over_tls_with_the_files_that_are_named(
    tls_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{tls_port}")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path / "certs"))
    open_engine().__exit__(None, None, None)
    (tmp_path / "certs" / "ca.pem").write_bytes(trustme.CA().cert_pem.bytes())
    error = _told()
    assert "TLS failed" in str(error)
    assert "DOCKER_CERT_PATH" in error.mend
    (tmp_path / "certs" / "key.pem").unlink()
    assert "are not all there" in str(_told())


def test_a_real_engine_tells_what_it_is(container_engine: ContainerEngine) -> None:
    with open_engine() as engine:
        assert str(engine.endpoint) == f"{container_engine.url} (DOCKER_HOST)"
