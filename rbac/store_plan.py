"""What to change so that a principal can back up to the container and drill from it, decided from facts alone."""

from __future__ import annotations

from local.errors import AzureError, ConfigError
from local.location import FolderLocation, StoreLocation
from rbac.evaluate import BLOB_DELETE, BLOB_READ, BLOB_WRITE, DELEGATION_KEY, Right, judge
from rbac.facts import Assignment, Facts, Role, StorageAccounts
from rbac.plan import Plan, assignment_name, in_force, refuse_conditional, refuse_denied

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
DATA_ROLE = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"  # Storage Blob Data Contributor
# A delegation key is the account's, so a role at the container cannot give it. It opens nothing by itself: a link that
# is signed with it reaches what its maker may read.
# https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key#authorization
KEY_ROLE = "db58b8e5-c6ad-4a2a-8342-4190687cbf4a"  # Storage Blob Delegator


def require_container(store: StoreLocation, accounts: StorageAccounts) -> tuple[str, str]:
    """The resource ids of the store's container and of its account.

    Raises ConfigError where the store is a folder or its account is not there, AzureError where accounts can't be read.
    """
    if isinstance(store, FolderLocation):
        told = f"the store is the folder {store.path}, which needs no role in Azure"
        raise ConfigError("--store", told, "leave --store out, or set store.url to a container's URL")
    if accounts.container and accounts.store:
        return accounts.container, accounts.store
    doing, told = "look at the store's account", str(accounts.not_checked)
    if accounts.ids is None:
        raise AzureError(doing, told, "ask for the role Reader on the storage account")
    raise ConfigError(doing, told, "check store.url and azure.subscription, or ask for the role Reader on the account")


def decide_store(facts: Facts, store: StoreLocation, data_role: Role, key_role: Role) -> tuple[Plan, Plan]:
    """The changes that give the principal the blobs of the container, and the delegation keys of its account.

    Raises as `require_container` does, and AzureError where a deny assignment or a condition blocks.
    """
    container, account = require_container(store, facts.accounts)
    blobs = tuple(Right(action, container, data=True) for action in (BLOB_READ, BLOB_WRITE, BLOB_DELETE))
    return _grant(facts, data_role, container, blobs), _grant(
        facts, key_role, account, (Right(DELEGATION_KEY, account),)
    )


def _grant(facts: Facts, role: Role, scope: str, rights: tuple[Right, ...]) -> Plan:
    """The role at the scope, unless the rights are there already, through whatever role."""
    judgments = [judge(facts, right) for right in rights]
    refuse_denied(judgments)
    held = judgments[0].through
    if held and all(judgment.allowed for judgment in judgments):
        return Plan(facts.roles[held.role], held)
    if held := in_force(facts, role, scope, *(right.action for right in rights)):
        return Plan(role, held)
    refuse_conditional(facts, role, scope)
    object_id = facts.principal.object_id
    made = Assignment(assignment_name(scope, object_id, role.guid), scope, object_id, role.guid)
    return Plan(role, made, assign=made)
