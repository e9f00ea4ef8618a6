"""Who we are in Azure: logins that hold no token yet, and whom a login turns out to be."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from local.cloud.caller import Caller, caller_of_token
from local.cloud.endpoints import endpoints_of
from local.cloud.errors import explain
from local.cloud.redact import scrub
from local.cloud.transport import transport_options
from local.errors import ConfigError
from local.settings import AzureSettings

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo

# Without a handler of its own, Python would print azure-identity's warnings to stderr, beside the error that we raise.
logging.getLogger("azure").addHandler(logging.NullHandler())

# Where the host of a managed identity is, in all but a plain VM, which names none.
_IDENTITY_ENDPOINTS = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")


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


class _TenantLogin:
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


class ExplainedLogin:
    """A login whose failure is an AzureError of ours, told at once.

    azure-storage-blob tries again whatever error of the SDK's comes, a refused login included: each would be five token
    requests and half a minute of silence.
    """

    def __init__(self, login: Login, scope: str) -> None:
        self._login: Any = login
        self._scope = scope

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """As the login's own; `scope` is told where it gets none."""
        with _explained(self._scope):
            return self._login.get_token(*scopes, **options)  # type: ignore[no-any-return]

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        """The same in azure-core's newer form."""
        with _explained(self._scope):
            return self._login.get_token_info(*scopes, options=options)  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the login's connections."""
        self._login.close()


@contextmanager
def _explained(scope: str) -> Iterator[None]:
    from azure.core.exceptions import AzureError as SdkError

    try:
        yield
    except SdkError as error:
        raise explain(error, "log in to Azure", scope) from None


def default_credential(azure: AzureSettings) -> Login:
    """A new DefaultAzureCredential for `azure`'s cloud and tenant, which holds no token yet and never asks a person.

    Raises ConfigError where the environment's AZURE_* variables contradict themselves or the configuration.
    """
    from azure.identity import DefaultAzureCredential

    options = identity_options(azure)
    try:
        if not azure.tenant:
            return DefaultAzureCredential(**options)
        return _TenantLogin(
            DefaultAzureCredential(additionally_allowed_tenants=[azure.tenant], **options), azure.tenant
        )
    except ValueError as error:
        raise ConfigError("environment: AZURE_*", scrub(str(error)), "mend or unset the variable") from None


def secret_credential(azure: AzureSettings, tenant: str, app_id: str, secret: str) -> Login:
    """A new credential for one service principal, which holds no token yet."""
    from azure.identity import ClientSecretCredential

    return ClientSecretCredential(tenant, app_id, secret, **identity_options(azure))


def environment_login(azure: AzureSettings, tenant: str, app_id: str) -> Callable[[], Login] | None:
    """Makes logins of one service principal by what azure-identity's own variables hold for it; None: they hold none.

    A secret, a certificate, a federated token or a managed identity, in the order in which azure-identity looks:
    https://learn.microsoft.com/python/api/overview/azure/identity-readme#environment-variables
    Raises ConfigError where a variable names a file that cannot serve.
    """
    from azure.identity import ManagedIdentityCredential, WorkloadIdentityCredential

    if secret := os.environ.get("AZURE_CLIENT_SECRET"):
        return partial(secret_credential, azure, tenant, app_id, secret)
    if certificate := _file_named_by("AZURE_CLIENT_CERTIFICATE_PATH"):
        return partial(_certificate_credential, azure, tenant, app_id, certificate)
    if token := _file_named_by("AZURE_FEDERATED_TOKEN_FILE"):
        named = {"tenant_id": tenant, "client_id": app_id, "token_file_path": token}
        return partial(WorkloadIdentityCredential, **named, **identity_options(azure))
    if any(os.environ.get(name) for name in _IDENTITY_ENDPOINTS):
        return partial(ManagedIdentityCredential, client_id=app_id, **transport_options())
    return None


def _certificate_credential(azure: AzureSettings, tenant: str, app_id: str, path: str) -> Login:
    from azure.identity import CertificateCredential

    password = os.environ.get("AZURE_CLIENT_CERTIFICATE_PASSWORD")
    chain = os.environ.get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "").lower() in ("1", "true")
    options = {"password": password, "send_certificate_chain": chain, **identity_options(azure)}
    try:
        return CertificateCredential(tenant, app_id, path, **options)
    except (ValueError, TypeError) as error:  # cryptography's words for a file or a password that does not fit
        told = f"is {path!r}: {scrub(str(error))}"
        mend = "name a PEM or PKCS #12 file with its private key (and AZURE_CLIENT_CERTIFICATE_PASSWORD)"
        raise ConfigError("environment: AZURE_CLIENT_CERTIFICATE_PATH", told, mend) from None


def _file_named_by(variable: str) -> str | None:
    path = os.environ.get(variable)
    if path and not os.access(path, os.R_OK):
        raise ConfigError(f"environment: {variable}", f"is {path!r}, which cannot be read", f"mend or unset {variable}")
    return path or None


def identity_options(azure: AzureSettings) -> dict[str, Any]:
    """What every azure-identity credential is given: authority, TLS trust, no instance discovery in a custom cloud.

    Raises ConfigError where AZURE_AUTHORITY_HOST contradicts `azure.cloud`, or the authority is not on https.
    """
    authority = endpoints_of(azure).authority
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


def caller_of(login: Login, token_scope: str) -> Caller:
    """Whom `login` logs in as, told by the claims of a token it gets; raises AzureError where it gets none."""
    with _explained(token_scope):
        return caller_of_token(login.get_token(token_scope).token)


def source_of(login: Login) -> str:
    """Which of DefaultAzureCredential's ways gave the last token, as azure-identity names it; "" where it is not told.

    azure-identity itself tells it in its log alone.
    """
    chain = login._credential if isinstance(login, _TenantLogin) else login
    used = getattr(chain, "_successful_credential", None)
    return type(used).__name__ if used is not None else ""
