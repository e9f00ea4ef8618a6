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
from rbac.fix import check
from rbac.result import Checked, Outcome
from tests.azure_cloud.state import StorageAccount
from tests.rbac.desk import STORE, Desk, told

FOLDER = parse_location("file:///backups")
ELSEWHERE = parse_location("https://elsewhere.blob.core.windows.net/backups")

RUN = "Microsoft.Compute/virtualMachines/runCommand/action"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"


def checked(outcome: Outcome) -> Checked:
    assert isinstance(outcome.rbac, Checked)
    return outcome.rbac


def allowed(outcome: Outcome) -> list[bool | None]:
    return [one.allowed for one in checked(outcome).checks]


def account(desk: Desk) -> StorageAccount:
    return next(iter(desk.estate.cloud.world.storage.values()))


def test_nothing_held_is_told_right_by_right_with_the_commands_that_mend_it(desk: Desk) -> None:
    outcome = check(desk.azure, STORE)

    assert allowed(outcome) == [False] * 5
    assert (outcome.exit_code, checked(outcome).verdict) == (1, "failed")
    assert "failed: [Microsoft.Compute/virtualMachines/runCommand/action on VM vm-alai-support] missing" in told(
        outcome
    )
    assert "run: invoke rbac.fix" in told(outcome)
    assert f"--role 'Storage Blob Data Contributor' --scope {account(desk).id}" in told(outcome)
    assert desk.estate.cloud.writes() == []


def test_all_held_passes_and_names_the_assignments(desk: Desk) -> None:
    vm = desk.estate.cloud.assign(desk.estate.backup, "Virtual Machine Contributor", desk.estate.group)
    blobs = desk.estate.cloud.assign(desk.estate.backup, "Storage Blob Data Contributor", account(desk))

    outcome = check(desk.azure, STORE)

    assert (outcome.exit_code, allowed(outcome)) == (0, [True] * 5)
    assert [one.through for one in checked(outcome).checks] == [vm.id, vm.id, blobs.id, blobs.id, blobs.id]


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
def test_built_in_roles_give_what_the_stand_in_says_they_give(desk: Desk, role: str, expected: list[bool]) -> None:
    cloud, backup = desk.estate.cloud, desk.estate.backup
    cloud.assign(backup, role, desk.estate.subscription)

    outcome = check(desk.azure, STORE)

    theirs = [
        cloud.allows(backup, one.action, str(one.scope), data=one.action.startswith(BLOBS))
        for one in checked(outcome).checks
    ]
    assert allowed(outcome) == theirs == expected


def test_a_right_through_a_group_is_found_and_the_group_is_named(desk: Desk) -> None:
    cloud = desk.estate.cloud
    team = cloud.add_group("backup operators")
    cloud.world.principals[desk.estate.backup.object_id] = replace(desk.estate.backup, groups=(team.object_id,))
    cloud.assign(team, "Virtual Machine Contributor", desk.estate.group)

    outcome = check(desk.azure, STORE)

    assert allowed(outcome)[0] is True
    assert f"held by group {team.object_id}" in told(outcome)


def test_a_deny_assignment_is_named(desk: Desk) -> None:
    cloud = desk.estate.cloud
    cloud.assign(desk.estate.backup, "Owner", desk.estate.subscription)
    cloud.deny(None, desk.estate.group, actions=[RUN])

    outcome = check(desk.azure, STORE)

    assert allowed(outcome)[:2] == [False, True]
    assert "denied by deny assignment Deny assignment of the tests on resource group alai-backups-rg" in told(outcome)


def test_a_condition_is_said_and_never_counts_as_having_the_right(desk: Desk) -> None:
    desk.estate.cloud.assign(desk.estate.backup, "Owner", desk.estate.group, only_roles=["Reader"])

    outcome = check(desk.azure, FOLDER)

    assert (allowed(outcome), outcome.exit_code) == ([None, None], 4)
    assert "conditional: Owner on resource group alai-backups-rg" in told(outcome)


def test_an_account_that_is_not_visible_is_not_checked(desk: Desk) -> None:
    desk.estate.cloud.assign(desk.estate.backup, "Owner", desk.estate.group)

    outcome = check(desk.azure, ELSEWHERE)

    assert (allowed(outcome), outcome.exit_code) == ([True, True, None, None, None], 4)
    assert "not checked: no storage account elsewhere is visible in the subscription" in told(outcome)


def test_a_folder_store_needs_no_rights_to_blobs(desk: Desk) -> None:
    desk.estate.cloud.assign(desk.estate.backup, "Virtual Machine Contributor", desk.estate.group)

    outcome = check(desk.azure, FOLDER)

    assert (allowed(outcome), outcome.exit_code) == ([True, True], 0)


def test_every_vm_is_checked(desk: Desk) -> None:
    second = desk.estate.cloud.add_vm(desk.estate.group, "vm-b", programs=())
    desk.estate.cloud.assign(desk.estate.backup, "Virtual Machine Contributor", second)

    outcome = check(msgspec.structs.replace(desk.azure, vm=("vm-alai-support", "vm-b")), FOLDER)

    assert allowed(outcome) == [False, False, True, True]


def test_the_json_is_one_document_with_the_contract_s_fields(desk: Desk) -> None:
    document = msgspec.json.decode(msgspec.json.encode(check(desk.azure, STORE).document))

    assert list(document) == ["rbac"]
    assert set(document["rbac"]) == {"verdict", "changed", "principal", "checks"}
    assert document["rbac"]["principal"] == {
        "display_name": "alai-backup",
        "app_id": desk.estate.backup.app_id,
        "object_id": desk.estate.backup.object_id,
    }
    assert set(document["rbac"]["checks"][0]) == {"action", "scope", "allowed", "through", "why"}


def test_a_caller_without_rights_is_told_which_one_is_missing_where_and_who_it_is(desk: Desk) -> None:
    outsider = desk.estate.cloud.add_service_principal("outsider", directory_read=True)
    desk.log_in(outsider)

    with pytest.raises(AccessDeniedError) as refused:
        check(desk.azure, STORE)

    assert refused.value.exit_code == 3
    for part in (outsider.app_id, outsider.object_id, desk.estate.vm.id):
        assert part in refused.value.came_back or part.lower() in refused.value.came_back.lower()


def test_a_reader_of_the_resource_group_is_enough_to_check(desk: Desk) -> None:
    reader = desk.estate.cloud.add_service_principal("reader", directory_read=True)
    desk.estate.cloud.assign(reader, "Reader", desk.estate.group)
    desk.estate.cloud.assign(desk.estate.backup, "Owner", desk.estate.subscription)
    desk.log_in(reader)

    assert allowed(check(desk.azure, STORE)) == [True, True, False, False, True]


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
def test_a_wrong_configuration_is_named_by_its_key(desk: Desk, changes: dict[str, Any], named: str) -> None:
    azure: AzureSettings = msgspec.structs.replace(desk.azure, **changes)

    with pytest.raises(ConfigError, match=named):
        check(azure, STORE)
