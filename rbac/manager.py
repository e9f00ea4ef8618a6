"""Azure Resource Manager and Microsoft Graph as one login reaches them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from local.cloud.credentials import Login
from local.cloud.endpoints import endpoints_of, group_scope
from local.cloud.transport import rest_pipeline, transport_options
from local.settings import AzureSettings
from rbac.rest import Rest

_AUTHORIZATION_VERSION = "2022-04-01"


@dataclass(frozen=True)
class Manager:
    """Resource Manager: its authorization API through azure-mgmt-authorization, what no given package knows by `rest`.

    `authorization` is the SDK's client of many API versions, which its own types do not describe.
    """

    rest: Rest
    authorization: Any


@contextmanager
def surfaces(azure: AzureSettings, login: Login) -> Iterator[tuple[Manager, Rest]]:
    """Azure Resource Manager and Microsoft Graph, as `login`; the connections end with the context."""
    from azure.mgmt.authorization import AuthorizationManagementClient

    where = endpoints_of(azure)
    # What is not configured is told before anybody is asked to log in.
    group_scope(azure)
    with (
        rest_pipeline(where.resource_manager, where.resource_manager_scope, login) as arm,
        rest_pipeline(where.graph, where.graph_scope, login) as graph,
        AuthorizationManagementClient(
            login,
            str(azure.subscription),
            api_version=_AUTHORIZATION_VERSION,
            base_url=where.resource_manager,
            credential_scopes=[where.resource_manager_scope],
            **transport_options(),
        ) as authorization,
    ):
        yield Manager(Rest(where.resource_manager, arm), authorization), Rest(where.graph, graph)
