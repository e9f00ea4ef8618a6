"""The blob service with rights: Azurite, which enforces none, behind a gate that asks the stand-in for each request.

A refusal is what Azure documents: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
"""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from urllib.parse import quote, urlencode

from tests.azure_cloud.faults import ON_THE_WIRE
from tests.azure_cloud.listener import Listener
from tests.azure_cloud.rights import through
from tests.azure_cloud.server import AzureCloud
from tests.azure_cloud.state import StorageAccount
from tests.azure_cloud.wire import Request, Response
from tests.support.azurite import ACCOUNT, Azurite

_BLOB_SERVICE = "Microsoft.Storage/storageAccounts/blobServices"
_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "date", "server"}


@dataclass
class BlobGate:
    """One storage account's blob endpoint, which refuses what the token's rights do not allow.

    `seen` are the methods and blobs of what was let through.
    """

    cloud: AzureCloud
    account: StorageAccount
    azurite: Azurite
    ca: Path
    seen: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, request: Request) -> Response | None:
        """Refuse, break or pass on one request; faults of the surface `blob` strike first."""
        fault = self.cloud.faults.take(ON_THE_WIRE, "blob", request.method, request.path)
        if fault is not None and fault.kind == "reset":
            # The service carried it out, and the answer got lost.
            self._pass_on(request)
            return None
        if fault is not None:
            return _error(fault.status, fault.code)
        rights = self.cloud.tokens.read(request.headers.get("authorization", "").removeprefix("Bearer "))
        if rights is None or rights.audience != "https://storage.azure.com":
            return _error(401, "InvalidAuthenticationInfo")
        action, scope, data = self._needed(request)
        with self.cloud.state.lock:
            allowed = through(rights, action, scope, data=data)
        return self._pass_on(request) if allowed else _error(403, "AuthorizationPermissionMismatch")

    def _needed(self, request: Request) -> tuple[str, str, bool]:
        """The action, its scope, and whether it is a data action.

        https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
        """
        _, _, container = request.path.strip("/").partition("/")
        scope = f"{self.account.id}/blobServices/default/containers/{container.partition('/')[0]}"
        if request.query.get("comp") == "userdelegationkey":
            return f"{_BLOB_SERVICE}/generateUserDelegationKey/action", self.account.id, False
        verb = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(request.method, "write")
        return f"{_BLOB_SERVICE}/containers/blobs/{verb}", scope, True

    def _pass_on(self, request: Request) -> Response:
        self.seen.append((request.method, request.path.partition(f"/{ACCOUNT}/")[2].partition("/")[2]))
        url = f"{self.azurite.url.removesuffix(f'/{ACCOUNT}')}{quote(request.path)}?{urlencode(request.query)}"
        headers = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
        sent = urllib.request.Request(url, request.body or None, headers, method=request.method)
        context = ssl.create_default_context(cafile=str(self.ca))
        try:
            with urllib.request.urlopen(sent, context=context) as answer:
                return _returned(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as refused:
            with refused:
                return _returned(refused.code, refused.headers, refused.read())


@contextmanager
def running(gate: BlobGate) -> Iterator[str]:
    """The URL of the account behind the gate."""
    with Listener("blob", gate.cloud.certificates.server_context(), gate.answer) as listener:
        yield f"{listener.url}/{ACCOUNT}"


def _returned(status: int, headers: Message, body: bytes) -> Response:
    return Response(
        status, body, tuple((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP)
    )


def _error(status: int, code: str) -> Response:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{code}.</Message></Error>'
    return Response(status, body.encode(), (("Content-Type", "application/xml"), ("x-ms-error-code", code)))
