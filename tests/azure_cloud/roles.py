"""The built-in roles that matter here, by their real ids and with their essential real permissions."""

from __future__ import annotations

from tests.azure_cloud.state import RoleDefinition

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
USER_ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
RBAC_ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
VIRTUAL_MACHINE_CONTRIBUTOR = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"
STORAGE_BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
STORAGE_BLOB_DATA_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
STORAGE_BLOB_DELEGATOR = "db58b8e5-c6ad-4a2a-8342-4190687cbf4a"

_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_DELEGATE = "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"

BUILT_IN = (
    RoleDefinition(
        OWNER,
        "Owner",
        actions=("*",),
        description="Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
    ),
    RoleDefinition(
        CONTRIBUTOR,
        "Contributor",
        actions=("*",),
        not_actions=(
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
            "Microsoft.Purview/consents/write",
            "Microsoft.Purview/consents/delete",
        ),
        description="Grants full access to manage all resources, but does not allow you to assign roles in Azure RBAC.",
    ),
    RoleDefinition(
        READER,
        "Reader",
        actions=("*/read",),
        description="View all resources, but does not allow you to make any changes.",
    ),
    RoleDefinition(
        USER_ACCESS_ADMINISTRATOR,
        "User Access Administrator",
        actions=("*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"),
        description="Lets you manage user access to Azure resources.",
    ),
    RoleDefinition(
        RBAC_ADMINISTRATOR,
        "Role Based Access Control Administrator",
        actions=(
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
            "Microsoft.Support/*",
        ),
        description="Manage access to Azure resources by assigning roles using Azure RBAC.",
    ),
    RoleDefinition(
        VIRTUAL_MACHINE_CONTRIBUTOR,
        "Virtual Machine Contributor",
        actions=(
            "Microsoft.Authorization/*/read",
            "Microsoft.Compute/availabilitySets/*",
            "Microsoft.Compute/locations/*",
            "Microsoft.Compute/virtualMachines/*",
            "Microsoft.Compute/virtualMachineScaleSets/*",
            "Microsoft.Compute/cloudServices/*",
            "Microsoft.Compute/disks/write",
            "Microsoft.Compute/disks/read",
            "Microsoft.Compute/disks/delete",
            "Microsoft.DevTestLab/schedules/*",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Network/networkInterfaces/*",
            "Microsoft.Network/virtualNetworks/read",
            "Microsoft.Network/virtualNetworks/subnets/join/action",
            "Microsoft.RecoveryServices/Vaults/read",
            "Microsoft.ResourceHealth/availabilityStatuses/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.SerialConsole/serialPorts/connect/action",
            "Microsoft.SqlVirtualMachine/*",
            "Microsoft.Storage/storageAccounts/listKeys/action",
            "Microsoft.Storage/storageAccounts/read",
            "Microsoft.Support/*",
        ),
        description="Lets you manage virtual machines, but not access to them, and not the virtual network or storage "
        "account they're connected to.",
    ),
    RoleDefinition(
        STORAGE_BLOB_DATA_READER,
        "Storage Blob Data Reader",
        actions=("Microsoft.Storage/storageAccounts/blobServices/containers/read", _DELEGATE),
        data_actions=(f"{_BLOBS}/read",),
        description="Allows for read access to Azure Storage blob containers and data",
    ),
    RoleDefinition(
        STORAGE_BLOB_DATA_CONTRIBUTOR,
        "Storage Blob Data Contributor",
        actions=(
            "Microsoft.Storage/storageAccounts/blobServices/containers/delete",
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/write",
            _DELEGATE,
        ),
        data_actions=tuple(f"{_BLOBS}/{verb}" for verb in ("delete", "read", "write", "move/action", "add/action")),
        description="Allows for read, write and delete access to Azure Storage blob containers and data",
    ),
    RoleDefinition(
        STORAGE_BLOB_DATA_OWNER,
        "Storage Blob Data Owner",
        actions=("Microsoft.Storage/storageAccounts/blobServices/containers/*", _DELEGATE),
        data_actions=(f"{_BLOBS}/*",),
        description="Allows for full access to Azure Storage blob containers and data, including assigning POSIX "
        "access control.",
    ),
    RoleDefinition(
        STORAGE_BLOB_DELEGATOR,
        "Storage Blob Delegator",
        actions=(_DELEGATE,),
        description="Allows for generation of a user delegation key which can be used to sign SAS tokens",
    ),
)
