"""Azure's APIs as one login reaches them: Resource Manager, its authorization and compute parts, Microsoft Graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.cloud.credentials import Login, default_credential
from local.cloud.endpoints import endpoints_of, group_scope
from local.cloud.transport import rest_pipeline, transport_options
from local.settings import AzureSettings
from rbac.rest import RestClient

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient

_AUTHORIZATION_VERSION = "2022-04-01"


@dataclass(frozen=True)
class Clients:
    """What reads and changes rights: `arm` and `graph` over REST, for what no given package knows, and two SDK clients.

    `authorization` is azure-mgmt-authorization's client of many API versions, which its own types do not describe.
    `login` is whom all of them speak for.
    """

    login: Login
    arm: RestClient
    authorization: Any
    compute: ComputeManagementClient
    graph: RestClient


@contextmanager
def open_clients(azure: AzureSettings) -> Iterator[Clients]:
    """The clients of whoever is logged in; login and connections end with the context.

    Raises ConfigError where subscription or resource group is not configured, before anybody is asked to log in.
    """
    from azure.mgmt.authorization import AuthorizationManagementClient
    from azure.mgmt.compute import ComputeManagementClient

    with closing(default_credential(azure)) as login:
        endpoints = endpoints_of(azure)
        group_scope(azure)
        options: dict[str, Any] = {
            "base_url": endpoints.resource_manager,
            "credential_scopes": [endpoints.resource_manager_scope],
            **transport_options(),
        }
        subscription = str(azure.subscription)
        with (
            rest_pipeline(endpoints.resource_manager, endpoints.resource_manager_scope, login) as arm,
            rest_pipeline(endpoints.graph, endpoints.graph_scope, login) as graph,
            AuthorizationManagementClient(
                login, subscription, api_version=_AUTHORIZATION_VERSION, **options
            ) as authorization,
            ComputeManagementClient(login, subscription, **options) as compute,
        ):
            yield Clients(
                login,
                RestClient(endpoints.resource_manager, arm),
                authorization,
                compute,
                RestClient(endpoints.graph, graph),
            )
