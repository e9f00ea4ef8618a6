"""An engine's API, reached in bounded time."""

from __future__ import annotations

import re
import socket
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from local.errors import EngineError
from local.volumes.endpoint import Endpoint
from local.volumes.engine_errors import engine_errors

if TYPE_CHECKING:
    from docker import APIClient
    from docker.tls import TLSConfig

# Mounts in a container's creation came with this one (https://docs.docker.com/reference/api/engine/version-history/).
_OLDEST_API = "1.25"
# For each answer, and for each piece of a stream: a slow disk may keep an engine busy.
_ANSWER_SECONDS = 120.0


def connect(endpoint: Endpoint, seconds: float) -> APIClient:
    """The engine's API, once it has answered within `seconds`; EngineError where it does not, or is too old."""
    from docker.errors import InvalidVersion
    from docker.utils import version_lt

    with engine_errors("docker: reach the engine", endpoint):
        if endpoint.socket is not None:
            _knock(endpoint.socket, seconds)
        with closing(_client(endpoint, _OLDEST_API, seconds)) as asking:
            version = _version(asking, endpoint)
        if version_lt(version, _OLDEST_API):
            raise InvalidVersion(version)
        return _client(endpoint, version, _ANSWER_SECONDS)


def connect_at_the_end(endpoint: Endpoint, seconds: float) -> APIClient:
    """The same for a process that is being ended: no answer is waited for longer than that."""
    api = connect(endpoint, seconds)
    api.timeout = seconds  # type: ignore[assignment]
    return api


def _client(endpoint: Endpoint, version: str, seconds: float) -> APIClient:
    from docker import APIClient

    api = APIClient(endpoint.url, version, seconds, _tls(endpoint))  # type: ignore[arg-type]
    # REQUESTS_CA_BUNDLE would count for more than the engine's own authority, and .netrc would give it passwords.
    api.trust_env = False
    return api


def _version(api: APIClient, endpoint: Endpoint) -> str:
    try:
        told = api.version(api_version=False)["ApiVersion"]
        if re.fullmatch(r"\d+(\.\d+)+", told):
            return str(told)
    except (KeyError, TypeError, AttributeError):
        # What answers there need not be an engine, and the package trusts that it is.
        pass
    mend = f"mend the address in {endpoint.said_by}"
    raise EngineError(f"docker: reach the engine at {endpoint}", "what answers there is no Docker engine", mend)


def _knock(path: Path, seconds: float) -> None:
    """OSError, as the system says it, where nobody listens there; the package leaves its socket open then."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(seconds)
        probe.connect(str(path))


def _tls(endpoint: Endpoint) -> TLSConfig | bool:
    files = endpoint.tls
    if files is None or endpoint.socket is not None:
        return False
    from docker.tls import TLSConfig

    certificate, key, authority = (files.folder / name for name in ("cert.pem", "key.pem", "ca.pem"))
    own = (str(certificate), str(key)) if certificate.exists() or key.exists() else None
    return TLSConfig(client_cert=own, ca_cert=str(authority) if authority.exists() else None, verify=files.verify)
