"""Why the blob service did not do it: what its error codes mean here, and what mends each."""

from __future__ import annotations

from local.cloud.refusal import BLOB, Row

BLOB_ROLE_COMMAND = (
    "az role assignment create --assignee-object-id {object_id} --assignee-principal-type ServicePrincipal "
    "--role 'Storage Blob Data Contributor' --scope {scope}"
)
_CLOCK = "set this machine's clock (macOS: sudo sntp -sS time.apple.com; Linux: sudo timedatectl set-ntp true)"
_NEW_SAS = "put a new SAS into AZURE_STORAGE_SAS_TOKEN, or unset it and log in: az login"
_ROLE = BLOB_ROLE_COMMAND.format(object_id="{holder}", scope="<resource id of the storage account>")
_ACCOUNT_PAGE = "docs/admin.md says what the account should look like"

# https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes; the AuthenticationErrorDetail that
# tells the cases of AuthenticationFailed apart is in none of Microsoft's lists (public reports quote it).
_WHO = (
    Row(BLOB, "AuthenticationFailed", _CLOCK, "this machine's clock is wrong", text="Request date header too old"),
    Row(
        BLOB,
        "AuthenticationFailed",
        _NEW_SAS,
        "the SAS has expired, or is not valid yet",
        text=r"not valid in the specified time frame|Signed expiry time",
    ),
    Row(
        BLOB,
        "AuthenticationFailed",
        _NEW_SAS,
        "the SAS is not whole, or the key that signed it was changed",
        text="Signature did not match|Signature fields not well formed",
    ),
    Row(
        BLOB,
        "AuthenticationFailed",
        "set AZURE_STORAGE_KEY to the account's present key (az storage account keys list --account-name {account}), "
        "or unset it and log in: az login",
        "the key is not the account's, or was changed",
        text="MAC signature found in the HTTP request",
    ),
    # Azurite calls it AuthorizationFailure.
    Row(
        BLOB,
        "AuthenticationFailed|AuthorizationFailure",
        "check AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, whichever is set, "
        "and this machine's clock",
        "the key, the SAS or the clock is wrong",
        text="failed to authenticate",
    ),
    Row(
        BLOB,
        "InvalidAuthenticationInfo",
        "set azure.tenant to the tenant of the account's subscription, and log in there: az login --tenant <tenant id>",
        "the token is of another tenant than the account",
        text="Issuer",
    ),
    Row(BLOB, "InvalidAuthenticationInfo", _CLOCK, "this machine's clock is wrong", text="Lifetime validation failed"),
    Row(
        BLOB,
        "InvalidAuthenticationInfo|NoAuthenticationInformation",
        "see who is logged in (az account show), and check azure.tenant and azure.cloud",
        "the account does not take this login",
    ),
    Row(
        BLOB,
        "KeyBasedAuthenticationNotPermitted",
        "unset AZURE_STORAGE_KEY, AZURE_STORAGE_CONNECTION_STRING and AZURE_STORAGE_SAS_TOKEN, and log in: az login",
        "the account takes logins only, no key and no SAS made with a key",
    ),
    Row(
        BLOB,
        "PublicAccessNotPermitted",
        "log in (az login), or set AZURE_STORAGE_SAS_TOKEN",
        "the account is open to nobody without a login",
    ),
)

