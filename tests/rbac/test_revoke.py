"""`rbac.revoke` takes back what fix assigned, to the letter."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from local.cloud.errors import AccessDeniedError
from local.errors import AzureError
from rbac.plan import FixOptions, narrow_role
from rbac.propagation import Propagation
from rbac.result import Outcome, RevokeReport
from rbac.revoke import preview, revoke
from tests.azure_cloud.faults import refusal
from tests.rbac.admin import Admin, fix_report, text_of

SOON = Propagation(seconds=60, every=0.01)
AT_ONCE = Propagation(seconds=0.05, every=0.01)
RUN = "Microsoft.Compute/virtualMachines/runCommand/action"


def revoke_report(outcome: Outcome) -> RevokeReport:
    assert isinstance(outcome.rbac, RevokeReport)
    return outcome.rbac


def deletions(admin: Admin) -> int:
    return sum(request.method == "DELETE" for request in admin.deployment.cloud.writes())


def test_what_fix_assigned_is_taken_back_once_and_a_second_run_writes_nothing(admin: Admin) -> None:
    before = dict(admin.deployment.cloud.state.assignments)
    made = admin.fix()

    first = revoke(admin.azure)
    second = revoke(admin.azure)

    assert admin.deployment.cloud.state.assignments == before
    assert revoke_report(first).taken_back == (fix_report(made).assignment_id,)
    assert (revoke_report(first).changed, revoke_report(second).changed) == (True, False)
    assert (first.exit_code, second.exit_code, deletions(admin)) == (0, 0, 1)
    assert not admin.deployment.cloud.allows(admin.deployment.backup, RUN, admin.deployment.vm)


def test_check_takes_nothing_back(admin: Admin) -> None:
    made = admin.fix()

    outcome = preview(admin.azure)

    assert revoke_report(outcome).taken_back == (fix_report(made).assignment_id,)
    assert deletions(admin) == 0
    assert "changed: [assignment] would be taken back" in text_of(outcome)


def test_every_role_and_scope_that_fix_assigned_goes_and_its_custom_role_with_it(admin: Admin) -> None:
    before = dict(admin.deployment.cloud.state.roles)
    admin.fix(FixOptions(scope="vm"))
    admin.fix(FixOptions(role="Contributor"))
    admin.fix(FixOptions(least_privilege=True))

    outcome = revoke(admin.azure)

    assert len(revoke_report(outcome).taken_back) == 3
    assert revoke_report(outcome).role_deleted == narrow_role(admin.deployment.group.id).name
    assert admin.deployment.cloud.state.roles == before


def test_what_an_admin_assigned_is_left_alone_and_named(admin: Admin) -> None:
    deployment = admin.deployment
    by_hand = deployment.cloud.assign(deployment.backup, "Contributor", deployment.group)
    blobs = deployment.cloud.assign(deployment.backup, "Storage Blob Data Contributor", deployment.group)
    stranger = deployment.cloud.add_service_principal("stranger")
    theirs = deployment.cloud.assign(stranger, "Virtual Machine Contributor", deployment.group)
    admin.fix(FixOptions(role="Virtual Machine Contributor"))

    outcome = revoke(admin.azure)

    left = deployment.cloud.state.assignments
    assert {assignment.id.lower() for assignment in (by_hand, blobs, theirs)} <= set(left)
    assert revoke_report(outcome).left_alone == (by_hand.id,)
    assert "not made by rbac.fix, and still grants run command: Contributor on resource group" in text_of(outcome)
    assert deletions(admin) == 1


def test_what_still_comes_from_a_management_group_is_named(admin: Admin) -> None:
    cloud = admin.deployment.cloud
    platform = cloud.add_management_group("platform", admin.deployment.subscription)
    inherited = cloud.assign(admin.deployment.backup, "Virtual Machine Contributor", platform)

    outcome = revoke(admin.azure)

    assert revoke_report(outcome).left_alone == (inherited.id,)
    assert "still grants run command: Virtual Machine Contributor on management group platform" in text_of(outcome)
    assert cloud.allows(admin.deployment.backup, RUN, admin.deployment.vm)


def test_an_assignment_that_no_list_shows_yet_is_found_by_its_name(admin: Admin) -> None:
    made = admin.fix()
    cloud = admin.deployment.cloud
    key = str(fix_report(made).assignment_id).lower()
    held = cloud.state.assignments[key]
    cloud.state.assignments[key] = replace(held, visible_at=cloud.state.now() + 60)

    assert revoke_report(revoke(admin.azure)).taken_back == (held.id,)
    assert key not in cloud.state.assignments


def test_a_custom_role_that_somebody_else_uses_stays(admin: Admin) -> None:
    deployment = admin.deployment
    admin.fix(FixOptions(least_privilege=True))
    narrow = narrow_role(deployment.group.id)
    deployment.cloud.assign(deployment.cloud.add_service_principal("other"), narrow.name, deployment.vm)

    outcome = revoke(admin.azure)

    assert len(revoke_report(outcome).taken_back) == 1
    assert revoke_report(outcome).role_deleted is None
    assert narrow.guid in deployment.cloud.state.roles


def test_a_custom_role_that_azure_still_holds_in_use_stays_and_is_named(admin: Admin) -> None:
    admin.fix(FixOptions(least_privilege=True))
    busy = refusal(400, "RoleDefinitionHasAssignments", "There are existing role assignments referencing role.")
    admin.deployment.cloud.inject(busy.on(surface="arm", method="DELETE", path="/roleDefinitions/"))

    outcome = revoke(admin.azure)

    assert "is still in use, as Azure sees it, so it stays" in text_of(outcome)
    assert revoke_report(outcome).role_deleted is None


def test_a_deletion_that_did_not_happen_is_not_claimed(admin: Admin) -> None:
    admin.fix()
    admin.deployment.cloud.inject(refusal(200, "", "").on(surface="arm", method="DELETE"))

    with pytest.raises(AzureError, match="Azure still shows it after 0 s") as claimed:
        revoke(admin.azure, propagation=AT_ONCE)
    assert claimed.value.mend == "run again: invoke rbac.revoke"


def test_replicas_that_lag_behind_a_deletion_are_waited_for(admin: Admin) -> None:
    made = admin.fix()
    admin.deployment.cloud.set_timing(stale_reads=3)
    told: list[str] = []

    outcome = revoke(admin.azure, propagation=replace(SOON, watch=lambda event: told.append(event.text)))

    assert revoke_report(outcome).taken_back == (fix_report(made).assignment_id,)
    assert (outcome.exit_code, deletions(admin)) == (0, 1)
    assert sum("Azure still shows it" in text for text in told) == 3


def test_the_vm_need_not_be_there_any_more(admin: Admin) -> None:
    admin.fix()
    admin.deployment.cloud.remove_vm(admin.deployment.vm)

    assert len(revoke_report(revoke(admin.azure)).taken_back) == 1


def test_a_caller_who_may_not_delete_is_told_so(admin: Admin) -> None:
    admin.fix()
    reader = admin.deployment.cloud.add_service_principal("reader", directory_read=True)
    admin.deployment.cloud.assign(reader, "Reader", admin.deployment.subscription)
    admin.log_in_as(reader)

    with pytest.raises(AccessDeniedError) as refused:
        revoke(admin.azure)

    assert refused.value.action == "Microsoft.Authorization/roleAssignments/delete"


def test_the_json_is_one_document(admin: Admin) -> None:
    admin.fix()

    document = msgspec.json.decode(msgspec.json.encode(revoke(admin.azure).document))

    assert list(document["rbac"]) == ["verdict", "changed", "principal", "taken_back", "left_alone", "role_deleted"]
