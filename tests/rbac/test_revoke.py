"""`rbac.revoke` takes back what fix assigned, to the letter."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from local.cloud.errors import AccessDeniedError
from local.errors import AzureError
from rbac.plan import Wish, narrow_role
from rbac.result import Outcome, Revoked
from rbac.revoke import revoke
from tests.azure_cloud.faults import refusal
from tests.rbac.desk import Desk, fixed, told

RUN = "Microsoft.Compute/virtualMachines/runCommand/action"


def revoked(outcome: Outcome) -> Revoked:
    assert isinstance(outcome.rbac, Revoked)
    return outcome.rbac


def deletions(desk: Desk) -> int:
    return sum(one.method == "DELETE" for one in desk.estate.cloud.writes())


def test_what_fix_assigned_is_taken_back_once_and_a_second_run_writes_nothing(desk: Desk) -> None:
    before = dict(desk.estate.cloud.world.assignments)
    made = desk.fix()

    first = revoke(desk.azure)
    second = revoke(desk.azure)

    assert desk.estate.cloud.world.assignments == before
    assert revoked(first).taken_back == (fixed(made).assignment_id,)
    assert (revoked(first).changed, revoked(second).changed) == (True, False)
    assert (first.exit_code, second.exit_code, deletions(desk)) == (0, 0, 1)
    assert not desk.estate.cloud.allows(desk.estate.backup, RUN, desk.estate.vm)


def test_check_takes_nothing_back(desk: Desk) -> None:
    made = desk.fix()

    outcome = revoke(desk.azure, check=True)

    assert revoked(outcome).taken_back == (fixed(made).assignment_id,)
    assert deletions(desk) == 0
    assert "changed: [assignment] would be taken back" in told(outcome)


def test_every_role_and_scope_that_fix_assigned_goes_and_its_custom_role_with_it(desk: Desk) -> None:
    before = dict(desk.estate.cloud.world.roles)
    desk.fix(Wish(scope="vm"))
    desk.fix(Wish(role="Contributor"))
    desk.fix(Wish(least_privilege=True))

    outcome = revoke(desk.azure)

    assert len(revoked(outcome).taken_back) == 3
    assert revoked(outcome).role_deleted == narrow_role(desk.estate.group.id).name
    assert desk.estate.cloud.world.roles == before


def test_what_an_admin_assigned_is_left_alone_and_named(desk: Desk) -> None:
    estate = desk.estate
    by_hand = estate.cloud.assign(estate.backup, "Contributor", estate.group)
    blobs = estate.cloud.assign(estate.backup, "Storage Blob Data Contributor", estate.group)
    stranger = estate.cloud.add_service_principal("stranger")
    theirs = estate.cloud.assign(stranger, "Virtual Machine Contributor", estate.group)
    desk.fix(Wish(role="Virtual Machine Contributor"))

    outcome = revoke(desk.azure)

    left = estate.cloud.world.assignments
    assert {one.id.lower() for one in (by_hand, blobs, theirs)} <= set(left)
    assert revoked(outcome).left_alone == (by_hand.id,)
    assert "not made by rbac.fix, and still grants run command: Contributor on resource group" in told(outcome)
    assert deletions(desk) == 1


def test_an_assignment_that_no_list_shows_yet_is_found_by_its_name(desk: Desk) -> None:
    made = desk.fix()
    cloud = desk.estate.cloud
    key = str(fixed(made).assignment_id).lower()
    held = cloud.world.assignments[key]
    cloud.world.assignments[key] = replace(held, visible_at=cloud.world.now() + 60)

    assert revoked(revoke(desk.azure)).taken_back == (held.id,)
    assert key not in cloud.world.assignments


def test_a_custom_role_that_somebody_else_uses_stays(desk: Desk) -> None:
    estate = desk.estate
    desk.fix(Wish(least_privilege=True))
    narrow = narrow_role(estate.group.id)
    estate.cloud.assign(estate.cloud.add_service_principal("other"), narrow.name, estate.vm)

    outcome = revoke(desk.azure)

    assert len(revoked(outcome).taken_back) == 1
    assert revoked(outcome).role_deleted is None
    assert narrow.guid in estate.cloud.world.roles


def test_a_custom_role_that_azure_still_holds_in_use_stays_and_is_named(desk: Desk) -> None:
    desk.fix(Wish(least_privilege=True))
    busy = refusal(400, "RoleDefinitionHasAssignments", "There are existing role assignments referencing role.")
    desk.estate.cloud.inject(busy.on(surface="arm", method="DELETE", path="/roleDefinitions/"))

    outcome = revoke(desk.azure)

    assert "is still in use, so it stays" in told(outcome)
    assert revoked(outcome).role_deleted is None


def test_a_deletion_that_did_not_happen_is_not_claimed(desk: Desk) -> None:
    desk.fix()
    desk.estate.cloud.inject(refusal(200, "", "").on(surface="arm", method="DELETE"))

    with pytest.raises(AzureError, match="Azure still shows it"):
        revoke(desk.azure)


def test_the_vm_need_not_be_there_any_more(desk: Desk) -> None:
    desk.fix()
    desk.estate.cloud.remove_vm(desk.estate.vm)

    assert len(revoked(revoke(desk.azure)).taken_back) == 1


def test_a_caller_who_may_not_delete_is_told_so(desk: Desk) -> None:
    desk.fix()
    reader = desk.estate.cloud.add_service_principal("reader", directory_read=True)
    desk.estate.cloud.assign(reader, "Reader", desk.estate.subscription)
    desk.log_in(reader)

    with pytest.raises(AccessDeniedError) as refused:
        revoke(desk.azure)

    assert refused.value.action == "Microsoft.Authorization/roleAssignments/delete"


def test_the_json_is_one_document(desk: Desk) -> None:
    desk.fix()

    document = msgspec.json.decode(msgspec.json.encode(revoke(desk.azure).document))

    assert list(document["rbac"]) == ["verdict", "changed", "principal", "taken_back", "left_alone", "role_deleted"]
