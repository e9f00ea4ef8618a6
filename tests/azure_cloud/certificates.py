"""A certificate authority of our own, and one server certificate that this server and Azurite share."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files: `ca` is what a client trusts, `cert` and `key` are what a server (also Azurite) shows."""

    ca: Path
    cert: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """TLS as the server's side of a connection needs it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


def issue(folder: Path) -> Certificates:
    """Make a CA and a certificate for 127.0.0.1 and localhost in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    made = Certificates(ca=folder / "ca.pem", cert=folder / "server.pem", key=folder / "server.key")
    authority.cert_pem.write_to_path(os.fspath(made.ca))
    server.private_key_pem.write_to_path(os.fspath(made.key))
    made.cert.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    made.key.chmod(0o600)
    return made
