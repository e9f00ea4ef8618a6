"""The stand-in, driven through the real SDKs: what a token opens, what ARM and Graph refuse."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from local.cloud.transport import rest_pipeline
from tests.azure_cloud.deployment import Deployment
from tests.azure_cloud.state import ServicePrincipal

ROLE = "Virtual Machine Contributor"


def assignment_body(deployment: Deployment, who: ServicePrincipal, role: str = ROLE) -> Any:
    """What a PUT of a role assignment takes."""
    definition = f"/subscriptions/{deployment.subscription.subscription_id}/providers/Microsoft.Authorization/"
    definition += f"roleDefinitions/{deployment.cloud.role(role).name}"
    return {
        "properties": {
            "roleDefinitionId": definition,
            "principalId": who.object_id,
            "principalType": "ServicePrincipal",
        }
    }


def body_of(
    deployment: Deployment, who: ServicePrincipal, path: str, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    from azure.core.rest import HttpRequest

    with deployment.graph(who) as client:
        answer = client.send_request(HttpRequest("GET", f"{deployment.cloud.graph}/v1.0/{path}", headers=headers or {}))
        return answer.status_code, answer.json()


# Entra


def test_a_wrong_secret_and_an_unknown_application_get_their_documented_errors(deployment: Deployment) -> None:
    from azure.core.exceptions import ClientAuthenticationError

    scope = f"{deployment.cloud.resource_manager}/.default"
    with (
        deployment.credential(deployment.backup, "wrong") as credential,
        pytest.raises(ClientAuthenticationError) as wrong,
    ):
        credential.get_token(scope)
    stranger = ServicePrincipal("nobody", str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4()), "x")
    with deployment.credential(stranger) as credential, pytest.raises(ClientAuthenticationError) as unknown:
        credential.get_token(scope)

    assert "AADSTS7000215" in str(wrong.value)
    assert "AADSTS700016" in str(unknown.value)


# Rights


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("{vm}", "2026-04-01"),
        ("{vm}/providers/Microsoft.Authorization/roleAssignments", "2024-07-01"),
        ("/subscriptions/{subscription}/providers/Microsoft.Storage/storageAccounts", "1999-01-01"),
    ],
)
def test_a_version_that_a_provider_does_not_have_is_refused(deployment: Deployment, path: str, version: str) -> None:
    from azure.core.rest import HttpRequest

    arm = deployment.cloud.resource_manager
    named = path.format(vm=deployment.vm.id, subscription=deployment.subscription.subscription_id)
    with (
        deployment.credential(deployment.admin) as credential,
        rest_pipeline(arm, f"{arm}/.default", credential) as client,
    ):
        answer = client.send_request(HttpRequest("GET", f"{arm}{named}", params={"api-version": version}))

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "NoRegisteredProviderFound")


def test_an_assignment_counts_only_after_propagation_and_only_for_fresh_tokens(deployment: Deployment) -> None:
    from azure.core.exceptions import HttpResponseError

    deployment.cloud.set_timing(propagation=600)
    with deployment.compute(deployment.backup) as early:
        with pytest.raises(HttpResponseError, match="does not have authorization to perform action") as refused:
            early.virtual_machines.get(deployment.group.name, deployment.vm.name)
        with deployment.authorization(deployment.admin) as roles:
            roles.role_assignments.create(
                deployment.group.id, str(uuid.uuid4()), assignment_body(deployment, deployment.backup)
            )
        with pytest.raises(HttpResponseError), deployment.compute(deployment.backup) as fresh:
            fresh.virtual_machines.get(deployment.group.name, deployment.vm.name)
        deployment.cloud.skip(601)
        with pytest.raises(HttpResponseError):
            early.virtual_machines.get(deployment.group.name, deployment.vm.name)
    with deployment.compute(deployment.backup) as fresh:
        found = fresh.virtual_machines.get(deployment.group.name, deployment.vm.name)

    assert refused.value.error is not None
    assert refused.value.error.code == "AuthorizationFailed"
    assert f"action 'Microsoft.Compute/virtualMachines/read' over scope '{deployment.vm.id}'" in str(refused.value)
    assert f"'{deployment.backup.app_id}' with object id '{deployment.backup.object_id}'" in str(refused.value)
    assert (found.name, found.location) == (deployment.vm.name, "westeurope")


def test_a_second_assignment_of_the_same_right_is_refused_and_the_same_name_is_an_update(
    deployment: Deployment,
) -> None:
    from azure.core.exceptions import ResourceExistsError

    name = str(uuid.uuid4())
    with deployment.authorization(deployment.admin) as roles:
        first = roles.role_assignments.create(deployment.group.id, name, assignment_body(deployment, deployment.backup))
        again = roles.role_assignments.create(deployment.group.id, name, assignment_body(deployment, deployment.backup))
        with pytest.raises(ResourceExistsError) as second:
            roles.role_assignments.create(
                deployment.group.id, str(uuid.uuid4()), assignment_body(deployment, deployment.backup)
            )
        below = roles.role_assignments.list_for_scope(
            deployment.vm.id, filter=f"atScope() and assignedTo('{deployment.backup.object_id}')"
        )
        listed = [assignment.name for assignment in below]
        gone = roles.role_assignments.delete(deployment.group.id, name)
        nothing = roles.role_assignments.delete(deployment.group.id, name)

    assert first.id == again.id
    assert second.value.error is not None
    assert second.value.error.code == "RoleAssignmentExists"
    assert listed == [name]
    assert gone is not None
    assert gone.name == name
    assert nothing is None
    assert [request.status for request in deployment.cloud.writes()] == [201, 200, 409, 200, 204]


def test_a_fresh_principal_needs_its_type_and_a_condition_limits_what_may_be_assigned(deployment: Deployment) -> None:
    from azure.core.exceptions import HttpResponseError

    fresh = deployment.cloud.add_service_principal("fresh", fresh=True)
    limited = deployment.cloud.add_service_principal("limited")
    deployment.cloud.assign(limited, "Role Based Access Control Administrator", deployment.group, only_roles=["Reader"])
    untyped = assignment_body(deployment, fresh)
    del untyped["properties"]["principalType"]

    with deployment.authorization(deployment.admin) as roles, pytest.raises(HttpResponseError) as missing:
        roles.role_assignments.create(deployment.group.id, str(uuid.uuid4()), untyped)
    with deployment.authorization(limited) as roles:
        with pytest.raises(HttpResponseError) as conditioned:
            roles.role_assignments.create(deployment.group.id, str(uuid.uuid4()), assignment_body(deployment, fresh))
        roles.role_assignments.create(
            deployment.group.id, str(uuid.uuid4()), assignment_body(deployment, fresh, "Reader")
        )

    assert missing.value.error is not None
    assert missing.value.error.code == "PrincipalNotFound"
    assert conditioned.value.status_code == 403
    assert "ABAC condition" in str(conditioned.value)


def test_roles_are_found_by_name_made_and_unmade(deployment: Deployment) -> None:
    name = str(uuid.uuid4())
    actions = ["Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/virtualMachines/runCommand/action"]
    custom: Any = {
        "properties": {
            "roleName": "Pillar drill",
            "type": "CustomRole",
            "permissions": [{"actions": actions}],
            "assignableScopes": [deployment.group.id],
        }
    }
    with deployment.authorization(deployment.admin) as roles:
        found = list(roles.role_definitions.list(deployment.group.id, filter=f"roleName eq '{ROLE}'"))
        made = roles.role_definitions.create_or_update(deployment.group.id, name, custom)
        read = roles.role_definitions.get_by_id(str(made.id))
        roles.role_definitions.delete(deployment.group.id, name)
        left = list(roles.role_definitions.list(deployment.group.id, filter="roleName eq 'Pillar drill'"))

    assert [role.name for role in found] == ["9980e02c-c2be-4d73-94e8-173b1dc7cf3c"]
    assert "Microsoft.Storage/storageAccounts/listKeys/action" in (found[0].permissions or [])[0].actions
    assert (read.permissions or [])[0].actions == actions
    assert left == []


def test_groups_wildcards_and_denials_are_evaluated(deployment: Deployment) -> None:
    cloud = deployment.cloud
    group = cloud.add_group("backup operators")
    member = cloud.add_service_principal("member", groups=[group])
    cloud.assign(group, "Contributor", deployment.subscription)

    assert cloud.allows(member, "Microsoft.Compute/virtualMachines/runCommand/action", deployment.vm)
    assert not cloud.allows(member, "Microsoft.Authorization/roleAssignments/write", deployment.group)
    cloud.deny(None, deployment.group, actions=["Microsoft.Compute/*/action"])
    assert not cloud.allows(member, "Microsoft.Compute/virtualMachines/runCommand/action", deployment.vm)
    with deployment.authorization(deployment.admin) as roles:
        assert len(list(roles.deny_assignments.list_for_scope(deployment.vm.id))) == 1


# Graph


def test_graph_resolves_an_application_by_id_prefix_and_name_and_pages(deployment: Deployment) -> None:
    eventual = {"ConsistencyLevel": "eventual"}
    prefix = "servicePrincipals?$filter=startswith(appId,'1a0b3018')"
    deployment.cloud.add_service_principal("twin", app_id="1a0b3018-ffff-4000-8000-000000000002")
    deployment.cloud.state.page_size = 1

    by_app_id = body_of(
        deployment, deployment.admin, f"servicePrincipals(appId='{deployment.backup.app_id}')?$select=id"
    )
    plain_status, plain = body_of(deployment, deployment.admin, prefix)
    _, first = body_of(deployment, deployment.admin, f"{prefix}&$count=true", eventual)
    following = first["@odata.nextLink"].partition("/v1.0/")[2]
    _, second = body_of(deployment, deployment.admin, following, eventual)
    _, named = body_of(deployment, deployment.admin, "servicePrincipals?$filter=displayName eq 'alai-backup'")
    _, mixed_up = body_of(deployment, deployment.admin, f"applications/{deployment.backup.application_object_id}")

    assert by_app_id[1]["id"] == deployment.backup.object_id
    assert (plain_status, plain["error"]["code"]) == (400, "Request_UnsupportedQuery")
    assert first["@odata.count"] == 2
    assert [first["value"][0]["displayName"], second["value"][0]["displayName"]] == ["alai-backup", "twin"]
    assert named["value"][0]["appId"] == mixed_up["appId"] == deployment.backup.app_id


def test_graph_refuses_callers_without_directory_rights_and_ids_that_are_not_there(deployment: Deployment) -> None:
    status, refused = body_of(deployment, deployment.backup, f"servicePrincipals/{deployment.backup.object_id}")
    missing_status, missing = body_of(deployment, deployment.admin, f"servicePrincipals/{uuid.uuid4()}")

    assert (status, refused["error"]["code"]) == (403, "Authorization_RequestDenied")
    assert (missing_status, missing["error"]["code"]) == (404, "Request_ResourceNotFound")
