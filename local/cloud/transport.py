"""How Azure is reached: whom TLS trusts, how long to wait, and a client for what no package of the SDK knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.errors import ConfigError

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.credentials import TokenCredential
    from azure.core.rest import HttpRequest, HttpResponse
    from requests import Session

CONNECT_SECONDS = 20
READ_SECONDS = 120
# As many as requests itself holds open.
_CONNECTIONS = 10


def transport_options() -> dict[str, Any]:
    """What every SDK client and credential is given: whom TLS trusts, and how many seconds to wait for Azure.

    Requests, where it asks the environment by itself, reads the first and the last of the variables.
    Raises ConfigError where the one that counts names a file that is not there.
    """
    options: dict[str, Any] = {"connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        bundle = os.environ.get(name)
        if bundle and not Path(bundle).exists():
            raise ConfigError(f"environment: {name}", f"is {bundle!r}, which is not there", f"mend or unset {name}")
        if bundle:
            return {**options, "connection_verify": bundle}
    return options


def session_to(url: str, connections: int = _CONNECTIONS) -> Session:
    """Connections that are held open, through the environment's proxy for this URL if it names one.

    The environment is asked once: requests would ask it, and the disk for a .netrc, with each request, and what it
    finds there would take the place of our own Authorization.
    """
    from requests import Session
    from requests.adapters import HTTPAdapter
    from requests.utils import get_environ_proxies

    session = Session()
    session.trust_env = False
    session.proxies.update(get_environ_proxies(url))
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=connections))
    return session


def rest_pipeline(
    base_url: str, token_scope: str, credential: TokenCredential
) -> PipelineClient[HttpRequest, HttpResponse]:
    """A client for the REST interface at `base_url`, with the SDK's own retries (429 and Retry-After included)."""
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RequestIdPolicy, RetryPolicy, UserAgentPolicy
    from azure.core.pipeline.transport import RequestsTransport

    policies = [
        RequestIdPolicy(),
        UserAgentPolicy("pillar9"),
        RetryPolicy(),
        BearerTokenCredentialPolicy(credential, token_scope),
    ]
    transport = RequestsTransport(session=session_to(base_url), **transport_options())
    return PipelineClient(base_url, policies=policies, transport=transport)
