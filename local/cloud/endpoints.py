"""Where a cloud's endpoints are, and the resource ids of what the configuration names there."""

from __future__ import annotations

from dataclasses import dataclass

from local.errors import ConfigError
from local.settings import AzureSettings

# https://learn.microsoft.com/graph/deployments
GRAPH = {
    "public": "https://graph.microsoft.com",
    "usgov": "https://graph.microsoft.us",
    "china": "https://microsoftgraph.chinacloudapi.cn",
}


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


def endpoints_of(azure: AzureSettings) -> Endpoints:
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
