"""Azure's errors as ours: which call, on which scope, as whom, what is missing, and the command that mends it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from local.cloud.arm_refusals import ARM_ROWS
from local.cloud.blob_refusals import BLOB_ROLE_COMMAND as BLOB_ROLE_COMMAND
from local.cloud.blob_refusals import BLOB_ROWS
from local.cloud.caller import Caller, caller_of_token
from local.cloud.login_refusals import LOGIN_ROWS
from local.cloud.redact import scrub
from local.cloud.refusal import Refusal, Service, advise
from local.errors import AzureError

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError as SdkError

# The one table; the first row that fits wins.
ROWS = (*LOGIN_ROWS, *BLOB_ROWS, *ARM_ROWS)
_TEXT_LIMIT_CHARACTERS = 800
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices"
DELEGATION_KEY_ACTION = f"{_BLOBS}/generateUserDelegationKey/action"
# Azure does not know the caller: the key, the signature or the token is wrong.
_UNKNOWN_CALLER = "AuthenticationFailed"


class AccessDeniedError(AzureError):
    """Azure knows the caller and refuses it; `action` is the missing one, None where Azure does not name it."""

    def __init__(self, doing: str, came_back: str, mend: str, action: str | None) -> None:
        super().__init__(doing, came_back, mend)
        self.action = action


def explain(error: SdkError, doing: str, scope: str) -> AzureError:
    """An SDK's error as ours, to be raised: AccessDeniedError where Azure refuses a caller that it knows.

    `doing` is what was being done, `scope` the resource id or URL that it was done on.
    """
    who = _caller_of(error)
    refusal = _refusal(error, scrub(scope), who)
    advice = advise(ROWS, refusal)
    mend = advice.mend if advice else ""
    told = f"{refusal.text}; {advice.means}" if advice and advice.means else refusal.text
    if refusal.service == "login" or refusal.status == 401:
        return AzureError(doing, f"not logged in for {refusal.scope}: {told}", mend)
    if refusal.service == "network":
        told = "; ".join(filter(None, (_cause(refusal.text), advice.means if advice else "")))
        return AzureError(doing, f"no answer from {refusal.scope}: {told}", mend)
    if not refusal.status:
        return AzureError(doing, f"{type(error).__name__} on {refusal.scope}: {told}", mend)
    answer, call = f"HTTP {refusal.status} {refusal.code}".rstrip(), _call_of(error)
    if refusal.status == 403 and refusal.code != _UNKNOWN_CALLER:
        return AccessDeniedError(doing, f"{_denied(refusal, who, told)} ({answer}; {call})", mend, refusal.action)
    return AzureError(doing, f"{answer} on {refusal.scope}: {told} ({call}, as {who})", mend)


def _cause(text: str) -> str:
    """What requests names as the cause, in place of the layers that it wraps around it."""
    found = re.search(r"\(Caused by \w+\((.*)\)\)$", text)
    return (found[1].strip("\"'").partition("): ")[2] or found[1]) if found else text


def _denied(refusal: Refusal, who: Caller, told: str) -> str:
    if not refusal.action:
        return f"{who} is refused on {refusal.scope}: {told}"
    denied = f"{who} may not perform {refusal.action} on {refusal.scope}"
    condition = ", or the condition on its role assignment refuses this case"
    return denied + condition if "ABAC condition" in refusal.text else denied


def _refusal(error: SdkError, scope: str, who: Caller) -> Refusal:
    """The facts of the refusal in an SDK's error; the scope is Azure's, where it names one."""
    response: Any = getattr(error, "response", None)
    status, text, code = getattr(response, "status_code", None) or 0, _text(error), _code(error)
    entra = re.match(r"AADSTS\d+", text)
    named = re.search(r"perform action '([^']+)'(?: over scope '([^']+)')?", text)
    action = named[1] if named else None
    if not named and response is not None:
        action = _storage_action(response.request.method, response.request.url, code)
    return Refusal(
        service=_service(error, scope, entra is not None),
        status=status,
        code=entra[0] if entra else code,
        text=text,
        scope=scrub(named[2]) if named and named[2] else scope,
        action=action,
        holder=who.object_id,
    )


def _service(error: SdkError, scope: str, told_by_entra: bool) -> Service:
    from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError, ServiceResponseError

    response: Any = getattr(error, "response", None)
    if told_by_entra or (isinstance(error, ClientAuthenticationError) and response is None):
        return "login"
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return "network"
    if not scope.startswith("http"):
        return "graph" if scope.startswith("/v1.0/") else "arm"
    request = getattr(response, "request", None)
    signed = request and "Authorization" not in request.headers and "sig" in parse_qs(urlsplit(request.url).query)
    return "sas" if signed else "blob"


def _call_of(error: Any) -> str:
    return f"{error.response.request.method} {scrub(error.response.request.url)}"


def _storage_action(method: str, url: str, code: str) -> str | None:
    """The action that a refused call to the blob service needs; None where it was not refused for a missing action.

    https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
    """
    if code != "AuthorizationPermissionMismatch":
        return None
    if "userdelegationkey" in parse_qs(urlsplit(url).query).get("comp", ()):
        return DELEGATION_KEY_ACTION
    verb = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(method, "write")
    return f"{_BLOBS}/containers/blobs/{verb}"


def _caller_of(error: SdkError) -> Caller:
    """The caller as the error's text names it, else as the token of the refused call does."""
    request: Any = getattr(getattr(error, "response", None), "request", None)
    header = str(getattr(request, "headers", {}).get("Authorization", ""))
    known = caller_of_token(header.removeprefix("Bearer ")) if header.startswith("Bearer ") else Caller()
    named = re.search(r"client '([^']*)' with object id '([^']*)'", _text(error))
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
    # DefaultAzureCredential tells a line of each kind of login it tried; only the CLI's, or an only one's, is worth it.
    tried = re.findall(r"^\t(\w+): (.*)$", str(told), re.MULTILINE)
    if tried and "AADSTS" not in str(told):
        told = f"no login was found (tried {', '.join(name for name, _ in tried)})"
        told += "".join(f"; {name}: {why}" for name, why in tried if name == "AzureCliCredential" or len(tried) == 1)
    entra = re.search(r"AADSTS\d+:.*?(?=\s*Trace ID|\n|$)", str(told))
    plain = " ".join((entra[0] if entra else str(told)).split())
    return scrub(plain)[:_TEXT_LIMIT_CHARACTERS]
