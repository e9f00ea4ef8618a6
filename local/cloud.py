"""Connections to Azure: where a cloud's endpoints are, who we are there, and what Azure's errors mean to a person."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from local.cloud_errors import AccessDeniedError, Caller, claims_of, explain, scrub
from local.errors import ConfigError
from local.settings import AzureSettings

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.credentials import AccessToken, AccessTokenInfo
    from azure.core.rest import HttpRequest, HttpResponse

__all__ = [
    "AccessDeniedError",
    "Caller",
    "Endpoints",
    "Login",
    "caller",
    "credential",
    "endpoints",
    "explain",
    "group_scope",
    "identity_options",
    "pipeline",
    "scrub",
    "secret_credential",
    "transport_options",
    "vm_scope",
]
# https://learn.microsoft.com/graph/deployments
GRAPH = {
    "public": "https://graph.microsoft.com",
    "usgov": "https://graph.microsoft.us",
    "china": "https://microsoftgraph.chinacloudapi.cn",
}

# Without a handler of its own, Python would print azure-identity's warnings to stderr, beside the error that we raise.
logging.getLogger("azure").addHandler(logging.NullHandler())


class Login(Protocol):
    """A credential of azure-identity, which every SDK client takes; `contextlib.closing` ends its connections."""

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **options: Any,
    ) -> AccessToken: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Endpoints:
    """A cloud's URLs, without a slash at the end, and the token scope of each."""

    authority: str
    resource_manager: str
    resource_manager_scope: str
    graph: str

    @property
    def graph_scope(self) -> str:
        return f"{self.graph}/.default"


def endpoints(azure: AzureSettings) -> Endpoints:
    """The endpoints of `azure.cloud`: the SDK's own tables, or the configured URLs of a custom cloud."""
    if azure.cloud == "custom":
        custom = azure.endpoints
        authority, manager, graph = (
            str(url).rstrip("/") for url in (custom.authority, custom.resource_manager, custom.graph)
        )
        return Endpoints(authority, manager, f"{manager}/.default", graph)
    from azure.core import AzureClouds
    from azure.identity import AzureAuthorityHosts
    from azure.mgmt.core.tools import get_arm_endpoints

    cloud, host = {
        "public": (AzureClouds.AZURE_PUBLIC_CLOUD, AzureAuthorityHosts.AZURE_PUBLIC_CLOUD),
        "usgov": (AzureClouds.AZURE_US_GOVERNMENT, AzureAuthorityHosts.AZURE_GOVERNMENT),
        "china": (AzureClouds.AZURE_CHINA_CLOUD, AzureAuthorityHosts.AZURE_CHINA),
    }[azure.cloud]
    arm = get_arm_endpoints(cloud)
    return Endpoints(
        f"https://{host}", arm["resource_manager"].rstrip("/"), arm["credential_scopes"][0], GRAPH[azure.cloud]
    )


def group_scope(azure: AzureSettings) -> str:
    """The resource id of the resource group; ConfigError where subscription or group is not configured."""
    for key in ("subscription", "resource_group"):
        if not getattr(azure, key):
            raise ConfigError(
                f"configuration: azure.{key}", "is missing", "add it to invoke.yaml (az account show; az group list)"
            )
    return f"/subscriptions/{azure.subscription}/resourceGroups/{azure.resource_group}"


def vm_scope(azure: AzureSettings, vm: str) -> str:
    """The resource id of one VM in the configured resource group."""
    return f"{group_scope(azure)}/providers/Microsoft.Compute/virtualMachines/{vm}"


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


class _InTenant:
    """A credential that asks for tokens of one tenant; DefaultAzureCredential cannot be told at its construction."""

    def __init__(self, credential: Any, tenant: str) -> None:
        self._credential = credential
        self._tenant = tenant

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return self._credential.get_token(*scopes, **{**options, "tenant_id": self._tenant})  # type: ignore[no-any-return]

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        asked = {**(options or {}), "tenant_id": self._tenant}
        return self._credential.get_token_info(*scopes, options=asked)  # type: ignore[no-any-return]

    def close(self) -> None:
        self._credential.close()


def credential(azure: AzureSettings) -> Login:
    """A new DefaultAzureCredential for `azure`'s cloud and tenant, which holds no token yet and never asks a person.

    Raises ConfigError where the environment's AZURE_* variables contradict themselves or the configuration.
    """
    from azure.identity import DefaultAzureCredential

    options = identity_options(azure)
    try:
        if not azure.tenant:
            return DefaultAzureCredential(**options)
        return _InTenant(DefaultAzureCredential(additionally_allowed_tenants=[azure.tenant], **options), azure.tenant)
    except ValueError as error:
        raise ConfigError("environment: AZURE_*", scrub(str(error)), "mend or unset the variable") from None


def secret_credential(azure: AzureSettings, tenant: str, app_id: str, secret: str) -> Login:
    """A new credential for one service principal, which holds no token yet."""
    from azure.identity import ClientSecretCredential

    return ClientSecretCredential(tenant, app_id, secret, **identity_options(azure))


def identity_options(azure: AzureSettings) -> dict[str, Any]:
    """What every azure-identity credential is given: authority, TLS trust, no instance discovery in a custom cloud."""
    authority = endpoints(azure).authority
    named = os.environ.get("AZURE_AUTHORITY_HOST", "").rstrip(" /").removeprefix("https://")
    # A workload identity follows the variable, everything else the configuration: two clouds in one run.
    if named and named != authority.removeprefix("https://"):
        raise ConfigError(
            "environment: AZURE_AUTHORITY_HOST",
            f"is {named}, but azure.cloud is {azure.cloud} ({authority})",
            "unset it, or set azure.cloud (and azure.endpoints) to that cloud",
        )
    if not authority.startswith("https://"):
        raise ConfigError(
            "configuration: azure.endpoints.authority", f"is {authority}", "use https: a secret goes there"
        )
    return {"authority": authority, "disable_instance_discovery": azure.cloud == "custom", **transport_options()}


def caller(holder: Login, token_scope: str) -> Caller:
    """Whom `holder` logs in as, told by the claims of a token it gets; raises AzureError where it gets none."""
    from azure.core.exceptions import AzureError as SdkError

    try:
        token = holder.get_token(token_scope).token
    except SdkError as error:
        raise explain(error, "log in to Azure", token_scope) from None
    return claims_of(token)


def pipeline(base_url: str, token_scope: str, holder: Login) -> PipelineClient[HttpRequest, HttpResponse]:
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
