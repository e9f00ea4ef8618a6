"""What is known of a principal's rights: frozen values, read from Graph and Azure Resource Manager elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# In a deny assignment this id stands for every principal of the tenant.
EVERYONE = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Principal:
    """A service principal with the three ids that people mix up; None where the directory could not be read."""

    object_id: str
    app_id: str | None = None
    display_name: str | None = None
    application_object_id: str | None = None

    @property
    def verified(self) -> bool:
        """Whether the directory said that this is a service principal; else it is an object id taken on trust."""
        return self.app_id is not None

    def __str__(self) -> str:
        ids = (("application id", self.app_id), ("object id", self.object_id))
        more = (*ids, ("application object id", self.application_object_id))
        return f"{self.display_name or 'principal'} ({', '.join(f'{label} {value}' for label, value in more if value)})"


@dataclass(frozen=True)
class Permission:
    """One block of a role's or a deny assignment's patterns."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Role:
    """A role definition; `guid` is its name in Azure Resource Manager, `name` what people call it."""

    guid: str
    name: str
    permissions: tuple[Permission, ...]
    custom: bool = False


@dataclass(frozen=True)
class Assignment:
    """A role assignment; `name` is its GUID, `role` the GUID of the role definition, `condition` an ABAC condition.

    `listed_at` are the scopes at which Azure listed it as in force: the scope of one that comes from a management group
    does not tell by itself what lies below it.
    """

    name: str
    scope: str
    principal_id: str
    role: str
    principal_type: str = "ServicePrincipal"
    condition: str | None = None
    listed_at: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def id(self) -> str:
        """Its resource id in Azure Resource Manager."""
        return f"{self.scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{self.name}"


@dataclass(frozen=True)
class DenyAssignment:
    """A deny assignment; `principals` and `excluded` hold of each principal the id and whether it is a group.

    `listed_at` is as in Assignment.
    """

    name: str
    scope: str
    permissions: tuple[Permission, ...]
    principals: Mapping[str, bool]
    excluded: Mapping[str, bool] = field(default_factory=dict)
    child_scopes_too: bool = True
    listed_at: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True)
class StorageAccounts:
    """The storage accounts that the caller sees (`ids`, None: it may see none), and where the store lies among them.

    `store` is the account's resource id, `container` the container's; both None, with the reason in `not_checked`,
    where the account was not found, and without a reason where the store is a folder. `immutable`: what is written
    there may not be deletable (looked at where something is to be written).
    """

    ids: tuple[str, ...] | None = None
    store: str | None = None
    container: str | None = None
    not_checked: str | None = None
    immutable: bool = False


@dataclass(frozen=True)
class Facts:
    """All that a decision on one principal needs: what it holds, what denies it, and what the roles grant.

    `assignments` are those that count for the principal, its groups' included, at and above the scopes looked at;
    `groups` are the ids of its groups, None where the directory does not tell them.
    """

    principal: Principal
    group_scope: str
    vm_scopes: tuple[str, ...]
    accounts: StorageAccounts = StorageAccounts()
    assignments: tuple[Assignment, ...] = ()
    deny_assignments: tuple[DenyAssignment, ...] = ()
    roles: Mapping[str, Role] = field(default_factory=dict)
    groups: frozenset[str] | None = None
