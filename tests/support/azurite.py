"""The real Azurite, from npm, as a process of its own on a free port."""

from __future__ import annotations

import fcntl
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

VERSION = "3.37.0"
ACCOUNT = "devstoreaccount1"
# Azurite's documented development key: no secret.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_FOLDER = Path(__file__).parents[2] / ".azurite"


@dataclass(frozen=True)
class Azurite:
    """A running Azurite: its account's URL, and the file that its TLS certificate is trusted by."""

    url: str

    def container(self, name: str) -> str:
        """The URL of a container of this account."""
        return f"{self.url}/{name}"


@contextmanager
def running(data: Path, certificate: Path | None = None, key: Path | None = None) -> Iterator[Azurite]:
    """Azurite on a free port; with a certificate over HTTPS, taking tokens (`--oauth basic`)."""
    port = _free_port()
    command = [_node(), str(install()), "--silent", "--location", str(data), "--blobPort", str(port)]
    command += ["--skipApiVersionCheck", "--disableTelemetry"]
    if certificate and key:
        command += ["--cert", str(certificate), "--key", str(key), "--oauth", "basic"]
    log = data.parent / f"{data.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        _wait_for(port, process, log)
        yield Azurite(f"{'https' if certificate else 'http'}://127.0.0.1:{port}/{ACCOUNT}")
    finally:
        process.terminate()
        process.wait()


def install() -> Path:
    """The program of the pinned Azurite, installed once beside the checkout."""
    program = _FOLDER / f"azurite-{VERSION}" / "node_modules/azurite/dist/src/blob/main.js"
    _FOLDER.mkdir(exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            folder = _FOLDER / f"azurite-{VERSION}"
            shutil.rmtree(folder, ignore_errors=True)
            command = ["npm", "install", "--silent", "--no-package-lock", "--prefix", str(folder), f"azurite@{VERSION}"]
            subprocess.run(command, check=True)
    return program


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        raise RuntimeError("the tests need Node 20 or later, for Azurite")
    return node


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"Azurite did not start: {log.read_text()}")
