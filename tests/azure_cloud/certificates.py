"""A certificate authority of our own, and one server certificate that this server and Azurite share."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


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


def for_principal(name: str, path: Path, password: str) -> bytes:
    """Write a client's certificate and its encrypted private key to `path`; return the certificate alone, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    encryption = serialization.BestAvailableEncryption(password.encode())
    pkcs8 = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, encryption) + certificate)
    return certificate


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
