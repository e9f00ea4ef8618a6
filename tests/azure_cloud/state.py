"""What the stand-in knows: frozen values in one mutable `TenantState`, which the handlers read under its lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Group:
    """A security group of the directory."""

    object_id: str
    display_name: str


@dataclass(frozen=True)
class ServicePrincipal:
    """An application and its service principal: three ids that people mix up.

    `fresh` has not reached the authorization service yet: an assignment to it needs `principalType`.
    `directory_read` is Graph's Application.Read.All. `certificate` is a PEM whose key may sign for it, and
    `federated_token` what another issuer says of it.
    """

    display_name: str
    app_id: str
    object_id: str
    application_object_id: str
    secret: str = field(repr=False)
    certificate: bytes = field(default=b"", repr=False)
    federated_token: str = field(default="", repr=False)
    groups: tuple[str, ...] = ()
    directory_read: bool = False
    fresh: bool = False
    principal_type: str = "ServicePrincipal"


@dataclass(frozen=True)
class Subscription:
    """A subscription; its resource id is /subscriptions/ and its id."""

    subscription_id: str
    display_name: str


@dataclass(frozen=True)
class ManagementGroup:
    """A management group: subscriptions and other groups lie below it, but their resource ids do not tell that."""

    name: str

    @property
    def id(self) -> str:
        return f"/providers/Microsoft.Management/managementGroups/{self.name}"


@dataclass(frozen=True)
class ResourceGroup:
    """A resource group, in the region `location`."""

    subscription_id: str
    name: str
    location: str = "westeurope"

    @property
    def id(self) -> str:
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.name}"


@dataclass(frozen=True)
class StorageAccount:
    """A storage account with its first key, which listKeys tells, and the names of its containers.

    `immutable`: an immutability policy is on each of them. `properties` and `blob_service` are what Resource Manager
    tells of the account and of its blob service besides.
    """

    group: ResourceGroup
    name: str
    blob_endpoint: str
    key: str = field(repr=False)
    containers: tuple[str, ...] = ()
    immutable: bool = False
    properties: Mapping[str, object] = field(default_factory=dict)
    blob_service: Mapping[str, object] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.group.id}/providers/Microsoft.Storage/storageAccounts/{self.name}"


@dataclass(frozen=True)
class VirtualMachine:
    """A VM: `path` is the PATH that its agent gives to scripts, `home` the agent's folder on its disk."""

    group: ResourceGroup
    name: str
    power: str
    path: str
    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.group.id}/providers/Microsoft.Compute/virtualMachines/{self.name}"


@dataclass(frozen=True)
class RoleDefinition:
    """A role with one block of permissions: `name` is its GUID, `role_name` what people call it."""

    name: str
    role_name: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    assignable_scopes: tuple[str, ...] = ("/",)
    description: str = ""
    custom: bool = False


@dataclass(frozen=True)
class RoleAssignment:
    """`effective_at`: tokens issued before do not carry it. `only_roles`: the ABAC condition on what it may assign."""

    name: str
    scope: str
    principal_id: str
    role: str
    created_at: float
    effective_at: float
    visible_at: float
    principal_type: str = "ServicePrincipal"
    description: str | None = None
    condition: str | None = None
    only_roles: frozenset[str] | None = None
    created_by: str = ""

    @property
    def id(self) -> str:
        return f"{self.scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{self.name}"


@dataclass(frozen=True)
class DenyAssignment:
    """Actions denied to principals (the all-zero id: to everyone), whatever roles they hold."""

    name: str
    display_name: str
    scope: str
    principals: tuple[str, ...]
    exclude_principals: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    do_not_apply_to_child_scopes: bool = False

    @property
    def id(self) -> str:
        return f"{self.scope.rstrip('/')}/providers/Microsoft.Authorization/denyAssignments/{self.name}"


@dataclass(frozen=True)
class Timing:
    """How slow Azure is: an assignment works after `propagation` seconds and is listed after `visibility`.

    So many reads (`stale_reads`) of an assignment, or of a list that held it, still show it after its deletion.
    """

    propagation: float = 0.0
    visibility: float = 0.0
    poll: float = 0.02
    token: float = 3600.0
    stale_reads: int = 0


@dataclass
class TenantState:
    """Everything in the tenant. Keys are resource ids, object ids or GUIDs, lower-case where Azure ignores case.

    `parents` are the management groups right above subscriptions and other management groups, by their resource ids.
    """

    tenant: str
    timing: Timing = field(default_factory=Timing)
    skipped: float = 0.0
    page_size: int = 100
    principals: dict[str, ServicePrincipal] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    resource_groups: dict[str, ResourceGroup] = field(default_factory=dict)
    storage: dict[str, StorageAccount] = field(default_factory=dict)
    machines: dict[str, VirtualMachine] = field(default_factory=dict)
    roles: dict[str, RoleDefinition] = field(default_factory=dict)
    assignments: dict[str, RoleAssignment] = field(default_factory=dict)
    deleted: dict[str, tuple[RoleAssignment, int]] = field(default_factory=dict)
    denials: dict[str, DenyAssignment] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def now(self) -> float:
        """Azure's clock: the machine's, and what a test skipped."""
        return time.time() + self.skipped

    def by_app_id(self, app_id: str) -> ServicePrincipal | None:
        """The service principal of an application; None where the tenant has none."""
        return next((principal for principal in self.principals.values() if principal.app_id == app_id.lower()), None)

    def identities(self, object_id: str) -> frozenset[str]:
        """The ids that an assignment may name so that it counts for this principal."""
        principal = self.principals.get(object_id)
        return frozenset({object_id, *(principal.groups if principal else ())})
