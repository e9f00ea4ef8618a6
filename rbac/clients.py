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

    Raises ConfigError where subscription or resource group is not configured.
    """
    from azure.mgmt.authorization import AuthorizationManagementClient
    from azure.mgmt.compute import ComputeManagementClient

    with closing(default_credential(azure)) as login:
        where = endpoints_of(azure)
        # Raises, where a key is missing, before the first request asks anybody to log in.
        group_scope(azure)
        sdk: dict[str, Any] = {
            "credential": login,
            "subscription_id": str(azure.subscription),
            "base_url": where.resource_manager,
            "credential_scopes": [where.resource_manager_scope],
            **transport_options(),
        }
        with (
            rest_pipeline(where.resource_manager, where.resource_manager_scope, login) as arm,
            rest_pipeline(where.graph, where.graph_scope, login) as graph,
            AuthorizationManagementClient(api_version=_AUTHORIZATION_VERSION, **sdk) as authorization,
            ComputeManagementClient(**sdk) as compute,
        ):
            arm_client, graph_client = RestClient(where.resource_manager, arm), RestClient(where.graph, graph)
            yield Clients(login, arm_client, authorization, compute, graph_client)
