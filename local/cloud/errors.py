"""Azure's errors as ours: which call, on which scope, as whom, what is missing, and the command that mends it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from local.cloud.caller import Caller, caller_of_token
from local.cloud.redact import scrub
from local.errors import AzureError

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError as SdkError

_TEXT_LIMIT_CHARACTERS = 800
BLOB_ROLE_COMMAND = (
    "az role assignment create --assignee-object-id {object_id} --assignee-principal-type ServicePrincipal "
    "--role 'Storage Blob Data Contributor' --scope {scope}"
)
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices"


class AccessDeniedError(AzureError):
    """Azure knows the caller and refuses it; `action` is the missing one, None where Azure does not name it."""

    def __init__(self, doing: str, came_back: str, mend: str, action: str | None) -> None:
        super().__init__(doing, came_back, mend)
        self.action = action


def explain(error: SdkError, doing: str, scope: str) -> AzureError:
    """An SDK's error as ours, to be raised: AccessDeniedError where Azure refuses a caller that it knows.

    `doing` is what was being done, `scope` the resource id or URL that it was done on.
    """
    from azure.core.exceptions import (
        ClientAuthenticationError,
        HttpResponseError,
        ServiceRequestError,
        ServiceResponseError,
    )

    response: Any = getattr(error, "response", None)
    status = getattr(response, "status_code", None) or 0
    text = _text(error)
    if status == 401 or (isinstance(error, ClientAuthenticationError) and status != 403):
        return AzureError(doing, f"not logged in for {scrub(scope)}: {text}", _mend_login(text))
    if status == 403:
        return _denied(error, doing, scope, text)
    if isinstance(error, HttpResponseError) and status:
        call = f"{response.request.method} {scrub(response.request.url)}, as {_caller_of(error, text)}"
        came_back = f"HTTP {status} {_code(error)} on {scrub(scope)}: {text} ({call})"
        return AzureError(doing, came_back, _mend_status(status, _code(error)))
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return AzureError(doing, f"no answer on {scrub(scope)}: {text}", _mend_network(text))
    return AzureError(doing, f"{type(error).__name__} on {scrub(scope)}: {text}", "invoke doctor")


def _denied(error: SdkError, doing: str, scope: str, text: str) -> AccessDeniedError:
    request = error.response.request  # type: ignore[attr-defined]
    named = re.search(r"perform action '([^']+)'(?: over scope '([^']+)')?", text)
    code = _code(error)
    action = named[1] if named else _storage_action(request.method, request.url, code)
    where = scrub((named[2] if named else None) or scope)
    who = _caller_of(error, text)
    call = f"HTTP 403 {code}; {request.method} {scrub(request.url)}"
    came_back = f"{who} may not perform {action} on {where}" if action else f"{who} is refused on {where}: {text}"
    if "ABAC condition" in text:
        came_back += ", or the condition on its role assignment refuses this case"
    return AccessDeniedError(doing, f"{came_back} ({call})", _mend_denied(code, action, where, who), action)


def _storage_action(method: str, url: str, code: str) -> str | None:
    """The action that a refused call to the blob service needs; None where it was not refused for a missing action.

    https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
    """
    if code != "AuthorizationPermissionMismatch":
        return None
    if "userdelegationkey" in parse_qs(urlsplit(url).query).get("comp", ()):
        return f"{_BLOBS}/generateUserDelegationKey/action"
    verb = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(method, "write")
    return f"{_BLOBS}/containers/blobs/{verb}"


def _caller_of(error: SdkError, text: str) -> Caller:
    """The caller as the error's text names it, else as the token of the refused call does."""
    header = str(error.response.request.headers.get("Authorization", ""))  # type: ignore[attr-defined]
    known = caller_of_token(header.removeprefix("Bearer ")) if header.startswith("Bearer ") else Caller()
    named = re.search(r"client '([^']*)' with object id '([^']*)'", text)
    if not named:
        return known
    is_id = re.fullmatch(r"[0-9a-fA-F-]{36}", named[1])
    return Caller(known.name or (None if is_id else named[1]), named[1] if is_id else known.app_id, named[2])


def _code(error: SdkError) -> str:
    told = getattr(error, "error_code", None) or getattr(getattr(error, "error", None), "code", None)
    # A HEAD's answer has no body, but the blob service names its error in a header as well.
    headers = getattr(getattr(error, "response", None), "headers", {})
    return str(getattr(told, "value", told) or headers.get("x-ms-error-code", ""))


def _text(error: SdkError) -> str:
    told = getattr(getattr(error, "error", None), "message", None) or getattr(error, "message", None) or str(error)
    # DefaultAzureCredential tells a line of each kind of login that it tried; only the CLI's is worth reading.
    tried = re.findall(r"^\t(\w+): (.*)$", str(told), re.MULTILINE)
    if tried and "AADSTS" not in str(told):
        told = f"no login was found (tried {', '.join(name for name, _ in tried)})"
        told += "".join(f"; {name}: {why}" for name, why in tried if name == "AzureCliCredential")
    entra = re.search(r"AADSTS\d+:.*?(?=\s*Trace ID|\n|$)", str(told))
    plain = " ".join((entra[0] if entra else str(told)).split())
    return scrub(plain)[:_TEXT_LIMIT_CHARACTERS]


def _mend_network(text: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "set REQUESTS_CA_BUNDLE (or SSL_CERT_FILE) to the PEM file of the authority that your network uses"
    return "check the network, the proxy and the endpoint's name; invoke doctor"


def _mend_login(text: str) -> str:
    if "AADSTS7000215" in text or "AADSTS7000222" in text:
        return "set AZURE_CLIENT_SECRET to a valid secret (az ad app credential reset --append makes a new one)"
    if "AADSTS700016" in text or "AADSTS90002" in text:
        return "check AZURE_CLIENT_ID, AZURE_TENANT_ID and azure.tenant (az account show)"
    return "run: az login (or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET)"


def _mend_denied(code: str, action: str | None, scope: str, who: Caller) -> str:
    if code == "Authorization_RequestDenied":
        return "set azure.service_principal to the object id, or ask for the directory role Directory Readers"
    if code == "AuthorizationFailure":
        return "allow this machine's address in the storage account's firewall (az storage account network-rule add)"
    if action and action.lower().startswith("microsoft.authorization/"):
        # The third of these may assign roles, but not define them.
        third = ", Role Based Access Control Administrator" if "roleassignments" in action.lower() else ""
        who_can = f"one of these roles on that scope: Owner, User Access Administrator{third}"
        return f"ask somebody with {who_can} (a right granted minutes ago may not be in force yet)"
    if action and action.lower().startswith("microsoft.compute/virtualmachines/"):
        return "ask an Azure admin to run: invoke rbac.fix (a right granted minutes ago may not be in force yet)"
    if scope.startswith("http") or (action and action.startswith(_BLOBS)):
        holder = who.object_id or "<object id>"
        command = BLOB_ROLE_COMMAND.format(object_id=holder, scope="<resource id of the storage account>")
        return f"ask an Azure admin to run: {command} (invoke rbac.check says what is missing)"
    return f"ask an Azure admin for a role with {action or 'this right'} on {scope}"


def _mend_status(status: int, code: str) -> str:
    if status == 404:
        return (
            "check azure.subscription, azure.resource_group, azure.vm and store.url (az account show; az resource list)"
        )
    if status == 429:
        return "Azure throttles this caller: wait some minutes, then run it again"
    if status >= 500:
        return "Azure failed: run it again; https://status.azure.com tells of outages"
    return f"look up {code or status} in Azure's documentation, mend it, and run it again"
