"""Where each cloud is, and the resource ids of what the configuration names there."""

from __future__ import annotations

import msgspec
import pytest

from local.cloud.endpoints import Endpoints, endpoints_of, group_scope, vm_scope
from local.errors import ConfigError
from local.settings import AzureSettings, EndpointSettings


@pytest.mark.parametrize(
    ("name", "authority", "manager", "scope", "graph"),
    [
        (
            "public",
            "https://login.microsoftonline.com",
            "https://management.azure.com",
            "https://management.azure.com/.default",
            "https://graph.microsoft.com",
        ),
        (
            "usgov",
            "https://login.microsoftonline.us",
            "https://management.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net/.default",
            "https://graph.microsoft.us",
        ),
        (
            "china",
            "https://login.chinacloudapi.cn",
            "https://management.chinacloudapi.cn",
            "https://management.chinacloudapi.cn/.default",
            "https://microsoftgraph.chinacloudapi.cn",
        ),
    ],
)
def test_each_cloud_has_its_own_endpoints(name: str, authority: str, manager: str, scope: str, graph: str) -> None:
    azure = msgspec.convert({"cloud": name}, AzureSettings)

    found = endpoints_of(azure)

    assert found == Endpoints(authority, manager, scope, graph)
    assert found.graph_scope == f"{graph}/.default"


def test_a_custom_cloud_has_the_configured_endpoints() -> None:
    urls = EndpointSettings(authority="https://a/", resource_manager="https://b/", graph="https://c")

    found = endpoints_of(AzureSettings(cloud="custom", endpoints=urls))

    assert found == Endpoints("https://a", "https://b", "https://b/.default", "https://c")


def test_scopes_are_built_from_the_configuration_or_say_which_key_is_missing() -> None:
    azure = AzureSettings(subscription="s", resource_group="g")

    assert vm_scope(azure, "v") == "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"
    with pytest.raises(ConfigError, match=r"azure\.subscription: is missing"):
        group_scope(AzureSettings(resource_group="g"))
