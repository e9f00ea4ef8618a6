"""Azure Resource Manager's gate: who calls, which call it is, and whether the caller's token allows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.azure_cloud.agent import Agent
from tests.azure_cloud.faults import FaultQueue
from tests.azure_cloud.rights import TokenRights, through, touches
from tests.azure_cloud.state import ResourceGroup, RoleAssignment, TenantState
from tests.azure_cloud.tokens import TokenService
from tests.azure_cloud.wire import RefusedError, Request, Response, arm_error


@dataclass(frozen=True)
class Call:
    """One authenticated call, with what its path says."""

    state: TenantState
    agent: Agent
    faults: FaultQueue
    request: Request
    rights: TokenRights
    path: str
    parts: dict[str, str] = field(default_factory=dict)

    def allowed(self, action: str, scope: str) -> tuple[RoleAssignment, ...]:
        """The assignments that allow it; refuses with AuthorizationFailed where there is none."""
        granted = through(self.rights, action, scope)
        request = self.request
        struck = self.faults.take(frozenset({"forbidden"}), request.surface, request.method, request.path, action)
        if struck is not None or not granted:
            raise RefusedError(authorization_failed(self.rights, action, scope))
        return granted

    def subscription(self) -> str:
        """The subscription's id; refuses where there is none."""
        wanted = self.parts["sub"].lower()
        if wanted not in self.state.subscriptions:
            message = f"The subscription '{wanted}' could not be found."
            raise RefusedError(arm_error(404, "SubscriptionNotFound", message))
        return wanted

    def seen_subscription(self) -> str:
        """The subscription's id; refuses also where the caller holds nothing at, above or below it, as Azure does."""
        wanted = self.subscription()
        scope = f"/subscriptions/{wanted}"
        if not touches(self.rights, scope):
            raise RefusedError(authorization_failed(self.rights, "Microsoft.Resources/subscriptions/read", scope))
        return wanted

    def resource_group(self) -> ResourceGroup:
        """The resource group that the path names; refuses with ResourceGroupNotFound where there is none."""
        name = self.parts["rg"]
        found = self.state.resource_groups.get(f"/subscriptions/{self.parts['sub']}/resourcegroups/{name}".lower())
        if found is None:
            raise RefusedError(arm_error(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found."))
        return found


def authorization_failed(rights: TokenRights, action: str, scope: str, *, abac: bool = False) -> Response:
    """Azure's 403: who may not do what where; with `abac` the condition on its own role is what forbids it."""
    who = rights.principal
    condition = " or an ABAC condition not fulfilled" if abac else ""
    message = (
        f"The client '{who.app_id}' with object id '{who.object_id}' does not have authorization{condition} to perform "
        f"action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please "
        "refresh your credentials."
    )
    return arm_error(403, "AuthorizationFailed", message)


def not_found(kind: str, group: str, name: str) -> Response:
    """Azure's 404 for a resource that is not in its group."""
    message = (
        f"The Resource '{kind}/{name}' under resource group '{group}' was not found. For more details please go to "
        "https://aka.ms/ARMResourceNotFoundFix"
    )
    return arm_error(404, "ResourceNotFound", message)


# One version for each provider that is asked here, as a cloud has it that lags behind the newest SDK.
API_VERSIONS = {
    "Microsoft.Authorization": "2022-04-01",
    "Microsoft.Compute": "2024-07-01",
    "Microsoft.Storage": "2023-05-01",
}
Handler = Callable[[Call], Response]
SUBSCRIPTION = r"/subscriptions/(?P<sub>[^/]+)"
GROUP = SUBSCRIPTION + r"/resourceGroups/(?P<rg>[^/]+)"


@dataclass(frozen=True)
class Route:
    """A method and a path (a pattern whose groups become the call's parts), and what answers them."""

    method: str
    pattern: str
    handler: Handler


@dataclass(frozen=True)
class Router:
    """The calls that are answered, and the audiences whose tokens are taken."""

    routes: tuple[Route, ...]
    audiences: frozenset[str]
    authority: str

    def handle(self, tokens: TokenService, agent: Agent, faults: FaultQueue, request: Request) -> Response:
        """Answer one request as Azure does: 401 before 400 before 404 and 405, and only then the call's own rights."""
        rights = self._caller(tokens, request)
        if "api-version" not in request.query:
            message = "The api-version query parameter (?api-version=) is required for all requests."
            raise RefusedError(arm_error(400, "MissingApiVersionParameter", message))
        path = "/" + request.path.strip("/")
        _require_known_version(path, request.query["api-version"])
        methods = set()
        for route in self.routes:
            found = re.fullmatch(route.pattern, path, re.IGNORECASE)
            if found is None:
                continue
            if route.method == request.method:
                parts = {name: value or "" for name, value in found.groupdict().items()}
                return route.handler(Call(tokens.state, agent, faults, request, rights, path, parts))
            methods.add(route.method)
        if methods:
            message = f"The requested resource does not support http method '{request.method}'."
            raise RefusedError(arm_error(405, "HttpMethodNotSupported", message))
        raise RefusedError(arm_error(404, "InvalidResourceType", f"The resource type could not be found for '{path}'."))

    def _caller(self, tokens: TokenService, request: Request) -> TokenRights:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            message = "Authentication failed. The 'Authorization' header is missing."
            raise RefusedError(self._unauthorized(tokens, "AuthenticationFailed", message))
        rights = tokens.read(token)
        if rights is None:
            raise RefusedError(self._unauthorized(tokens, "InvalidAuthenticationToken", "The access token is invalid."))
        if rights.audience not in self.audiences:
            allowed = ",".join(f"'{audience}'" for audience in sorted(self.audiences))
            message = (
                f"The access token has been obtained for wrong audience or resource '{rights.audience}'. It should "
                f"exactly match with one of the allowed audiences {allowed}."
            )
            raise RefusedError(self._unauthorized(tokens, "InvalidAuthenticationTokenAudience", message))
        if rights.expires_at <= tokens.state.now():
            raise RefusedError(
                self._unauthorized(tokens, "ExpiredAuthenticationToken", "The access token expiry time passed.")
            )
        return rights

    def _unauthorized(self, tokens: TokenService, code: str, message: str) -> Response:
        challenge = (
            f'Bearer authorization_uri="{self.authority}/{tokens.state.tenant}", error="invalid_token", '
            f'error_description="{message}"'
        )
        return arm_error(401, code, message, (("WWW-Authenticate", challenge),))


def _require_known_version(path: str, version: str) -> None:
    """Refuse a version that the provider of a resource does not have; the last provider in a path is the one asked.

    https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider
    """
    asked = re.findall(r"/providers/([^/]+)/([^/]+)", path)
    provider, kind = asked[-1] if asked else ("", "")
    known = {name.lower(): known for name, known in API_VERSIONS.items()}.get(provider.lower(), version)
    if version != known:
        message = (
            f"No registered resource provider found for location 'westeurope' and API version '{version}' for type "
            f"'{kind}'. The supported api-versions are '{known}'. The supported locations are 'westeurope'."
        )
        raise RefusedError(arm_error(400, "NoRegisteredProviderFound", message))
