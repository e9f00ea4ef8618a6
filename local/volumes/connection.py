"""An engine's API, reached in bounded time."""

from __future__ import annotations

import socket
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
    from docker import APIClient
    from docker.errors import InvalidVersion
    from docker.utils import version_lt

    with engine_errors("docker: reach the engine", endpoint):
        if endpoint.socket is not None:
            _knock(endpoint.socket, seconds)
        try:
            api = APIClient(base_url=endpoint.url, timeout=seconds, tls=_tls(endpoint))  # type: ignore[arg-type]
        except (KeyError, TypeError, AttributeError) as error:
            # What answers there need not be an engine, and the package trusts that it is.
            mend = f"mend the address in {endpoint.said_by}"
            raise EngineError(f"docker: reach {endpoint}", "what answers there is no Docker engine", mend) from error
        if version_lt(api.api_version, _OLDEST_API):
            api.close()
            raise InvalidVersion(api.api_version)
    api.timeout = _ANSWER_SECONDS  # type: ignore[assignment]
    return api


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
