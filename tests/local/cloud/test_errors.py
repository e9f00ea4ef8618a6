"""Azure's errors as a person needs them: the call, the scope, the principal, what is missing, what mends it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from local.cloud.credentials import default_credential
from local.cloud.endpoints import endpoints_of
from local.cloud.errors import AccessDeniedError, explain
from local.cloud.transport import rest_pipeline
from local.errors import AzureError
from tests.azure_cloud.deployment import Deployment
from tests.azure_cloud.faults import refusal
from tests.azure_cloud.settings import settings_of

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError

STORE = "https://alaibackups.blob.core.windows.net/backups"


@pytest.fixture
def deployment(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The stand-in, trusted, and the backup's principal in the environment."""
    for name, value in deployment.cloud.credential_environment(deployment.backup).items():
        monkeypatch.setenv(name, value)
    return deployment


def refused(
    deployment: Deployment, status: int, code: str, *, method: str = "GET", query: str = ""
) -> HttpResponseError:
    """What the SDK makes of this answer to a real request, made with a token of the backup principal."""
    from azure.core.exceptions import HttpResponseError
    from azure.core.rest import HttpRequest

    azure = settings_of(deployment)
    where = endpoints_of(azure)
    deployment.cloud.inject(refusal(status, code, "This request is refused.").on(surface="arm"))
    with (
        closing(default_credential(azure)) as login,
        rest_pipeline(where.resource_manager, where.resource_manager_scope, login) as client,
    ):
        answer = client.send_request(
            HttpRequest(method, f"{where.resource_manager}/backups/a.db.gz?{query}sig=c2VjcmV0")
        )
    return HttpResponseError(response=answer)


def test_a_refusal_names_call_scope_principal_action_and_mend(deployment: Deployment) -> None:
    from azure.core.exceptions import HttpResponseError
    from azure.core.rest import HttpRequest

    azure = settings_of(deployment)
    where = endpoints_of(azure)
    with (
        closing(default_credential(azure)) as login,
        rest_pipeline(where.resource_manager, where.resource_manager_scope, login) as client,
    ):
        body = {"commandId": "RunShellScript", "script": ["true"]}
        path = f"{where.resource_manager}{deployment.vm.id}/runCommand?api-version=2024-07-01"
        answer = client.send_request(HttpRequest("POST", path, json=body))

    error = explain(HttpResponseError(response=answer), "drill on vm-alai-support", deployment.vm.id)

    assert isinstance(error, AccessDeniedError)
    assert error.action is not None
    assert error.action.startswith("Microsoft.Compute/virtualMachines/")
    assert error.exit_code == 3
    assert error.doing == "drill on vm-alai-support"
    for part in (
        deployment.backup.app_id,
        deployment.backup.object_id,
        error.action,
        deployment.vm.id,
        "POST https://",
    ):
        assert part in error.came_back
    assert "invoke rbac.fix" in error.mend


@pytest.mark.parametrize(
    ("method", "query", "action"),
    [
        ("GET", "", "containers/blobs/read"),
        ("PUT", "", "containers/blobs/write"),
        ("DELETE", "", "containers/blobs/delete"),
        ("POST", "restype=service&comp=userdelegationkey&", "generateUserDelegationKey/action"),
    ],
)
def test_the_blob_service_s_refusal_is_told_by_the_action_that_the_call_needs(
    deployment: Deployment, method: str, query: str, action: str
) -> None:
    error = explain(
        refused(deployment, 403, "AuthorizationPermissionMismatch", method=method, query=query), "store", STORE
    )

    assert isinstance(error, AccessDeniedError)
    assert error.action == f"Microsoft.Storage/storageAccounts/blobServices/{action}"
    assert "Storage Blob Data Contributor" in error.mend
    assert deployment.backup.object_id in f"{error.came_back} {error.mend}", "told by the token's claims"
    assert "c2VjcmV0" not in f"{error} {error.mend}"


def test_a_refusal_without_a_word_is_told_as_such(deployment: Deployment) -> None:
    """A HEAD's answer has no body, and a proxy's no header of Azure's."""
    error = explain(refused(deployment, 403, "", method="HEAD"), "store", STORE)

    assert isinstance(error, AccessDeniedError)
    assert error.action is None
    assert error.mend.startswith("look up HTTP 403: ")


@pytest.mark.parametrize(
    ("status", "code", "scope", "means", "mend"),
    [
        (403, "AuthorizationFailure", STORE, "firewall", "network-rule add --account-name alaibackups"),
        (403, "AccountIsDisabled", STORE, "account is disabled", "az account show"),
        (403, "AuthenticationFailed", STORE, "HTTP 403 AuthenticationFailed", "look up"),
        (403, "Authorization_RequestDenied", "/v1.0/servicePrincipals", "is refused", "object id"),
        (401, "InvalidAuthenticationToken", "/subscriptions/x", "not logged in", "az login"),
        (404, "SubscriptionNotFound", "/subscriptions/x", "HTTP 404", "azure.subscription"),
        (409, "Conflict", "/subscriptions/x", "HTTP 409 Conflict", "look up Conflict"),
        (501, "NotImplemented", "/subscriptions/x", "Azure failed", "status.azure.com"),
    ],
)
def test_each_kind_of_refusal_has_its_own_mend(
    deployment: Deployment, status: int, code: str, scope: str, means: str, mend: str
) -> None:
    error = explain(refused(deployment, status, code), "look", scope)

    assert mend in error.mend
    assert means in error.came_back
    assert scope in error.came_back
    assert "c2VjcmV0" not in f"{error} {error.mend}"
    assert isinstance(error, AccessDeniedError) is (status == 403 and code != "AuthenticationFailed")


def test_no_answer_names_the_scope_and_what_to_look_at() -> None:
    from azure.core.exceptions import ServiceRequestError

    error = explain(ServiceRequestError("Failed to resolve 'alaibackups'"), "list", f"{STORE}?sig=c2VjcmV0")
    untrusted = explain(ServiceRequestError("SSL: CERTIFICATE_VERIFY_FAILED"), "list", STORE)

    assert type(error) is AzureError
    assert "Failed to resolve 'alaibackups'" in error.came_back
    assert "c2VjcmV0" not in str(error)
    assert "REQUESTS_CA_BUNDLE" in untrusted.mend
