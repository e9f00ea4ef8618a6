"""`rbac.fix` against the stand-in, through the real SDKs: assigned, visible, effective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from local.cloud.errors import AccessDeniedError
from local.errors import AzureError, ConfigError, InconclusiveError
from local.events import Event
from rbac.fix import fix
from rbac.plan import FixOptions, assignment_name, narrow_role
from rbac.propagation import Propagation
from rbac.rest import RestError
from remote.command import Ran
from tests.azure_cloud.faults import (
    Fault,
    agent_stuck,
    cut_short,
    refusal,
    replaced_output,
    throttled,
    truncated_output,
)
from tests.azure_cloud.provisioning import Scope
from tests.azure_cloud.roles import VIRTUAL_MACHINE_CONTRIBUTOR
from tests.rbac.admin import STORE_SETTINGS, Admin, fix_report, text_of

RUN = "Microsoft.Compute/virtualMachines/runCommand/action"
VM_CONTRIBUTOR = "Virtual Machine Contributor"
SOON = Propagation(seconds=60, every=0.01)
AT_ONCE = Propagation(seconds=0.05, every=0.01)


def writes(admin: Admin) -> list[tuple[str, int]]:
    return [(request.method, request.status) for request in admin.deployment.cloud.writes()]


def test_from_nothing_to_proven_and_a_second_run_writes_nothing(admin: Admin) -> None:
    admin.hold_principal_secret()

    first = admin.fix()
    after_first = writes(admin)
    second = admin.fix()

    deployment = admin.deployment
    name = assignment_name(deployment.group.id, deployment.backup.object_id, VIRTUAL_MACHINE_CONTRIBUTOR)
    assert after_first == writes(admin) == [("PUT", 201)]
    assert (fix_report(first).changed, fix_report(second).changed) == (True, False)
    assert fix_report(first).effective is fix_report(second).effective is True
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert (fix_report(first).role, fix_report(first).scope) == (VM_CONTRIBUTOR, deployment.group.id)
    assert str(fix_report(first).assignment_id).endswith(f"/roleAssignments/{name}")
    assert deployment.cloud.allows(deployment.backup, RUN, deployment.vm)
    assert "vm-alai-support ran a command: SQLite 3." in text_of(first)
    made = next(
        iter(assignment for assignment in deployment.cloud.state.assignments.values() if assignment.name == name)
    )
    assert (made.principal_type, made.created_by) == ("ServicePrincipal", deployment.admin.object_id)


def test_check_plans_the_same_change_and_makes_none(admin: Admin) -> None:
    admin.hold_principal_secret()

    planned = admin.preview_fix()
    assert (writes(admin), admin.deployment.cloud.scripts) == ([], [])
    done = admin.fix()

    assert (fix_report(planned).changed, fix_report(planned).effective) == (True, None)
    assert fix_report(planned).assignment_id == fix_report(done).assignment_id
    assert "changed: [assignment] would be assigned: Virtual Machine Contributor" in text_of(planned)
    assert not fix_report(admin.preview_fix()).changed


def test_the_json_has_exactly_the_contract_s_fields(admin: Admin) -> None:
    document = msgspec.json.decode(msgspec.json.encode(admin.fix().document))

    rbac = document["rbac"]
    assert list(document) == ["schema", "rbac"]
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
    assert rbac["checks"][0] == {"action": RUN, "scope": admin.deployment.vm.id, "allowed": True}


def test_without_the_principal_s_credential_only_assigned_is_claimed(admin: Admin) -> None:
    outcome = admin.fix()

    assert (fix_report(outcome).effective, fix_report(outcome).verdict, outcome.exit_code) == (None, "passed", 0)
    assert "skipped: [effective] assigned; not proven to be effective" in text_of(outcome)
    assert admin.deployment.cloud.scripts == []


def test_propagation_is_waited_for_with_fresh_tokens(admin: Admin) -> None:
    admin.hold_principal_secret()
    cloud = admin.deployment.cloud
    cloud.set_timing(propagation=600)
    seen: list[Event] = []

    def watch(event: Event) -> None:
        seen.append(event)
        if "not effective yet" in event.text:
            cloud.skip(250)

    outcome = admin.fix(propagation=replace(SOON, watch=watch))

    assert (fix_report(outcome).effective, outcome.exit_code) == (True, 0)
    assert sum("not effective yet" in event.text for event in seen) == 3
    assert {event.subject for event in seen if "yet" in event.text} == {"vm-alai-support"}
    refused = [request for request in cloud.requests if request.path.endswith("/runCommand") and request.status == 403]
    assert len(refused) == 3


def test_a_list_that_lags_is_waited_for_before_success_is_claimed(admin: Admin) -> None:
    cloud = admin.deployment.cloud
    cloud.set_timing(visibility=60)
    seen: list[str] = []

    def watch(event: Event) -> None:
        seen.append(event.text)
        if "not visible yet" in event.text:
            cloud.skip(61)

    assert admin.fix(propagation=replace(SOON, watch=watch)).exit_code == 0
    assert sum("not visible yet" in text for text in seen) == 1


@pytest.mark.parametrize(("lag", "said"), [("propagation", "not effective on"), ("visibility", "not visible after")])
def test_a_wait_that_runs_out_proves_nothing(admin: Admin, lag: str, said: str) -> None:
    admin.hold_principal_secret()
    admin.deployment.cloud.set_timing(**{lag: 600})

    outcome = admin.fix(propagation=AT_ONCE)

    assert (fix_report(outcome).verdict, fix_report(outcome).effective, outcome.exit_code) == ("inconclusive", False, 4)
    assert f"failed: [effective] assigned, but {said}" in text_of(outcome)


def test_a_vm_that_cannot_run_leaves_the_proof_open(admin: Admin) -> None:
    admin.hold_principal_secret()
    admin.deployment.cloud.set_power(admin.deployment.vm, "deallocated")

    outcome = admin.fix()

    assert (fix_report(outcome).verdict, fix_report(outcome).effective, outcome.exit_code) == ("inconclusive", None, 4)
    assert "it could not be tried on vm-alai-support" in text_of(outcome)


@pytest.mark.parametrize(
    "fault", [replaced_output(""), truncated_output(50), cut_short(0.1)], ids=lambda fault: fault.kind
)
def test_a_command_that_did_not_answer_whole_is_no_proof(admin: Admin, fault: Fault) -> None:
    admin.hold_principal_secret()
    admin.deployment.cloud.inject(fault)

    outcome = admin.fix()

    assert (fix_report(outcome).effective, outcome.exit_code) == (None, 4)


def test_a_busy_vm_is_no_proof(admin: Admin) -> None:
    admin.hold_principal_secret()

    busy = fix(admin.azure, STORE_SETTINGS, FixOptions(), _busy, AT_ONCE)

    assert (fix_report(busy).effective, busy.exit_code) == (None, 4)


def _busy(*_: object) -> Ran:
    raise InconclusiveError("run a command", "another command runs", "wait")


def test_a_vm_without_python3_still_proves_the_right(admin: Admin) -> None:
    admin.hold_principal_secret()
    admin.deployment.cloud.add_vm(admin.deployment.group, "vm-bare", programs=())

    outcome = admin.fix(azure=msgspec.structs.replace(admin.azure, vm="vm-bare"))

    assert fix_report(outcome).effective is True
    assert "vm-bare ran a script; the VM has no python3" in text_of(outcome)


def test_the_principal_itself_needs_no_second_credential(admin: Admin) -> None:
    admin.deployment.cloud.assign(admin.deployment.backup, "Owner", admin.deployment.group)
    admin.log_in_as(admin.deployment.backup)

    outcome = admin.fix(azure=msgspec.structs.replace(admin.azure, service_principal=admin.deployment.backup.object_id))

    assert (fix_report(outcome).effective, fix_report(outcome).changed, fix_report(outcome).role) == (
        True,
        False,
        "Owner",
    )
    assert fix_report(outcome).principal.display_name is None


def secret_variables(admin: Admin, _folder: Path) -> dict[str, str]:
    return {"AZURE_CLIENT_SECRET": admin.deployment.backup.secret}


def certificate_variables(admin: Admin, folder: Path) -> dict[str, str]:
    path = admin.deployment.cloud.give_certificate(admin.deployment.backup, folder / "backup.pem", "pass~word")
    return {"AZURE_CLIENT_CERTIFICATE_PATH": str(path), "AZURE_CLIENT_CERTIFICATE_PASSWORD": "pass~word"}


def federated_variables(admin: Admin, folder: Path) -> dict[str, str]:
    path = folder / "token"
    path.write_text(admin.deployment.cloud.federate(admin.deployment.backup))
    return {"AZURE_FEDERATED_TOKEN_FILE": str(path)}


def managed_variables(admin: Admin, _folder: Path) -> dict[str, str]:
    return admin.deployment.cloud.managed_identity_environment(admin.deployment.backup)


@pytest.mark.parametrize("variables", [secret_variables, certificate_variables, federated_variables, managed_variables])
def test_the_principal_in_the_environment_proves_what_an_admin_of_the_cli_assigns(
    admin: Admin, tmp_path: Path, variables: Callable[[Admin, Path], dict[str, str]]
) -> None:
    admin.log_in_by_cli(tmp_path)
    admin.monkeypatch.delenv("AZURE_CLIENT_SECRET")
    admin.monkeypatch.setenv("AZURE_CLIENT_ID", admin.deployment.backup.app_id)
    for name, value in variables(admin, tmp_path).items():
        admin.monkeypatch.setenv(name, value)

    outcome = admin.fix()

    assert (fix_report(outcome).changed, fix_report(outcome).effective) == (True, True)
    runs = {request.principal for request in admin.deployment.cloud.requests if request.path.endswith("/runCommand")}
    assert runs == {"alai-backup"}


@pytest.mark.parametrize("variables", [certificate_variables, federated_variables, managed_variables])
def test_the_environment_of_another_principal_proves_nothing(
    admin: Admin, tmp_path: Path, variables: Callable[[Admin, Path], dict[str, str]]
) -> None:
    admin.log_in_by_cli(tmp_path)
    admin.monkeypatch.delenv("AZURE_CLIENT_SECRET")
    admin.monkeypatch.setenv("AZURE_CLIENT_ID", admin.deployment.admin.app_id)
    for name, value in variables(admin, tmp_path).items():
        admin.monkeypatch.setenv(name, value)

    outcome = admin.fix()

    assert (fix_report(outcome).changed, fix_report(outcome).effective) == (True, None)
    assert "skipped: [effective] assigned; not proven to be effective" in text_of(outcome)


@pytest.mark.parametrize(
    ("variable", "content", "said"),
    [
        ("AZURE_CLIENT_CERTIFICATE_PATH", None, "which cannot be read"),
        ("AZURE_CLIENT_CERTIFICATE_PATH", "no certificate", "name a PEM or PKCS #12 file"),
        ("AZURE_FEDERATED_TOKEN_FILE", None, "which cannot be read"),
    ],
)
def test_a_file_that_cannot_serve_ends_it_before_anything_changes(
    admin: Admin, tmp_path: Path, variable: str, content: str | None, said: str
) -> None:
    admin.log_in_by_cli(tmp_path)
    admin.monkeypatch.delenv("AZURE_CLIENT_SECRET")
    admin.monkeypatch.setenv("AZURE_CLIENT_ID", admin.deployment.backup.app_id)
    file = tmp_path / "credential"
    if content:
        file.write_text(content)
    admin.monkeypatch.setenv(variable, str(file))

    with pytest.raises(ConfigError, match=variable) as refused:
        admin.fix()

    assert said in f"{refused.value} {refused.value.mend}"
    assert writes(admin) == []


def test_the_wait_bounds_the_proof_s_own_command(admin: Admin) -> None:
    admin.hold_principal_secret()
    admin.deployment.cloud.inject(agent_stuck())

    outcome = admin.fix(propagation=Propagation(seconds=3, every=0.01))

    assert (fix_report(outcome).verdict, fix_report(outcome).effective, outcome.exit_code) == ("inconclusive", None, 4)
    assert "it could not be tried on vm-alai-support in 3 s (--wait)" in text_of(outcome)


def test_a_wrong_secret_ends_it_before_anything_changes(admin: Admin) -> None:
    admin.monkeypatch.setenv("PILLAR9_PRINCIPAL_CLIENT_SECRET", "not-the-secret-at-all")

    with pytest.raises(AzureError, match="AADSTS7000215") as refused:
        admin.fix()

    assert writes(admin) == []
    assert "not-the-secret-at-all" not in f"{refused.value} {refused.value.mend}"


def test_a_caller_who_may_not_assign_is_told_what_is_missing_and_who_can(admin: Admin) -> None:
    reader = admin.deployment.cloud.add_service_principal("reader", directory_read=True)
    admin.deployment.cloud.assign(reader, "Reader", admin.deployment.subscription)
    admin.log_in_as(reader)

    with pytest.raises(AccessDeniedError) as refused:
        admin.fix()

    assert (refused.value.action, refused.value.exit_code) == ("Microsoft.Authorization/roleAssignments/write", 3)
    for known in (reader.app_id, reader.object_id, admin.deployment.group.id):
        assert known in refused.value.came_back
    assert "Owner, User Access Administrator" in refused.value.mend


def test_a_condition_on_the_caller_s_own_role_is_named(admin: Admin) -> None:
    limited = admin.deployment.cloud.add_service_principal("limited", directory_read=True)
    role = "Role Based Access Control Administrator"
    admin.deployment.cloud.assign(limited, role, admin.deployment.subscription, only_roles=["Reader"])
    admin.log_in_as(limited)

    with pytest.raises(AccessDeniedError, match="condition on its role assignment"):
        admin.fix()


def test_the_same_assignment_under_another_name_is_success_after_reading_it(admin: Admin) -> None:
    cloud = admin.deployment.cloud
    other = cloud.assign(admin.deployment.backup, VM_CONTRIBUTOR, admin.deployment.group)
    # Made a moment ago by somebody else: no list shows it yet, but Azure refuses a second one.
    cloud.state.assignments[other.id.lower()] = replace(other, visible_at=cloud.state.now() + 60)

    def watch(event: Event) -> None:
        if "not visible yet" in event.text:
            cloud.skip(61)

    outcome = admin.fix(propagation=replace(SOON, watch=watch))

    assert writes(admin) == [("PUT", 409)]
    assert (fix_report(outcome).changed, fix_report(outcome).assignment_id, outcome.exit_code) == (False, other.id, 0)


def test_a_conflict_with_somebody_else_s_assignment_is_no_success(admin: Admin) -> None:
    cloud = admin.deployment.cloud
    theirs = cloud.assign(cloud.add_service_principal("stranger"), VM_CONTRIBUTOR, admin.deployment.group)
    text = f"The ID of the existing role assignment is {theirs.name.replace('-', '')}."
    cloud.inject(refusal(409, "RoleAssignmentExists", text).on(surface="arm", method="PUT"))

    with pytest.raises(RestError, match="RoleAssignmentExists"):
        admin.fix()


@pytest.mark.parametrize("how", ["inherited", "management group", "group"])
def test_an_inherited_or_a_group_s_assignment_is_enough(admin: Admin, how: str) -> None:
    deployment, cloud = admin.deployment, admin.deployment.cloud
    team = cloud.add_group("backup operators")
    if how == "group":
        cloud.state.principals[deployment.backup.object_id] = replace(deployment.backup, groups=(team.object_id,))
    scopes: dict[str, Scope] = {
        "inherited": deployment.subscription,
        "management group": cloud.add_management_group("platform", deployment.subscription),
        "group": deployment.group,
    }
    held = cloud.assign(team if how == "group" else deployment.backup, VM_CONTRIBUTOR, scopes[how])

    outcome = admin.fix()

    assert writes(admin) == []
    assert (fix_report(outcome).assignment_id, fix_report(outcome).changed) == (held.id, False)


def test_a_deny_assignment_ends_it_without_a_write(admin: Admin) -> None:
    admin.deployment.cloud.deny(admin.deployment.backup, admin.deployment.group, actions=["Microsoft.Compute/*"])

    with pytest.raises(AzureError, match="denied by deny assignment"):
        admin.fix()
    assert writes(admin) == []


def test_a_fresh_principal_is_assigned_with_its_type(admin: Admin) -> None:
    fresh = admin.deployment.cloud.add_service_principal("fresh", fresh=True)

    outcome = admin.fix(azure=msgspec.structs.replace(admin.azure, service_principal="fresh"))

    assert fix_report(outcome).principal.object_id == fresh.object_id
    assert writes(admin) == [("PUT", 201)]


def test_without_directory_rights_an_object_id_is_assigned_and_an_application_id_is_not(admin: Admin) -> None:
    blind = admin.deployment.cloud.add_service_principal("blind admin")
    admin.deployment.cloud.assign(blind, "Owner", admin.deployment.subscription)
    admin.log_in_as(blind)
    backup = admin.deployment.backup

    with pytest.raises(RestError, match="PrincipalNotFound"):
        admin.fix(azure=msgspec.structs.replace(admin.azure, service_principal=backup.app_id))
    outcome = admin.fix(azure=msgspec.structs.replace(admin.azure, service_principal=backup.object_id))

    assert fix_report(outcome).principal.app_id is None
    assert "the id is taken for an object id" in text_of(outcome)
    assert admin.deployment.cloud.allows(backup, RUN, admin.deployment.vm)


def test_a_group_s_object_id_is_not_taken_for_a_service_principal(admin: Admin) -> None:
    team = admin.deployment.cloud.add_group("backup operators")
    blind = admin.deployment.cloud.add_service_principal("blind admin")
    admin.deployment.cloud.assign(blind, "Owner", admin.deployment.subscription)
    admin.log_in_as(blind)

    with pytest.raises(AzureError, match="is a Group") as refused:
        admin.fix(azure=msgspec.structs.replace(admin.azure, service_principal=team.object_id))
    assert refused.value.mend == "run: invoke rbac.revoke"


def test_least_privilege_makes_its_role_once_and_it_is_enough(admin: Admin) -> None:
    admin.hold_principal_secret()
    narrow = narrow_role(admin.deployment.group.id)

    first = admin.fix(FixOptions(least_privilege=True))
    second = admin.fix(FixOptions(least_privilege=True))

    made = admin.deployment.cloud.state.roles[narrow.guid]
    assert writes(admin) == [("PUT", 201), ("PUT", 201)]
    assert (fix_report(first).role, fix_report(first).effective, fix_report(second).changed) == (
        narrow.name,
        True,
        False,
    )
    assert (made.assignable_scopes, made.custom) == ((admin.deployment.group.id,), True)
    assert sorted(action.rpartition("virtualMachines/")[2] for action in made.actions) == [
        "instanceView/read",
        "read",
        "runCommand/action",
    ]
    assert "listKeys" not in text_of(first)


def test_a_role_that_azure_does_not_know_everywhere_yet_is_waited_for(admin: Admin) -> None:
    unknown = refusal(400, "RoleDefinitionDoesNotExist", "The specified role definition does not exist.")
    admin.deployment.cloud.inject(unknown.on(surface="arm", method="PUT", path="/roleAssignments/", times=2))

    outcome = admin.fix(FixOptions(least_privilege=True), propagation=SOON)

    assert writes(admin) == [("PUT", 201), ("PUT", 400), ("PUT", 400), ("PUT", 201)]
    assert fix_report(outcome).changed


def test_the_scope_can_be_the_vm_alone(admin: Admin) -> None:
    outcome = admin.fix(FixOptions(scope="vm"))

    other = admin.deployment.cloud.add_vm(admin.deployment.group, "vm-other", programs=())
    assert fix_report(outcome).scope == admin.deployment.vm.id
    assert admin.deployment.cloud.allows(admin.deployment.backup, RUN, admin.deployment.vm)
    assert not admin.deployment.cloud.allows(admin.deployment.backup, RUN, other)
    assert "listKeys" not in text_of(outcome)


def test_a_role_that_reaches_the_account_keys_is_warned_of_also_when_it_is_there_already(admin: Admin) -> None:
    first, second = admin.fix(), admin.fix()

    for outcome in (first, second):
        assert "warning: [keys] Virtual Machine Contributor on resource group alai-backups-rg" in text_of(outcome)
        assert "alaibackups; narrower: invoke rbac.fix --least-privilege" in text_of(outcome)


def test_another_role_can_be_named_and_an_unknown_one_is_refused(admin: Admin) -> None:
    outcome = admin.fix(FixOptions(role="Contributor"))

    assert fix_report(outcome).role == "Contributor"
    with pytest.raises(ConfigError, match="there is no role 'Contributer'"):
        admin.fix(FixOptions(role="Contributer"))


def test_throttling_and_a_server_error_are_left_to_the_sdk_s_retries(admin: Admin) -> None:
    admin.deployment.cloud.inject(throttled(0.01).on(surface="arm", path="/roleAssignments", times=2))
    admin.deployment.cloud.inject(throttled(0.01).on(surface="arm", method="PUT", path="/roleAssignments"))

    outcome = admin.fix()

    assert fix_report(outcome).changed
    assert writes(admin) == [("PUT", 429), ("PUT", 201)]


def test_no_secret_is_in_any_output(admin: Admin) -> None:
    admin.hold_principal_secret()
    admin.deployment.cloud.set_timing(propagation=600)
    events: list[Event] = []

    outcome = admin.fix(propagation=replace(AT_ONCE, watch=events.append))
    admin.deployment.cloud.deny(None, admin.deployment.group, actions=["*"])
    with pytest.raises(AzureError) as denied:
        admin.fix(FixOptions(role="Owner"))

    output = " ".join(
        [
            text_of(outcome),
            msgspec.json.encode(outcome.document).decode(),
            repr(outcome),
            repr(events),
            repr(denied.value),
        ]
    )
    assert "HTTP 403 AuthorizationFailed" in output
    assert [secret for secret in admin.deployment.cloud.secrets() if secret in output] == []