# https://learn.microsoft.com/rest/api/storageservices/sas-error-codes
_RIGHTS = (
    Row(
        ("sas",),
        "AuthorizationPermissionMismatch|UnauthorizedBlobOverwrite",
        "put a SAS with the permissions racwdl into AZURE_STORAGE_SAS_TOKEN, or unset it and log in: az login",
        "the SAS does not allow this",
    ),
    Row(
        ("blob",),
        "AuthorizationPermissionMismatch",
        f"ask an Azure admin to run: {_ROLE} (invoke rbac.check says what is missing)",
    ),
    Row(
        BLOB,
        "AuthorizationServiceMismatch|AuthorizationResourceTypeMismatch",
        "put a SAS for the blob service, with the resource types container and object, into AZURE_STORAGE_SAS_TOKEN",
        "the SAS is for something else",
    ),
    Row(BLOB, "AuthorizationProtocolMismatch", "set store.url to the https:// address", "the SAS is for https only"),
    Row(
        BLOB,
        "AuthorizationSourceIPMismatch",
        "put a SAS that allows this machine's address into AZURE_STORAGE_SAS_TOKEN",
        "the SAS is for other addresses than this machine's",
    ),
    # https://learn.microsoft.com/azure/storage/common/storage-network-security-limitations: IP rules have no effect on
    # requests from the account's own region.
    Row(
        BLOB,
        "AuthorizationFailure",
        "run: az storage account network-rule add --account-name {account} --ip-address <this machine's public "
        "address>; for a VM in the account's own region, where IP rules have no effect, --vnet-name NAME --subnet NAME",
        "the storage account's firewall does not let this machine in",
    ),
    Row(
        BLOB,
        "AccountIsDisabled",
        "ask the owner of the subscription; its state: az account show --query state",
        "the storage account is disabled, mostly because its subscription is",
    ),
    Row(
        BLOB,
        "InsufficientAccountPermissions",
        "look at its state: az storage account show --name {account}",
        "the account as a whole does not allow this now",
    ),
)

# https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
_STATE = (
    Row(
        BLOB,
        "BlobImmutableDueTo(Policy|LegalHold)",
        f"use a container without an immutability policy or legal hold; {_ACCOUNT_PAGE}",
        "what stands there may be neither overwritten nor deleted (WORM)",
    ),
    # The first is how Azure spells it.
    Row(
        BLOB,
        "Snaps?hotOperationRateExceeded",
        "wait some minutes, then run it again",
        "too many snapshots of this blob in a short time",
    ),
    Row(
        BLOB,
        "SnapshotCountExceeded",
        "delete some, each a point in time that is lost: az storage blob delete --snapshot TIME",
        "the blob has as many snapshots as Azure keeps",
    ),
    Row(
        BLOB,
        "BlobArchived",
        "bring it back, which takes up to 15 hours: az storage blob set-tier --tier Hot --account-name {account} "
        "--container-name {container} --name <blob>",
        "it is in the archive tier, where nothing can be read",
    ),
    Row(
        BLOB,
        "BlobBeingRehydrated",
        "wait until it is back (az storage blob show tells), then run it again",
        "it is on its way out of the archive tier, which takes up to 15 hours",
    ),
    Row(
        BLOB,
        "ContainerBeingDeleted",
        "wait a minute, then make it anew: az storage container create --auth-mode login --account-name {account} "
        "--name {container}",
        "somebody deleted the container",
    ),
    Row(
        BLOB,
        "ContainerNotFound",
        "mend store.url, or make it: az storage container create --auth-mode login --account-name {account} "
        "--name {container}",
        "there is no such container",
    ),
    Row(BLOB, "BlobNotFound", "see what is there: invoke backup.list", "there is no such blob (any more)"),
    Row(BLOB, "ResourceNotFound", "check store.url", "there is no such thing in this account"),
    # Of the codes that end so, snapshots meet FeatureNotYetSupported…: 409, as public reports quote it.
    Row(
        BLOB,
        r"\w*ForHierarchicalNamespaceAccounts",
        f"use an account without hierarchical namespace; {_ACCOUNT_PAGE}",
        "an account with hierarchical namespace (Data Lake) does not have all that backups need, such as snapshots",
    ),
    Row(
        BLOB,
        "LeaseIdMissing",
        "ask who holds it, or end it: az storage blob lease break --account-name {account} "
        "--container-name {container} --blob-name <blob>",
        "somebody holds a lease on it",
    ),
    Row(
        BLOB,
        "InvalidResourceName|InvalidUri",
        "mend store.url: https://ACCOUNT.blob.core.windows.net/CONTAINER",
        "Azure has no such names",
    ),
    Row(BLOB, "Md5Mismatch", "run it again", "the bytes that arrived were not those that were sent"),
    Row(
        BLOB,
        r"\w*(Quota|Capacity)Exceeded",
        "remove what is not needed there, or ask Microsoft for more: az storage account show-usage --location <region>",
        "the account is full",
    ),
    Row(BLOB, "ServerBusy|OperationTimedOut", "wait some minutes, then run it again", "Azure is busy"),
)

BLOB_ROWS = (*_WHO, *_RIGHTS, *_STATE)
