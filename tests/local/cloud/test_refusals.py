"""The table of refusals, row by row: what Azure says, as it documents it or reports quote it, and what we say."""

from __future__ import annotations

import re

import pytest

from local.cloud.errors import ROWS
from local.cloud.refusal import Refusal, Service, advise

VM = (
    "/subscriptions/4ca1e7d6-0000-0000-0000-000000000000/resourceGroups/alai-backups-rg"
    "/providers/Microsoft.Compute/virtualMachines/vm-alai-support"
)
STORE = "https://alaibackups.blob.core.windows.net/backups"
SCOPES: dict[Service, str] = {"blob": STORE, "sas": STORE, "arm": VM, "graph": "/v1.0/servicePrincipals"}
NOT_AUTHENTICATED = (
    "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly "
    "including the signature. RequestId:159c33a8 Time:2026-05-05T08:11:13.7348778Z ErrorCode:AuthenticationFailed "
    "authenticationerrordetail:"
)
NOT_AUTHORIZED = "This request is not authorized to perform this operation"
DENIED = "The client 'x' with object id 'y' does not have authorization to perform action '{}' over scope '{}' …"
WRONG_ISSUER = (
    "The access token is from the wrong issuer 'https://sts.windows.net/f220aaaa-a5d6-4a54-9beb-2db0dcee4f5b/'. It "
    "must match the tenant 'https://sts.windows.net/b6cc8f32-0d28-41cd-beb7-3a18c4775049/' associated with this …"
)
LOCKED = (
    "The scope '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v' cannot perform write "
    "operation because following scope(s) are locked: '/subscriptions/s/resourceGroups/g'. Please remove the "
    "lock and try again."
)
NO_EXTENSIONS = (
    "This operation cannot be performed when extension operations are disallowed. To allow, please ensure VM Agent is "
    "installed on the VM and the osProfile.allowExtensionOperations property is true."
)
NO_TOKEN = "no login was found (tried EnvironmentCredential, AzureCliCredential); AzureCliCredential: "

