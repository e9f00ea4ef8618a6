"""`rbac.fix` against the stand-in, through the real SDKs: assigned, visible, effective."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from local.cloud.errors import AccessDeniedError
from local.errors import AzureError, ConfigError, InconclusiveError
from local.events import Event
from rbac.change import Patience
from rbac.fix import fix
from rbac.plan import Wish, assignment_name, narrow_role
from rbac.rest import RestError
from tests.azure_cloud.faults import refusal, throttled
from tests.azure_cloud.roles import VIRTUAL_MACHINE_CONTRIBUTOR
from tests.rbac.desk import STORE, Desk, fixed, told

RUN = "Microsoft.Compute/virtualMachines/runCommand/action"
VM_CONTRIBUTOR = "Virtual Machine Contributor"
SOON = Patience(seconds=60, every=0.01)
AT_ONCE = Patience(seconds=0.05, every=0.01)


def writes(desk: Desk) -> list[tuple[str, int]]:
    return [(one.method, one.status) for one in desk.estate.cloud.writes()]


def test_from_nothing_to_proven_and_a_second_run_writes_nothing(desk: Desk) -> None:
    desk.hold_principal_secret()

    first = desk.fix()
    after_first = writes(desk)
    second = desk.fix()

    estate = desk.estate
    name = assignment_name(estate.group.id, estate.backup.object_id, VIRTUAL_MACHINE_CONTRIBUTOR)
    assert after_first == writes(desk) == [("PUT", 201)]
    assert (fixed(first).changed, fixed(second).changed) == (True, False)
    assert fixed(first).effective is fixed(second).effective is True
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert (fixed(first).role, fixed(first).scope) == (VM_CONTRIBUTOR, estate.group.id)
    assert str(fixed(first).assignment_id).endswith(f"/roleAssignments/{name}")
    assert estate.cloud.allows(estate.backup, RUN, estate.vm)
    assert "vm-alai-support ran a command: SQLite 3." in told(first)
    made = next(iter(one for one in estate.cloud.world.assignments.values() if one.name == name))
    assert (made.principal_type, made.created_by) == ("ServicePrincipal", estate.admin.object_id)


def test_check_plans_the_same_change_and_makes_none(desk: Desk) -> None:
    desk.hold_principal_secret()

    planned = desk.fix(check=True)
    assert (writes(desk), desk.estate.cloud.scripts) == ([], [])
    done = desk.fix()

    assert (fixed(planned).changed, fixed(planned).effective) == (True, None)
    assert fixed(planned).assignment_id == fixed(done).assignment_id
    assert "changed: [assignment] would be assigned: Virtual Machine Contributor" in told(planned)
    assert not fixed(desk.fix(check=True)).changed


def test_the_json_has_exactly_the_contract_s_fields(desk: Desk) -> None:
    document = msgspec.json.decode(msgspec.json.encode(desk.fix().document))

    rbac = document["rbac"]
    assert list(document) == ["rbac"]
    assert list(rbac) == [
        "verdict",
        "changed",
        "principal",
        "role",
        "scope",
        "assignment_id",
        "effective",
        "checks",
    ]
    assert list(rbac["principal"]) == ["display_name", "app_id", "object_id"]
    assert rbac["checks"][0] == {"action": RUN, "scope": desk.estate.vm.id, "allowed": True}


def test_without_the_principal_s_credential_only_assigned_is_claimed(desk: Desk) -> None:
    outcome = desk.fix()

    assert (fixed(outcome).effective, fixed(outcome).verdict, outcome.exit_code) == (None, "passed", 0)
    assert "skipped: [effective] assigned; not proven to be effective" in told(outcome)
    assert desk.estate.cloud.scripts == []


def test_propagation_is_waited_for_with_fresh_tokens(desk: Desk) -> None:
    desk.hold_principal_secret()
    cloud = desk.estate.cloud
    cloud.set_timing(propagation=600)
    seen: list[Event] = []

    def watch(event: Event) -> None:
        seen.append(event)
        if "not effective yet" in event.text:
            cloud.skip(250)

    outcome = desk.fix(patience=SOON, watch=watch)

    assert (fixed(outcome).effective, outcome.exit_code) == (True, 0)
    assert sum("not effective yet" in one.text for one in seen) == 3
    assert {one.subject for one in seen if "yet" in one.text} == {"vm-alai-support"}
    refused = [one for one in cloud.requests if one.path.endswith("/runCommand") and one.status == 403]
    assert len(refused) == 3


def test_a_list_that_lags_is_waited_for_before_success_is_claimed(desk: Desk) -> None:
    cloud = desk.estate.cloud
    cloud.set_timing(visibility=60)
    seen: list[str] = []

    def watch(event: Event) -> None:
        seen.append(event.text)
        if "not visible yet" in event.text:
            cloud.skip(61)

    assert desk.fix(patience=SOON, watch=watch).exit_code == 0
    assert sum("not visible yet" in text for text in seen) == 1


@pytest.mark.parametrize(("lag", "said"), [("propagation", "not effective on"), ("visibility", "not visible after")])
def test_a_wait_that_runs_out_proves_nothing(desk: Desk, lag: str, said: str) -> None:
    desk.hold_principal_secret()
    desk.estate.cloud.set_timing(**{lag: 600})

    outcome = desk.fix(patience=AT_ONCE)

    assert (fixed(outcome).verdict, fixed(outcome).effective, outcome.exit_code) == ("inconclusive", False, 4)
    assert f"failed: [effective] assigned, but {said}" in told(outcome)


def test_a_vm_that_cannot_run_leaves_the_proof_open(desk: Desk) -> None:
    desk.hold_principal_secret()
    desk.estate.cloud.set_power(desk.estate.vm, "deallocated")

    outcome = desk.fix()

    assert (fixed(outcome).verdict, fixed(outcome).effective, outcome.exit_code) == ("inconclusive", None, 4)
    assert "it could not be tried on vm-alai-support" in told(outcome)


def test_a_script_that_did_not_answer_whole_is_no_proof(desk: Desk) -> None:
    desk.hold_principal_secret()

    empty = fix(desk.azure, STORE, Wish(), lambda *_: "Enable succeeded: \n[stdout]\n\n[stderr]\n")
    busy = fix(desk.azure, STORE, Wish(), _busy)

    assert [fixed(one).effective for one in (empty, busy)] == [None, None]
    assert [one.exit_code for one in (empty, busy)] == [4, 4]


def _busy(*_: object) -> str:
    raise InconclusiveError("run a command", "another command runs", "wait")


def test_a_vm_without_sqlite_still_proves_the_right(desk: Desk) -> None:
    desk.hold_principal_secret()
    desk.estate.cloud.add_vm(desk.estate.group, "vm-bare", programs=())

    outcome = desk.fix(azure=msgspec.structs.replace(desk.azure, vm="vm-bare"))

    assert fixed(outcome).effective is True
    assert "vm-bare ran a command; it has no SQLite" in told(outcome)


def test_the_principal_itself_needs_no_second_credential(desk: Desk) -> None:
    desk.estate.cloud.assign(desk.estate.backup, "Owner", desk.estate.group)
    desk.log_in(desk.estate.backup)

    outcome = desk.fix(azure=msgspec.structs.replace(desk.azure, service_principal=desk.estate.backup.object_id))

    assert (fixed(outcome).effective, fixed(outcome).changed, fixed(outcome).role) == (True, False, "Owner")
    assert fixed(outcome).principal.display_name is None


def test_the_principal_in_the_environment_proves_what_an_admin_of_the_cli_assigns(desk: Desk, tmp_path: Path) -> None:
    az = tmp_path / "bin" / "az"
    az.parent.mkdir()
    lines = ["#!/bin/sh", 'case "$*" in']
    with desk.estate.credential(desk.estate.admin) as login:
        for resource in (desk.estate.cloud.resource_manager, desk.estate.cloud.graph):
            answer = {
                "accessToken": login.get_token(f"{resource}/.default").token,
                "expires_on": int(time.time()) + 3600,
            }
            lines.append(f"*{resource}*) echo '{json.dumps(answer)}';;")
    az.write_text("\n".join([*lines, "esac", ""]))
    az.chmod(0o755)
    desk.log_in(desk.estate.backup)
    desk.monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    desk.monkeypatch.setenv("PATH", f"{az.parent}:/usr/bin:/bin")

    outcome = desk.fix()

    assert (fixed(outcome).changed, fixed(outcome).effective) == (True, True)
    runs = {one.principal for one in desk.estate.cloud.requests if one.path.endswith("/runCommand")}
    assert runs == {"alai-backup"}


def test_a_wrong_secret_ends_it_before_anything_changes(desk: Desk) -> None:
    desk.monkeypatch.setenv("PILLAR9_PRINCIPAL_CLIENT_SECRET", "not-the-secret-at-all")

    with pytest.raises(AzureError, match="AADSTS7000215") as refused:
        desk.fix()

    assert writes(desk) == []
    assert "not-the-secret-at-all" not in f"{refused.value} {refused.value.mend}"


def test_a_caller_who_may_not_assign_is_told_what_is_missing_and_who_can(desk: Desk) -> None:
    reader = desk.estate.cloud.add_service_principal("reader", directory_read=True)
    desk.estate.cloud.assign(reader, "Reader", desk.estate.subscription)
    desk.log_in(reader)

    with pytest.raises(AccessDeniedError) as refused:
        desk.fix()

    assert (refused.value.action, refused.value.exit_code) == ("Microsoft.Authorization/roleAssignments/write", 3)
    for known in (reader.app_id, reader.object_id, desk.estate.group.id):
        assert known in refused.value.came_back
    assert "Owner, User Access Administrator" in refused.value.mend


def test_a_condition_on_the_caller_s_own_role_is_named(desk: Desk) -> None:
    limited = desk.estate.cloud.add_service_principal("limited", directory_read=True)
    role = "Role Based Access Control Administrator"
    desk.estate.cloud.assign(limited, role, desk.estate.subscription, only_roles=["Reader"])
    desk.log_in(limited)

    with pytest.raises(AccessDeniedError, match="condition on its role assignment"):
        desk.fix()


def test_the_same_assignment_under_another_name_is_success_after_reading_it(desk: Desk) -> None:
    cloud = desk.estate.cloud
    other = cloud.assign(desk.estate.backup, VM_CONTRIBUTOR, desk.estate.group)
    # Made a moment ago by somebody else: no list shows it yet, but Azure refuses a second one.
    cloud.world.assignments[other.id.lower()] = replace(other, visible_at=cloud.world.now() + 60)

    def watch(event: Event) -> None:
        if "not visible yet" in event.text:
            cloud.skip(61)

    outcome = desk.fix(patience=SOON, watch=watch)

    assert writes(desk) == [("PUT", 409)]
    assert (fixed(outcome).changed, fixed(outcome).assignment_id, outcome.exit_code) == (False, other.id, 0)


def test_a_conflict_with_somebody_else_s_assignment_is_no_success(desk: Desk) -> None:
    cloud = desk.estate.cloud
    theirs = cloud.assign(cloud.add_service_principal("stranger"), VM_CONTRIBUTOR, desk.estate.group)
    text = f"The ID of the existing role assignment is {theirs.name.replace('-', '')}."
    cloud.inject(refusal(409, "RoleAssignmentExists", text).on(surface="arm", method="PUT"))

    with pytest.raises(RestError, match="RoleAssignmentExists"):
        desk.fix()


@pytest.mark.parametrize("how", ["inherited", "group"])
def test_an_inherited_or_a_group_s_assignment_is_enough(desk: Desk, how: str) -> None:
    estate, cloud = desk.estate, desk.estate.cloud
    team = cloud.add_group("backup operators")
    if how == "group":
        cloud.world.principals[estate.backup.object_id] = replace(estate.backup, groups=(team.object_id,))
    held = cloud.assign(
        team if how == "group" else estate.backup,
        VM_CONTRIBUTOR,
        estate.group if how == "group" else estate.subscription,
    )

    outcome = desk.fix()

    assert writes(desk) == []
    assert (fixed(outcome).assignment_id, fixed(outcome).changed) == (held.id, False)


def test_a_deny_assignment_ends_it_without_a_write(desk: Desk) -> None:
    desk.estate.cloud.deny(desk.estate.backup, desk.estate.group, actions=["Microsoft.Compute/*"])

    with pytest.raises(AzureError, match="denied by deny assignment"):
        desk.fix()
    assert writes(desk) == []


def test_a_fresh_principal_is_assigned_with_its_type(desk: Desk) -> None:
    fresh = desk.estate.cloud.add_service_principal("fresh", fresh=True)

    outcome = desk.fix(azure=msgspec.structs.replace(desk.azure, service_principal="fresh"))

    assert fixed(outcome).principal.object_id == fresh.object_id
    assert writes(desk) == [("PUT", 201)]


def test_without_directory_rights_an_object_id_is_assigned_and_an_application_id_is_not(desk: Desk) -> None:
    blind = desk.estate.cloud.add_service_principal("blind admin")
    desk.estate.cloud.assign(blind, "Owner", desk.estate.subscription)
    desk.log_in(blind)
    backup = desk.estate.backup

    with pytest.raises(RestError, match="PrincipalNotFound"):
        desk.fix(azure=msgspec.structs.replace(desk.azure, service_principal=backup.app_id))
    outcome = desk.fix(azure=msgspec.structs.replace(desk.azure, service_principal=backup.object_id))

    assert fixed(outcome).principal.app_id is None
    assert "the id is taken for an object id" in told(outcome)
    assert desk.estate.cloud.allows(backup, RUN, desk.estate.vm)


def test_a_group_s_object_id_is_not_taken_for_a_service_principal(desk: Desk) -> None:
    team = desk.estate.cloud.add_group("backup operators")
    blind = desk.estate.cloud.add_service_principal("blind admin")
    desk.estate.cloud.assign(blind, "Owner", desk.estate.subscription)
    desk.log_in(blind)

    with pytest.raises(AzureError, match="is a Group") as refused:
        desk.fix(azure=msgspec.structs.replace(desk.azure, service_principal=team.object_id))
    assert refused.value.mend == "run: invoke rbac.revoke"


def test_least_privilege_makes_its_role_once_and_it_is_enough(desk: Desk) -> None:
    desk.hold_principal_secret()
    narrow = narrow_role(desk.estate.group.id)

    first = desk.fix(Wish(least_privilege=True))
    second = desk.fix(Wish(least_privilege=True))

    made = desk.estate.cloud.world.roles[narrow.guid]
    assert writes(desk) == [("PUT", 201), ("PUT", 201)]
    assert (fixed(first).role, fixed(first).effective, fixed(second).changed) == (narrow.name, True, False)
    assert (made.assignable_scopes, made.custom) == ((desk.estate.group.id,), True)
    assert sorted(one.rpartition("virtualMachines/")[2] for one in made.actions) == [
        "instanceView/read",
        "read",
        "runCommand/action",
    ]
    assert "listKeys" not in told(first)


def test_a_role_that_azure_does_not_know_everywhere_yet_is_waited_for(desk: Desk) -> None:
    unknown = refusal(400, "RoleDefinitionDoesNotExist", "The specified role definition does not exist.")
    desk.estate.cloud.inject(unknown.on(surface="arm", method="PUT", path="/roleAssignments/", times=2))

    outcome = desk.fix(Wish(least_privilege=True), patience=SOON)

    assert writes(desk) == [("PUT", 201), ("PUT", 400), ("PUT", 400), ("PUT", 201)]
    assert fixed(outcome).changed


def test_the_scope_can_be_the_vm_alone(desk: Desk) -> None:
    outcome = desk.fix(Wish(scope="vm"))

    other = desk.estate.cloud.add_vm(desk.estate.group, "vm-other", programs=())
    assert fixed(outcome).scope == desk.estate.vm.id
    assert desk.estate.cloud.allows(desk.estate.backup, RUN, desk.estate.vm)
    assert not desk.estate.cloud.allows(desk.estate.backup, RUN, other)
    assert "listKeys" not in told(outcome)


def test_a_role_that_reaches_the_account_keys_is_warned_of_also_when_it_is_there_already(desk: Desk) -> None:
    first, second = desk.fix(), desk.fix()

    for outcome in (first, second):
        assert "warning: [keys] Virtual Machine Contributor on resource group alai-backups-rg" in told(outcome)
        assert "alaibackups; narrower: invoke rbac.fix --least-privilege" in told(outcome)


def test_another_role_can_be_named_and_an_unknown_one_is_refused(desk: Desk) -> None:
    outcome = desk.fix(Wish(role="Contributor"))

    assert fixed(outcome).role == "Contributor"
    with pytest.raises(ConfigError, match="there is no role 'Contributer'"):
        desk.fix(Wish(role="Contributer"))


def test_throttling_and_a_server_error_are_left_to_the_sdk_s_retries(desk: Desk) -> None:
    desk.estate.cloud.inject(throttled(0.01).on(surface="arm", path="/roleAssignments", times=2))
    desk.estate.cloud.inject(throttled(0.01).on(surface="arm", method="PUT", path="/roleAssignments"))

    outcome = desk.fix()

    assert fixed(outcome).changed
    assert writes(desk) == [("PUT", 429), ("PUT", 201)]


def test_no_secret_is_in_any_output(desk: Desk) -> None:
    desk.hold_principal_secret()
    desk.estate.cloud.set_timing(propagation=600)
    events: list[Event] = []

    outcome = desk.fix(patience=AT_ONCE, watch=events.append)
    desk.estate.cloud.deny(None, desk.estate.group, actions=["*"])
    with pytest.raises(AzureError) as denied:
        desk.fix(Wish(role="Owner"))

    output = " ".join(
        [told(outcome), msgspec.json.encode(outcome.document).decode(), repr(outcome), repr(events), repr(denied.value)]
    )
    assert "HTTP 403 AuthorizationFailed" in output
    assert [secret for secret in desk.estate.cloud.secrets() if secret in output] == []
