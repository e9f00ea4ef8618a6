"""Subscriptions, resource groups and storage accounts."""

from __future__ import annotations

from tests.azure_cloud.arm import GROUP, SUBSCRIPTION, Call, Route, not_found
from tests.azure_cloud.rights import through, touches
from tests.azure_cloud.state import StorageAccount, Subscription
from tests.azure_cloud.wire import Json, RefusedError, Response, arm_error, reply

_STORAGE = "/providers/Microsoft.Storage/storageAccounts"
_READ = "Microsoft.Storage/storageAccounts/read"


def _subscriptions(call: Call) -> Response:
    seen = [
        _subscription(call, subscription)
        for subscription in call.state.subscriptions.values()
        if touches(call.rights, f"/subscriptions/{subscription.subscription_id}")
    ]
    return reply({"value": seen, "count": {"type": "Total", "value": len(seen)}})


def _get_subscription(call: Call) -> Response:
    return reply(_subscription(call, call.state.subscriptions[call.seen_subscription()]))


def _subscription(call: Call, subscription: Subscription) -> Json:
    return {
        "id": f"/subscriptions/{subscription.subscription_id}",
        "subscriptionId": subscription.subscription_id,
        "tenantId": call.state.tenant,
        "displayName": subscription.display_name,
        "state": "Enabled",
        "authorizationSource": "RoleBased",
    }


def _get_group(call: Call) -> Response:
    call.subscription()
    call.allowed("Microsoft.Resources/subscriptions/resourceGroups/read", call.path)
    group = call.resource_group()
    return reply(
        {
            "id": group.id,
            "name": group.name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": group.location,
            "properties": {"provisioningState": "Succeeded"},
        }
    )


def _list_in_group(call: Call) -> Response:
    call.subscription()
    call.allowed(_READ, call.path.rpartition("/")[0])
    group = call.resource_group()
    return reply({"value": [_account(account) for account in call.state.storage.values() if account.group == group]})


def _list_in_subscription(call: Call) -> Response:
    """A list over a subscription holds what the caller may read, as ARM filters it, and is not refused."""
    subscription = call.seen_subscription()
    seen = [
        _account(account)
        for account in call.state.storage.values()
        if account.group.subscription_id == subscription and through(call.rights, _READ, account.id)
    ]
    return reply({"value": seen})


def _find(call: Call) -> StorageAccount:
    group = call.resource_group()
    name = call.parts["name"]
    found = call.state.storage.get(f"{group.id}{_STORAGE}/{name}".lower())
    if found is None:
        raise RefusedError(not_found("Microsoft.Storage/storageAccounts", group.name, name))
    return found


def _get_account(call: Call) -> Response:
    call.subscription()
    call.allowed(_READ, call.path)
    return reply(_account(_find(call)))


def _get_blob_service(call: Call) -> Response:
    call.subscription()
    call.allowed("Microsoft.Storage/storageAccounts/blobServices/read", call.path)
    properties = {"cors": {"corsRules": []}, **_find(call).blob_service}
    kind = "Microsoft.Storage/storageAccounts/blobServices"
    return reply({"id": call.path, "name": "default", "type": kind, "properties": properties})


def _get_container(call: Call) -> Response:
    call.subscription()
    call.allowed("Microsoft.Storage/storageAccounts/blobServices/containers/read", call.path)
    name, account = call.parts["container"], _find(call)
    if name not in account.containers:
        raise RefusedError(arm_error(404, "ContainerNotFound", "The specified container does not exist."))
    kind = "Microsoft.Storage/storageAccounts/blobServices/containers"
    properties = {
        "publicAccess": "None",
        "hasImmutabilityPolicy": account.immutable,
        "hasLegalHold": False,
        "immutableStorageWithVersioning": None,
    }
    return reply({"id": call.path, "name": name, "type": kind, "properties": properties})


def _list_keys(call: Call) -> Response:
    call.subscription()
    call.allowed("Microsoft.Storage/storageAccounts/listKeys/action", call.path.rpartition("/")[0])
    key = _find(call).key
    return reply({"keys": [{"keyName": "key1", "value": key, "permissions": "FULL"}]})


def _account(account: StorageAccount) -> Json:
    return {
        "id": account.id,
        "name": account.name,
        "type": "Microsoft.Storage/storageAccounts",
        "location": account.group.location,
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS", "tier": "Standard"},
        "tags": {},
        "properties": {
            "provisioningState": "Succeeded",
            "statusOfPrimary": "available",
            "primaryLocation": account.group.location,
            "primaryEndpoints": {"blob": account.blob_endpoint},
            "supportsHttpsTrafficOnly": True,
            **account.properties,
        },
    }


ROUTES = (
    Route("GET", "/subscriptions", _subscriptions),
    Route("GET", SUBSCRIPTION, _get_subscription),
    Route("GET", GROUP, _get_group),
    Route("GET", GROUP + _STORAGE, _list_in_group),
    Route("GET", SUBSCRIPTION + _STORAGE, _list_in_subscription),
    Route("GET", GROUP + _STORAGE + "/(?P<name>[^/]+)", _get_account),
    Route(
        "GET",
        GROUP + _STORAGE + "/(?P<name>[^/]+)/blobServices/default/containers/(?P<container>[^/]+)",
        _get_container,
    ),
    Route("GET", GROUP + _STORAGE + "/(?P<name>[^/]+)/blobServices/default", _get_blob_service),
    Route("POST", GROUP + _STORAGE + "/(?P<name>[^/]+)/listKeys", _list_keys),
)