# Who refuses, with which status and code, in which words; and words of what is then said.
LOGIN: list[tuple[Service, int, str, str, tuple[str, ...]]] = [
    (
        "login",
        401,
        "AADSTS7000215",
        "AADSTS7000215: Invalid client secret provided.",
        ("AZURE_CLIENT_SECRET", "its value"),
    ),
    (
        "login",
        401,
        "AADSTS7000222",
        "AADSTS7000222: The provided client secret keys are expired.",
        ("has expired", "reset"),
    ),
    ("login", 400, "AADSTS7000112", "AADSTS7000112: Application 'x' is disabled.", ("disabled", "accountEnabled=true")),
    (
        "login",
        400,
        "AADSTS53003",
        "AADSTS53003: Access has been blocked by Conditional Access.",
        ("policy", "Entra admin"),
    ),
    (
        "login",
        400,
        "AADSTS50076",
        "AADSTS50076: you must use multi-factor authentication",
        ("second factor", "--tenant"),
    ),
    (
        "login",
        400,
        "AADSTS700024",
        "AADSTS700024: Client assertion is not within its valid time",
        ("clock", "FEDERATED"),
    ),
    (
        "login",
        400,
        "AADSTS500011",
        "AADSTS500011: The resource principal named x was not found",
        ("azure.tenant", "cloud"),
    ),
    ("login", 400, "AADSTS700016", "AADSTS700016: Application 'x' was not found", ("AZURE_CLIENT_ID",)),
    ("login", 400, "AADSTS90002", "AADSTS90002: Tenant 'x' not found.", ("AZURE_TENANT_ID",)),
    ("login", 0, "AADSTS700082", "AADSTS700082: The refresh token has expired due to inactivity", ("run: az login",)),
    ("login", 400, "AADSTS99999", "AADSTS99999: Whatever.", ("look up AADSTS99999", "login.microsoftonline.com/error")),
    ("login", 0, "", NO_TOKEN + "Azure CLI not found on path", ("PATH", "launchd", "command -v az")),
    ("login", 0, "", NO_TOKEN + "Please run 'az login' to set up an account", ("run: az login",)),
    ("login", 0, "", "Environment variables are not fully configured.", ("AZURE_TENANT_ID", "AZURE_TOKEN_CREDENTIALS")),
    ("login", 0, "", "ManagedIdentityCredential: no response from the IMDS endpoint.", ("managed identity",)),
    ("login", 0, "", "Something that nobody has seen before", ("az account show",)),
]
BLOB: list[tuple[Service, int, str, str, tuple[str, ...]]] = [
    (
        "blob",
        403,
        "AuthenticationFailed",
        NOT_AUTHENTICATED + "Request date header too old: 'x'",
        ("clock", "timedatectl"),
    ),
    (
        "sas",
        403,
        "AuthenticationFailed",
        NOT_AUTHENTICATED + "Signature not valid in the specified time frame: Start [x] - Expiry [y] - Current [z]",
        ("SAS has expired", "AZURE_STORAGE_SAS_TOKEN"),
    ),
    ("sas", 403, "AuthenticationFailed", NOT_AUTHENTICATED + "Signature did not match. String to sign", ("not whole",)),
    (
        "blob",
        403,
        "AuthenticationFailed",
        NOT_AUTHENTICATED
        + "The MAC signature found in the HTTP request 'x' is not the same as any computed signature.",
        ("AZURE_STORAGE_KEY", "keys list --account-name alaibackups"),
    ),
    ("blob", 403, "AuthenticationFailed", NOT_AUTHENTICATED, ("AZURE_STORAGE_CONNECTION_STRING", "clock")),
    ("blob", 403, "AuthorizationFailure", "Server failed to authenticate the request.", ("key, the SAS or the clock",)),
    ("blob", 401, "InvalidAuthenticationInfo", "Issuer validation failed. Issuer did not match.", ("--tenant",)),
    ("blob", 401, "InvalidAuthenticationInfo", "Lifetime validation failed. The token is expired.", ("clock",)),
    ("blob", 401, "NoAuthenticationInformation", "Server failed to authenticate the request.", ("az account show",)),
    (
        "blob",
        403,
        "KeyBasedAuthenticationNotPermitted",
        "Key based authentication is not permitted on this storage account.",
        ("logins only", "unset AZURE_STORAGE_KEY", "az login"),
    ),
    ("blob", 409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account.", ("az login",)),
    ("sas", 403, "AuthorizationPermissionMismatch", f"{NOT_AUTHORIZED} using this permission.", ("racwdl",)),
    (
        "sas",
        403,
        "UnauthorizedBlobOverwrite",
        "This request is not authorized to perform blob overwrites.",
        ("racwdl",),
    ),
    (
        "blob",
        403,
        "AuthorizationPermissionMismatch",
        f"{NOT_AUTHORIZED} using this permission.",
        ("Storage Blob Data Contributor", "invoke rbac.check"),
    ),
    ("sas", 403, "AuthorizationServiceMismatch", f"{NOT_AUTHORIZED} using this service.", ("something else", "object")),
    ("sas", 403, "AuthorizationResourceTypeMismatch", f"{NOT_AUTHORIZED} using this resource type.", ("container",)),
    ("sas", 403, "AuthorizationProtocolMismatch", f"{NOT_AUTHORIZED} using this protocol.", ("https",)),
    ("sas", 403, "AuthorizationSourceIPMismatch", f"{NOT_AUTHORIZED} using this source IP 1.2.3.4.", ("address",)),
    (
        "blob",
        403,
        "AuthorizationFailure",
        f"{NOT_AUTHORIZED}.",
        ("firewall", "--account-name alaibackups", "--vnet-name"),
    ),
    ("blob", 403, "AccountIsDisabled", "The specified account is disabled.", ("subscription", "az account show")),
    ("blob", 403, "InsufficientAccountPermissions", "Write operations are not allowed.", ("az storage account show",)),
    ("blob", 409, "BlobImmutableDueToPolicy", "This operation is not permitted as the blob is immutable", ("WORM",)),
    ("blob", 409, "BlobImmutableDueToLegalHold", "This operation is not permitted as the blob is immutable", ("hold",)),
    ("blob", 409, "SnaphotOperationRateExceeded", "The rate of snapshot operations against this blob", ("wait",)),
    ("blob", 409, "SnapshotOperationRateExceeded", "The rate of snapshot operations against this blob", ("wait",)),
    ("blob", 409, "SnapshotCountExceeded", "The number of snapshots for this blob has been exceeded.", ("--snapshot",)),
    (
        "blob",
        409,
        "BlobArchived",
        "This operation is not permitted on an archived blob.",
        ("set-tier", "backups", "15 h"),
    ),
    ("blob", 409, "BlobBeingRehydrated", "This operation is not permitted because the blob is being r…", ("wait",)),
    ("blob", 409, "ContainerBeingDeleted", "The specified container is being deleted.", ("wait", "--name backups")),
    ("blob", 404, "ContainerNotFound", "The specified container does not exist.", ("store.url", "container create")),
    ("blob", 404, "BlobNotFound", "The specified blob does not exist.", ("invoke backup.list",)),
    ("blob", 404, "ResourceNotFound", "The specified resource does not exist.", ("store.url",)),
    (
        "blob",
        409,
        "FeatureNotYetSupportedForHierarchicalNamespaceAccounts",
        "Specified feature is not yet supported for hierarchical namespace accounts.",
        ("without hierarchical namespace",),
    ),
    (
        "blob",
        412,
        "LeaseIdMissing",
        "There is currently a lease on the blob and no lease ID was specified",
        ("lease break",),
    ),
    ("blob", 400, "InvalidResourceName", "The specified resource name contains invalid characters.", ("store.url",)),
    ("blob", 400, "Md5Mismatch", "The MD5 value specified in the request did not match", ("run it again",)),
    ("blob", 403, "AccountBlobCapacityExceeded", "The account is full.", ("full", "show-usage")),
    ("blob", 403, "QuotaExceeded", "The quota is exceeded.", ("full",)),
    ("blob", 503, "ServerBusy", "The server is busy.", ("busy", "wait")),
    ("blob", 500, "OperationTimedOut", "The operation could not be completed within the permitted time.", ("wait",)),
    ("blob", 429, "TooManyRequests", "Slow down.", ("throttles",)),
    ("blob", 500, "InternalError", "The server encountered an internal error.", ("status.azure.com",)),
    ("blob", 409, "BlobWhatever", "Something new.", ("look up BlobWhatever", "blob-service-error-codes")),
]
ARM: list[tuple[Service, int, str, str, tuple[str, ...]]] = [
    (
        "arm",
        401,
        "InvalidAuthenticationTokenTenant",
        WRONG_ISSUER,
        ("az login --tenant b6cc8f32-0d28-41cd-beb7-3a18c4775049",),
    ),
    ("arm", 401, "InvalidAuthenticationTokenTenant", "The token is of another tenant.", ("az login --tenant <",)),
    ("arm", 401, "InvalidAuthenticationToken", "The access token is invalid.", ("az login", "azure.cloud")),
    ("graph", 401, "InvalidAuthenticationToken", "Access token has expired.", ("az login",)),
    ("graph", 403, "Authorization_RequestDenied", "Insufficient privileges", ("Directory Readers",)),
    (
        "arm",
        403,
        "AuthorizationFailed",
        DENIED.format("Microsoft.Authorization/roleAssignments/write", VM),
        ("Owner", "Role Based Access Control Administrator"),
    ),
    ("arm", 403, "AuthorizationFailed", DENIED.format("Microsoft.Authorization/roleDefinitions/write", VM), ("Owner",)),
    (
        "arm",
        403,
        "AuthorizationFailed",
        DENIED.format("Microsoft.Compute/virtualMachines/runCommand/action", VM),
        ("invoke rbac.fix",),
    ),
    ("arm", 403, "LinkedAuthorizationFailed", DENIED.format("Microsoft.Network/x/join/action", VM), ("a role with",)),
    ("arm", 403, "RequestDisallowedByPolicy", "Resource 'x' was disallowed by policy.", ("Azure Policy",)),
    (
        "arm",
        409,
        "ScopeLocked",
        LOCKED,
        ("lock on /subscriptions/s/resourceGroups/g", "az lock list", "alai-backups-rg"),
    ),
    ("arm", 409, "ReadOnlyDisabledSubscription", "The subscription is disabled", ("subscription is disabled",)),
    ("arm", 404, "SubscriptionNotFound", "The subscription 'x' could not be found.", ("azure.subscription",)),
    ("arm", 404, "ResourceGroupNotFound", "Resource group 'x' could not be found.", ("azure.resource_group",)),
    (
        "arm",
        404,
        "ResourceNotFound",
        "The Resource 'Microsoft.Compute/virtualMachines/vm-gone' under resource group 'x' was not found.",
        ("az vm list --resource-group alai-backups-rg",),
    ),
    (
        "arm",
        409,
        "OperationNotAllowed",
        NO_EXTENSIONS,
        ("az vm update --resource-group alai-backups-rg --name vm-alai-support", "allowExtensionOperations=true"),
    ),
    (
        "arm",
        409,
        "OperationNotAllowed",
        "The operation requires the VM to be running (or set to run).",
        ("az vm start",),
    ),
    (
        "arm",
        409,
        "Conflict",
        "Run command extension execution is in progress. Please wait",
        ("90 minutes", "RemoveRun"),
    ),
    ("arm", 200, "VMAgentStatusCommunicationError", "VM 'v' has not reported status for VM agent", ("443", "vmAgent")),
    ("arm", 200, "VMExtensionProvisioningTimeout", "Provisioning has timed out.", ("RemoveRunCommandLinuxExtension",)),
    ("arm", 200, "OperationPreempted", "Operation execution has been preempted", ("run it again",)),
    ("arm", 404, "Gone", "Nothing is there.", ("azure.vm",)),
    ("arm", 429, "TooManyRequests", "The request is being throttled", ("throttles", "wait")),
    ("graph", 503, "ServiceUnavailable", "Try again.", ("status.azure.com",)),
    (
        "arm",
        409,
        "OperationNotAllowed",
        "Operation could not be completed as it results in exceeding quota.",
        ("look up",),
    ),
    ("graph", 400, "Request_BadRequest", "Invalid filter.", ("look up Request_BadRequest",)),
    ("network", 0, "", "SSL: CERTIFICATE_VERIFY_FAILED", ("REQUESTS_CA_BUNDLE",)),
    ("network", 0, "", "Failed to resolve 'alaibackups'", ("store.url", "DNS")),
    ("network", 0, "", "Connection refused", ("HTTPS_PROXY", "443")),
]
EXAMPLES = [*LOGIN, *BLOB, *ARM]


def refusal_of(service: Service, status: int, code: str, text: str) -> Refusal:
    return Refusal(service, status, code, text, SCOPES.get(service, STORE))


@pytest.mark.parametrize(
    ("service", "status", "code", "text", "said"), EXAMPLES, ids=[f"{each[2]}-{each[3][:30]}" for each in EXAMPLES]
)
def test_what_azure_says_is_told_as_what_it_means_and_what_mends_it(
    service: Service, status: int, code: str, text: str, said: tuple[str, ...]
) -> None:
    advice = advise(ROWS, refusal_of(service, status, code, text))

    assert advice
    told = f"{advice.means}; {advice.mend}"
    assert [words for words in said if words not in told] == []
    assert advice.mend
    assert not re.search(r"[{}]", told)


def test_each_row_has_an_example_that_it_wins() -> None:
    """A row that an earlier one hides would never be told."""
    won = [advise(ROWS, refusal_of(*example[:4])) for example in EXAMPLES]

    winners = {id(advice.row) for advice in won if advice}
    assert [row for row in ROWS if id(row) not in winners] == []


@pytest.mark.parametrize("service", ["blob", "sas", "arm", "graph", "login"])
def test_an_unknown_code_is_looked_up_and_not_guessed_at(service: Service) -> None:
    advice = advise(ROWS, refusal_of(service, 409, "NeverSeen", "Azure's own words."))

    assert advice
    assert advice.means == ""
    assert re.fullmatch(r"look up NeverSeen: https://\S+|see who is logged in: az account show", advice.mend)


@pytest.mark.parametrize(
    ("text", "advised"),
    [
        ("The operation requires the VM to be running (or set to run).", True),
        (NO_EXTENSIONS, False),
        ("Operation could not be completed as it results in exceeding approved Total Regional Cores quota.", False),
    ],
)
def test_only_a_vm_that_is_stopped_is_to_be_started(text: str, advised: bool) -> None:
    advice = advise(ROWS, refusal_of("arm", 409, "OperationNotAllowed", text))

    assert advice
    assert ("az vm start" in advice.mend) is advised


@pytest.mark.parametrize(
    "code",
    [
        "AuthenticationFailed",
        "KeyBasedAuthenticationNotPermitted",
        "AccountIsDisabled",
        "AuthorizationFailure",
        "AuthorizationSourceIPMismatch",
        "NeverSeen",
    ],
)
def test_a_role_is_advised_only_where_a_right_is_missing(code: str) -> None:
    advice = advise(ROWS, refusal_of("blob", 403, code, "This request is refused."))

    assert advice
    assert "role assignment" not in advice.mend
