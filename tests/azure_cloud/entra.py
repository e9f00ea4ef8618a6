"""Entra ID: the metadata that MSAL reads, and tokens for client credentials."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from urllib.parse import parse_qs

import jwt
from cryptography import x509

from tests.azure_cloud.state import ServicePrincipal
from tests.azure_cloud.tokens import TokenService
from tests.azure_cloud.wire import Json, RefusedError, Request, Response, reply

_MANAGED_IDENTITY = ("msi", "token")


def handle(tokens: TokenService, audiences: frozenset[str], request: Request) -> Response:
    """Answer a request to the authority. `audiences` are the resources that this tenant knows."""
    parts = [part for part in request.path.split("/") if part]
    if parts == list(_MANAGED_IDENTITY):
        return _managed_identity(tokens, request)
    if not parts or parts[0].lower() != tokens.state.tenant:
        raise RefusedError(_error(400, "invalid_tenant", 90002, f"Tenant '{parts[0] if parts else ''}' not found."))
    match (request.method, tuple(parts[1:])):
        case ("GET", ("v2.0", ".well-known", "openid-configuration")):
            return reply(_metadata(request.base, tokens.state.tenant))
        case ("POST", ("oauth2", "v2.0", "token")):
            return _token(tokens, audiences, request)
    return Response(404)


def _metadata(base: str, tenant: str) -> Json:
    return {
        "issuer": f"{base}/{tenant}/v2.0",
        "authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/{tenant}/oauth2/v2.0/token",
        "device_authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/devicecode",
        "jwks_uri": f"{base}/{tenant}/discovery/v2.0/keys",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "subject_types_supported": ["pairwise"],
        "tenant_region_scope": "EU",
        "cloud_instance_name": "127.0.0.1",
    }


def _token(tokens: TokenService, audiences: frozenset[str], request: Request) -> Response:
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    if form.get("grant_type") != "client_credentials":
        message = f"The app requested an unsupported grant type '{form.get('grant_type', '')}'."
        raise RefusedError(_error(400, "unsupported_grant_type", 70003, message))
    app_id = form.get("client_id", "")
    principal = tokens.state.by_app_id(app_id)
    if principal is None:
        message = (
            f"Application with identifier '{app_id}' was not found in the directory '{tokens.state.tenant}'. This can "
            "happen if the application has not been installed by the administrator of the tenant or consented to by "
            "any user in the tenant. You may have sent your authentication request to the wrong tenant."
        )
        raise RefusedError(_error(400, "unauthorized_client", 700016, message))
    if assertion := form.get("client_assertion"):
        _require_genuine(assertion, principal, f"{request.base}{request.path}")
    elif form.get("client_secret") != principal.secret:
        message = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{app_id}'."
        )
        raise RefusedError(_error(401, "invalid_client", 7000215, message))
    audience = form.get("scope", "").removesuffix("/.default").rstrip("/")
    if audience not in audiences:
        message = (
            f"The resource principal named {audience} was not found in the tenant named {tokens.state.tenant}. This "
            "can happen if the application has not been installed by the administrator of the tenant."
        )
        raise RefusedError(_error(400, "invalid_resource", 500011, message))
    seconds = round(tokens.state.timing.token)
    token = tokens.issue(principal, audience)
    return reply({"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token})


def _require_genuine(assertion: str, principal: ServicePrincipal, audience: str) -> None:
    """Refuse an assertion that is neither the principal's federated token nor signed by its certificate's key."""
    if principal.federated_token and assertion == principal.federated_token:
        return
    try:
        key = x509.load_pem_x509_certificate(principal.certificate).public_key()
        claims = jwt.decode(assertion, key, algorithms=["RS256", "PS256"], audience=audience)  # type: ignore[arg-type]
    except (ValueError, jwt.PyJWTError) as error:
        message = f"Client assertion failed signature validation: {error}."
        raise RefusedError(_error(401, "invalid_client", 700027, message)) from None
    if claims["iss"] != principal.app_id:
        raise RefusedError(
            _error(401, "invalid_client", 700021, "Client assertion application identifier doesn't match.")
        )


def _managed_identity(tokens: TokenService, request: Request) -> Response:
    """App Service's endpoint of a user-assigned identity.

    https://learn.microsoft.com/azure/app-service/overview-managed-identity
    """
    principal = tokens.state.by_app_id(request.query.get("client_id", ""))
    if principal is None or request.headers.get("x-identity-header") != principal.secret:
        return reply({"statusCode": 400, "message": "No User Assigned or Delegated Managed Identity found."}, 400)
    seconds = round(tokens.state.timing.token)
    body = {
        "access_token": tokens.issue(principal, request.query["resource"].rstrip("/")),
        "expires_on": str(int(time.time()) + seconds),
        "resource": request.query["resource"],
        "token_type": "Bearer",
    }
    return reply(body)


def _error(status: int, error: str, number: int, message: str) -> Response:
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    description = f"AADSTS{number}: {message} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}"
    return reply(
        {
            "error": error,
            "error_description": description,
            "error_codes": [number],
            "timestamp": at,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={number}",
        },
        status,
    )
