"""The stand-in, driven through the real SDKs: what a token opens, what ARM and Graph refuse."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.azure_cloud.estate import Estate
from tests.azure_cloud.state import ServicePrincipal

ROLE = "Virtual Machine Contributor"


def wish(estate: Estate, who: ServicePrincipal, role: str = ROLE) -> Any:
    """What a PUT of a role assignment takes."""
    definition = f"/subscriptions/{estate.subscription.subscription_id}/providers/Microsoft.Authorization/"
    definition += f"roleDefinitions/{estate.cloud.role(role).name}"
    return {
        "properties": {
            "roleDefinitionId": definition,
            "principalId": who.object_id,
            "principalType": "ServicePrincipal",
        }
    }


def body_of(estate: Estate, who: ServicePrincipal, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    from azure.core.rest import HttpRequest

    with estate.graph(who) as client:
        answer = client.send_request(HttpRequest("GET", f"{estate.cloud.graph}/v1.0/{path}", headers=headers or {}))
        return answer.status_code, answer.json()


# Entra


def test_a_wrong_secret_and_an_unknown_application_get_their_documented_errors(estate: Estate) -> None:
    from azure.core.exceptions import ClientAuthenticationError

    scope = f"{estate.cloud.resource_manager}/.default"
    with estate.credential(estate.backup, "wrong") as credential, pytest.raises(ClientAuthenticationError) as wrong:
        credential.get_token(scope)
    stranger = ServicePrincipal("nobody", str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4()), "x")
    with estate.credential(stranger) as credential, pytest.raises(ClientAuthenticationError) as unknown:
        credential.get_token(scope)

    assert "AADSTS7000215" in str(wrong.value)
    assert "AADSTS700016" in str(unknown.value)


# Rights


def test_an_assignment_counts_only_after_propagation_and_only_for_fresh_tokens(estate: Estate) -> None:
    from azure.core.exceptions import HttpResponseError

    estate.cloud.set_timing(propagation=600)
    with estate.compute(estate.backup) as early:
        with pytest.raises(HttpResponseError, match="does not have authorization to perform action") as refused:
            early.virtual_machines.get(estate.group.name, estate.vm.name)
        with estate.roles(estate.admin) as roles:
            roles.role_assignments.create(estate.group.id, str(uuid.uuid4()), wish(estate, estate.backup))
        with pytest.raises(HttpResponseError), estate.compute(estate.backup) as fresh:
            fresh.virtual_machines.get(estate.group.name, estate.vm.name)
        estate.cloud.skip(601)
        with pytest.raises(HttpResponseError):
            early.virtual_machines.get(estate.group.name, estate.vm.name)
    with estate.compute(estate.backup) as fresh:
        found = fresh.virtual_machines.get(estate.group.name, estate.vm.name)

    assert refused.value.error is not None
    assert refused.value.error.code == "AuthorizationFailed"
    assert f"action 'Microsoft.Compute/virtualMachines/read' over scope '{estate.vm.id}'" in str(refused.value)
    assert f"'{estate.backup.app_id}' with object id '{estate.backup.object_id}'" in str(refused.value)
    assert (found.name, found.location) == (estate.vm.name, "westeurope")


def test_a_second_assignment_of_the_same_right_is_refused_and_the_same_name_is_an_update(estate: Estate) -> None:
    from azure.core.exceptions import ResourceExistsError

    name = str(uuid.uuid4())
    with estate.roles(estate.admin) as roles:
        first = roles.role_assignments.create(estate.group.id, name, wish(estate, estate.backup))
        again = roles.role_assignments.create(estate.group.id, name, wish(estate, estate.backup))
        with pytest.raises(ResourceExistsError) as second:
            roles.role_assignments.create(estate.group.id, str(uuid.uuid4()), wish(estate, estate.backup))
        below = roles.role_assignments.list_for_scope(
            estate.vm.id, filter=f"atScope() and assignedTo('{estate.backup.object_id}')"
        )
        listed = [one.name for one in below]
        gone = roles.role_assignments.delete(estate.group.id, name)
        nothing = roles.role_assignments.delete(estate.group.id, name)

    assert first.id == again.id
    assert second.value.error is not None
    assert second.value.error.code == "RoleAssignmentExists"
    assert listed == [name]
    assert gone is not None
    assert gone.name == name
    assert nothing is None
    assert [one.status for one in estate.cloud.writes()] == [201, 200, 409, 200, 204]


def test_a_fresh_principal_needs_its_type_and_a_condition_limits_what_may_be_assigned(estate: Estate) -> None:
    from azure.core.exceptions import HttpResponseError

    fresh = estate.cloud.add_service_principal("fresh", fresh=True)
    limited = estate.cloud.add_service_principal("limited")
    estate.cloud.assign(limited, "Role Based Access Control Administrator", estate.group, only_roles=["Reader"])
    untyped = wish(estate, fresh)
    del untyped["properties"]["principalType"]

    with estate.roles(estate.admin) as roles, pytest.raises(HttpResponseError) as missing:
        roles.role_assignments.create(estate.group.id, str(uuid.uuid4()), untyped)
    with estate.roles(limited) as roles:
        with pytest.raises(HttpResponseError) as conditioned:
            roles.role_assignments.create(estate.group.id, str(uuid.uuid4()), wish(estate, fresh))
        roles.role_assignments.create(estate.group.id, str(uuid.uuid4()), wish(estate, fresh, "Reader"))

    assert missing.value.error is not None
    assert missing.value.error.code == "PrincipalNotFound"
    assert conditioned.value.status_code == 403
    assert "ABAC condition" in str(conditioned.value)


def test_roles_are_found_by_name_made_and_unmade(estate: Estate) -> None:
    name = str(uuid.uuid4())
    actions = ["Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/virtualMachines/runCommand/action"]
    custom: Any = {
        "properties": {
            "roleName": "Pillar drill",
            "type": "CustomRole",
            "permissions": [{"actions": actions}],
            "assignableScopes": [estate.group.id],
        }
    }
    with estate.roles(estate.admin) as roles:
        found = list(roles.role_definitions.list(estate.group.id, filter=f"roleName eq '{ROLE}'"))
        made = roles.role_definitions.create_or_update(estate.group.id, name, custom)
        read = roles.role_definitions.get_by_id(str(made.id))
        roles.role_definitions.delete(estate.group.id, name)
        left = list(roles.role_definitions.list(estate.group.id, filter="roleName eq 'Pillar drill'"))

    assert [one.name for one in found] == ["9980e02c-c2be-4d73-94e8-173b1dc7cf3c"]
    assert "Microsoft.Storage/storageAccounts/listKeys/action" in (found[0].permissions or [])[0].actions
    assert (read.permissions or [])[0].actions == actions
    assert left == []


def test_groups_wildcards_and_denials_are_evaluated(estate: Estate) -> None:
    cloud = estate.cloud
    group = cloud.add_group("backup operators")
    member = cloud.add_service_principal("member", groups=[group])
    cloud.assign(group, "Contributor", estate.subscription)

    assert cloud.allows(member, "Microsoft.Compute/virtualMachines/runCommand/action", estate.vm)
    assert not cloud.allows(member, "Microsoft.Authorization/roleAssignments/write", estate.group)
    cloud.deny(None, estate.group, actions=["Microsoft.Compute/*/action"])
    assert not cloud.allows(member, "Microsoft.Compute/virtualMachines/runCommand/action", estate.vm)
    with estate.roles(estate.admin) as roles:
        assert len(list(roles.deny_assignments.list_for_scope(estate.vm.id))) == 1


# Graph


def test_graph_resolves_an_application_by_id_prefix_and_name_and_pages(estate: Estate) -> None:
    eventual = {"ConsistencyLevel": "eventual"}
    prefix = "servicePrincipals?$filter=startswith(appId,'1a0b3018')"
    estate.cloud.add_service_principal("twin", app_id="1a0b3018-ffff-4000-8000-000000000002")
    estate.cloud.world.page_size = 1

    by_app_id = body_of(estate, estate.admin, f"servicePrincipals(appId='{estate.backup.app_id}')?$select=id")
    plain_status, plain = body_of(estate, estate.admin, prefix)
    _, first = body_of(estate, estate.admin, f"{prefix}&$count=true", eventual)
    following = first["@odata.nextLink"].partition("/v1.0/")[2]
    _, second = body_of(estate, estate.admin, following, eventual)
    _, named = body_of(estate, estate.admin, "servicePrincipals?$filter=displayName eq 'alai-backup'")
    _, mixed_up = body_of(estate, estate.admin, f"applications/{estate.backup.application_object_id}")

    assert by_app_id[1]["id"] == estate.backup.object_id
    assert (plain_status, plain["error"]["code"]) == (400, "Request_UnsupportedQuery")
    assert first["@odata.count"] == 2
    assert [first["value"][0]["displayName"], second["value"][0]["displayName"]] == ["alai-backup", "twin"]
    assert named["value"][0]["appId"] == mixed_up["appId"] == estate.backup.app_id


def test_graph_refuses_callers_without_directory_rights_and_ids_that_are_not_there(estate: Estate) -> None:
    status, refused = body_of(estate, estate.backup, f"servicePrincipals/{estate.backup.object_id}")
    missing_status, missing = body_of(estate, estate.admin, f"servicePrincipals/{uuid.uuid4()}")

    assert (status, refused["error"]["code"]) == (403, "Authorization_RequestDenied")
    assert (missing_status, missing["error"]["code"]) == (404, "Request_ResourceNotFound")
