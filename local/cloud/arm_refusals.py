"""Why Azure's management did not do it (Resource Manager, Run Command, the directory), or why nobody answered."""

from __future__ import annotations

from local.cloud.refusal import ARM, BLOB, GRAPH, NETWORK, Row

_MANAGEMENT = (*ARM, *GRAPH)
_RECENT = "(a right granted minutes ago may not be in force yet)"
_ASSIGNERS = "Owner, User Access Administrator"
REMOVE_EXTENSION = (
    "run: az vm run-command invoke --resource-group {group} --name {vm} --command-id RemoveRunCommandLinuxExtension "
    "(it comes back by itself; scripts and expired links go from the VM's disk with it)"
)

# https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
_WHO = (
    Row(
        ARM,
        "InvalidAuthenticationTokenTenant",
        "run: az login --tenant {tenant} (or set azure.tenant to {tenant})",
        "the login is in another tenant than the subscription",
        text=r"must match the tenant 'https://[^/']+/(?P<tenant>[0-9a-fA-F-]+)",
    ),
    Row(
        ARM,
        "InvalidAuthenticationTokenTenant",
        "run: az login --tenant <tenant of the subscription> (or set azure.tenant to it)",
        "the login is in another tenant than the subscription",
    ),
    Row(
        _MANAGEMENT,
        "InvalidAuthenticationToken|ExpiredAuthenticationToken|AuthenticationFailed",
        "log in again (az login), and check azure.tenant and azure.cloud",
        "Azure does not take this login's token",
    ),
    Row(
        GRAPH,
        "Authorization_RequestDenied",
        "set azure.service_principal to the object id, or ask for the directory role Directory Readers",
    ),
)

_RIGHTS = (
    # The third of these may assign roles, but not define them.
    Row(
        ARM,
        ".*AuthorizationFailed",
        f"ask somebody with one of these roles on that scope: {_ASSIGNERS}, Role Based Access Control Administrator "
        f"{_RECENT}",
        text="action 'microsoft.authorization/roleassignments/",
    ),
    Row(
        ARM,
        ".*AuthorizationFailed",
        f"ask somebody with one of these roles on that scope: {_ASSIGNERS} {_RECENT}",
        text="action 'microsoft.authorization/",
    ),
    Row(
        ARM,
        ".*AuthorizationFailed",
        f"ask an Azure admin to run: invoke rbac.fix {_RECENT}",
        text="action 'microsoft.compute/virtualmachines/",
    ),
    Row(ARM, ".*AuthorizationFailed", f"ask an Azure admin for a role with {{action}} on {{scope}} {_RECENT}"),
    Row(
        ARM,
        "RequestDisallowedByPolicy",
        "ask whoever keeps the policy that is named above",
        "an Azure Policy forbids it, and no role changes that",
    ),
    # https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
    Row(
        ARM,
        "ScopeLocked",
        "ask an Owner to look (az lock list --resource-group {group} --output table) and to lift it for the while "
        "(az lock delete --ids <id of the lock>)",
        "there is a lock on {lock}",
        text=r"locked: '(?P<lock>[^']+)'",
    ),
)

_STATE = (
    Row(
        ARM,
        "ReadOnlyDisabledSubscription|SubscriptionDisabled",
        "ask the owner of the subscription; its state: az account show --query state",
        "the subscription is disabled",
    ),
    Row(
        ARM,
        "SubscriptionNotFound|InvalidSubscriptionId",
        "check azure.subscription, and that this login sees it: az account list --output table",
        "this login sees no such subscription",
    ),
    Row(ARM, "ResourceGroupNotFound", "check azure.resource_group: az group list --output table"),
    Row(
        ARM,
        "ResourceNotFound|NotFound",
        "check azure.vm: az vm list --resource-group {group} --output table",
        text="Microsoft.Compute/virtualMachines|The entity was not found",
    ),
    # https://learn.microsoft.com/azure/virtual-machines/linux/run-command, and public reports of the messages
    Row(
        ARM,
        "OperationNotAllowed",
        "see that the VM has an agent, and run: az vm update --resource-group {group} --name {vm} "
        "--set osProfile.allowExtensionOperations=true",
        "the VM allows no extensions, and Run Command is one",
        text="extension operations are disallowed",
    ),
    Row(
        ARM,
        "OperationNotAllowed",
        "run: az vm start --resource-group {group} --name {vm}",
        text="VM to be running|VM is not running",
    ),
    Row(
        ARM,
        "Conflict",
        "wait until that one has ended (90 minutes at most), then run it again; where it never ends, "
        + REMOVE_EXTENSION,
        "another command runs on the VM, which runs one at a time",
        text="Run ?command extension execution is in progress",
    ),
    Row(
        ARM,
        "VMAgentStatusCommunicationError",
        "see what the agent says: az vm get-instance-view --resource-group {group} --name {vm} "
        "--query instanceView.vmAgent; it needs a running OS and outbound port 443 (az vm restart starts it anew)",
        "the VM's agent does not report",
    ),
    Row(ARM, r"VMExtension\w+", REMOVE_EXTENSION, "the VM's extension for Run Command failed or is stuck"),
    Row(ARM, "OperationPreempted", "run it again", "somebody stopped or changed the VM meanwhile"),
)

_ANYWHERE = (
    Row(
        ARM,
        "404",
        "check azure.subscription, azure.resource_group and azure.vm (az account show; az resource list)",
    ),
    Row((*_MANAGEMENT, *BLOB), "429", "wait some minutes, then run it again", "Azure throttles this caller"),
    Row((*_MANAGEMENT, *BLOB), r"5\d\d", "run it again; https://status.azure.com tells of outages", "Azure failed"),
    Row(
        NETWORK,
        ".*",
        "set REQUESTS_CA_BUNDLE (or SSL_CERT_FILE) to the PEM file of the authority that your network uses",
        "the certificate that came is not trusted here",
        text="CERTIFICATE_VERIFY_FAILED",
    ),
    Row(
        NETWORK,
        ".*",
        "check store.url and the network's DNS (an account with a private endpoint needs its private DNS zone)",
        "nobody here knows that host's name",
        text="resolve|Name or service not known|nodename nor servname|getaddrinfo|name resolution",
    ),
    Row(NETWORK, ".*", "check the network, the proxy (HTTPS_PROXY) and that outbound port 443 is open"),
    # What stands in no row is quoted, and looked up rather than guessed at.
    Row(BLOB, ".*", "look up {code}: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes"),
    Row(
        _MANAGEMENT,
        ".*",
        "look up {code}: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors",
    ),
)

ARM_ROWS = (*_WHO, *_RIGHTS, *_STATE, *_ANYWHERE)
