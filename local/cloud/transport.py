"""How Azure is reached: whom TLS trusts, how long to wait, and the SDK's pipeline for what no given package knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.errors import ConfigError

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.rest import HttpRequest, HttpResponse

    from local.cloud.credentials import Login


def transport_options() -> dict[str, Any]:
    """What every SDK client and credential is given: whom TLS trusts, and how many seconds to wait for Azure.

    azure-core's transport reads REQUESTS_CA_BUNDLE by itself (through requests), SSL_CERT_FILE it does not.
    """
    options: dict[str, Any] = {"connection_timeout": 20, "read_timeout": 120}
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        bundle = os.environ.get(name)
        if bundle and not Path(bundle).exists():
            raise ConfigError(f"environment: {name}", f"is {bundle!r}, which is not there", f"mend or unset {name}")
        if bundle:
            return {**options, "connection_verify": bundle}
    return options


def rest_pipeline(base_url: str, token_scope: str, holder: Login) -> PipelineClient[HttpRequest, HttpResponse]:
    """The SDK's own pipeline (its retries, 429 and Retry-After included) to a REST surface."""
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RequestIdPolicy, RetryPolicy, UserAgentPolicy

    policies = [
        RequestIdPolicy(),
        UserAgentPolicy("pillar9"),
        RetryPolicy(),
        BearerTokenCredentialPolicy(holder, token_scope),
    ]
    return PipelineClient(base_url, policies=policies, **transport_options())
