"""`rbac.check` says what the stand-in, which evaluates rights on its own, really allows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from local.cloud.errors import AccessDeniedError
from local.errors import ConfigError
from local.location import parse_location
from local.settings import AzureSettings
from rbac.check import check
from rbac.result import CheckReport, Outcome
from tests.azure_cloud.state import StorageAccount
from tests.rbac.admin import STORE, Admin, text_of

FOLDER = parse_location("file:///backups")
ELSEWHERE = parse_location("https://elsewhere.blob.core.windows.net/backups")

RUN = "Microsoft.Compute/virtualMachines/runCommand/action"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"


def check_report(outcome: Outcome) -> CheckReport:
    assert isinstance(outcome.rbac, CheckReport)
    return outcome.rbac


def allowed(outcome: Outcome) -> list[bool | None]:
    return [right.allowed for right in check_report(outcome).checks]


def account(admin: Admin) -> StorageAccount:
    return next(iter(admin.deployment.cloud.state.storage.values()))


def test_nothing_held_is_told_right_by_right_with_the_commands_that_mend_it(admin: Admin) -> None:
    outcome = check(admin.azure, STORE)

    assert allowed(outcome) == [False] * 5
    assert (outcome.exit_code, check_report(outcome).verdict) == (1, "failed")
    assert "failed: [Microsoft.Compute/virtualMachines/runCommand/action on VM vm-alai-support] missing" in text_of(
        outcome
    )
    assert "run: invoke rbac.fix" in text_of(outcome)
    assert "the blobs cannot be reached with a token" in text_of(outcome)
    assert "drill.remote hands the VM links; keys are the account's" in text_of(outcome)
    assert text_of(outcome).count("run: invoke rbac.fix --store") == 2
    assert admin.deployment.cloud.writes() == []


def test_all_held_passes_and_names_the_assignments(admin: Admin) -> None:
    vm = admin.deployment.cloud.assign(admin.deployment.backup, "Virtual Machine Contributor", admin.deployment.group)
    blobs = admin.deployment.cloud.assign(admin.deployment.backup, "Storage Blob Data Contributor", account(admin))

    outcome = check(admin.azure, STORE)

    assert (outcome.exit_code, allowed(outcome)) == (0, [True] * 5)
    assert [right.through for right in check_report(outcome).checks] == [vm.id, vm.id, blobs.id, blobs.id, blobs.id]


def test_a_role_at_the_container_gives_the_blobs_and_says_that_it_gives_no_keys(admin: Admin) -> None:
    container = f"{account(admin).id}/blobServices/default/containers/backups"
    admin.deployment.cloud.assign(admin.deployment.backup, "Storage Blob Data Contributor", container)

    outcome = check(admin.azure, STORE)

    assert allowed(outcome)[2:] == [True, True, False]
    assert "warning: [store] without a delegation key no link can be signed with a token" in text_of(outcome)
    assert "the blobs cannot be reached" not in text_of(outcome)


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("Owner", [True, True, False, False, True]),
        ("Contributor", [True, True, False, False, True]),
        ("Reader", [False, True, False, False, False]),
        ("Virtual Machine Contributor", [True, True, False, False, False]),
        ("Storage Blob Data Owner", [False, False, True, True, True]),
        ("Storage Blob Data Reader", [False, False, True, False, True]),
        ("Storage Blob Delegator", [False, False, False, False, True]),
    ],
)
def test_built_in_roles_give_what_the_stand_in_says_they_give(admin: Admin, role: str, expected: list[bool]) -> None:
    cloud, backup = admin.deployment.cloud, admin.deployment.backup
    cloud.assign(backup, role, admin.deployment.subscription)

    outcome = check(admin.azure, STORE)

    theirs = [
        cloud.allows(backup, right.action, str(right.scope), data=right.action.startswith(BLOBS))
        for right in check_report(outcome).checks
    ]
    assert allowed(outcome) == theirs == expected


def test_a_right_through_a_group_is_found_and_the_group_is_named(admin: Admin) -> None:
    cloud = admin.deployment.cloud
    team = cloud.add_group("backup operators")
    cloud.state.principals[admin.deployment.backup.object_id] = replace(
        admin.deployment.backup, groups=(team.object_id,)
    )
    cloud.assign(team, "Virtual Machine Contributor", admin.deployment.group)

    outcome = check(admin.azure, STORE)

    assert allowed(outcome)[0] is True
    assert f"held by group {team.object_id}" in text_of(outcome)


def test_a_deny_assignment_is_named(admin: Admin) -> None:
    cloud = admin.deployment.cloud
    cloud.assign(admin.deployment.backup, "Owner", admin.deployment.subscription)
    cloud.deny(None, admin.deployment.group, actions=[RUN])

    outcome = check(admin.azure, STORE)

    assert allowed(outcome)[:2] == [False, True]
    assert "denied by deny assignment Deny assignment of the tests on resource group alai-backups-rg" in text_of(
        outcome
    )


def test_a_condition_on_the_assigning_of_roles_takes_nothing_from_the_other_rights(admin: Admin) -> None:
    cloud = admin.deployment.cloud
    cloud.assign(admin.deployment.backup, "Owner", admin.deployment.group, only_roles=["Reader"])

    outcome = check(admin.azure, FOLDER)

    assert (allowed(outcome), outcome.exit_code) == ([True, True], 0)
    assert cloud.allows(admin.deployment.backup, RUN, admin.deployment.vm)


def test_a_condition_on_the_right_is_said_and_never_counts_as_having_it(admin: Admin) -> None:
    cloud = admin.deployment.cloud
    held = cloud.assign(admin.deployment.backup, "Owner", admin.deployment.group)
    cloud.state.assignments[held.id.lower()] = replace(held, condition="@Environment[isPrivateLink] BoolEquals true")

    outcome = check(admin.azure, FOLDER)

    assert (allowed(outcome), outcome.exit_code) == ([None, None], 4)
    assert "conditional: Owner on resource group alai-backups-rg" in text_of(outcome)


def test_an_account_that_is_not_visible_is_not_checked(admin: Admin) -> None:
    admin.deployment.cloud.assign(admin.deployment.backup, "Owner", admin.deployment.group)

    outcome = check(admin.azure, ELSEWHERE)

    assert (allowed(outcome), outcome.exit_code) == ([True, True, None, None, None], 4)
    assert "not checked: no storage account elsewhere is visible in the subscription" in text_of(outcome)


def test_a_folder_store_needs_no_rights_to_blobs(admin: Admin) -> None:
    admin.deployment.cloud.assign(admin.deployment.backup, "Virtual Machine Contributor", admin.deployment.group)

    outcome = check(admin.azure, FOLDER)

    assert (allowed(outcome), outcome.exit_code) == ([True, True], 0)


def test_every_vm_is_checked(admin: Admin) -> None:
    second = admin.deployment.cloud.add_vm(admin.deployment.group, "vm-b", programs=())
    admin.deployment.cloud.assign(admin.deployment.backup, "Virtual Machine Contributor", second)

    outcome = check(msgspec.structs.replace(admin.azure, vm=("vm-alai-support", "vm-b")), FOLDER)

    assert allowed(outcome) == [False, False, True, True]


def test_a_vm_is_looked_at_through_the_version_of_the_api_that_is_pinned(admin: Admin) -> None:
    check(admin.azure, FOLDER)

    looks = [request for request in admin.deployment.cloud.requests if request.path == admin.deployment.vm.id]
    assert [request.query for request in looks] == [{"api-version": "2024-07-01"}]


def test_the_json_is_one_document_with_the_contract_s_fields(admin: Admin) -> None:
    document = msgspec.json.decode(msgspec.json.encode(check(admin.azure, STORE).document))

    assert list(document) == ["schema", "rbac"]
    assert set(document["rbac"]) == {"verdict", "changed", "principal", "checks", "check"}
    assert document["rbac"]["principal"] == {
        "display_name": "alai-backup",
        "app_id": admin.deployment.backup.app_id,
        "object_id": admin.deployment.backup.object_id,
    }
    assert set(document["rbac"]["checks"][0]) == {"action", "scope", "allowed", "through", "why"}


def test_a_caller_without_rights_is_told_which_one_is_missing_where_and_who_it_is(admin: Admin) -> None:
    outsider = admin.deployment.cloud.add_service_principal("outsider", directory_read=True)
    admin.log_in_as(outsider)

    with pytest.raises(AccessDeniedError) as refused:
        check(admin.azure, STORE)

    assert refused.value.exit_code == 3
    for part in (outsider.app_id, outsider.object_id, admin.deployment.vm.id):
        assert part in refused.value.came_back or part.lower() in refused.value.came_back.lower()


def test_a_reader_of_the_resource_group_is_enough_to_check(admin: Admin) -> None:
    reader = admin.deployment.cloud.add_service_principal("reader", directory_read=True)
    admin.deployment.cloud.assign(reader, "Reader", admin.deployment.group)
    admin.deployment.cloud.assign(admin.deployment.backup, "Owner", admin.deployment.subscription)
    admin.log_in_as(reader)

    assert allowed(check(admin.azure, STORE)) == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"vm": "no-such-vm"}, "azure.vm no-such-vm"),
        ({"resource_group": "no-such-group"}, "no-such-group"),
        ({"subscription": None}, "azure.subscription: is missing"),
        ({"resource_group": None}, "azure.resource_group: is missing"),
        ({"vm": None}, "azure.vm: is missing"),
        ({"service_principal": None}, "azure.service_principal: is missing"),
    ],
)
def test_a_wrong_configuration_is_named_by_its_key(admin: Admin, changes: dict[str, Any], named: str) -> None:
    azure: AzureSettings = msgspec.structs.replace(admin.azure, **changes)

    with pytest.raises(ConfigError, match=named):
        check(azure, STORE)


def test_what_a_management_group_above_the_subscription_gives_and_denies_is_found(admin: Admin) -> None:
    cloud = admin.deployment.cloud
    platform = cloud.add_management_group("platform", admin.deployment.subscription)
    everything = cloud.add_management_group("everything", platform)
    vm = cloud.assign(admin.deployment.backup, "Virtual Machine Contributor", platform)
    blobs = cloud.assign(admin.deployment.backup, "Storage Blob Data Contributor", everything)
    cloud.assign(admin.deployment.backup, "Owner", cloud.add_management_group("elsewhere"))

    held = check(admin.azure, STORE)
    cloud.deny(None, everything, actions=[RUN])
    denied = check(admin.azure, STORE)

    assert (held.exit_code, allowed(held)) == (0, [True] * 5)
    assert [right.through for right in check_report(held).checks] == [vm.id, vm.id, blobs.id, blobs.id, blobs.id]
    assert f"on management group {platform.name}" in text_of(held)
    assert allowed(denied) == [False, True, True, True, True]
    assert not cloud.allows(admin.deployment.backup, RUN, admin.deployment.vm)
