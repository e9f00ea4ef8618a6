"""`rbac.fix --store` against the stand-in, and the real Azurite behind a gate that enforces what is assigned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from local.errors import AzureError, ConfigError
from local.events import Event
from local.settings import AzureSettings, StoreSettings
from local.store import catalog
from local.store.interface import Entry
from local.store.open import open_store
from rbac.check import check
from rbac.plan import FixOptions, assignment_name
from rbac.propagation import Propagation
from rbac.result import RevokeReport
from rbac.revoke import preview, revoke
from rbac.store_plan import DATA_ROLE, KEY_ROLE
from tests.azure_cloud.faults import refusal, reset
from tests.azure_cloud.state import RoleDefinition
from tests.rbac.admin import Admin, fix_report, text_of
from tests.rbac.blob_gate import BlobGate
from tests.support import azurite
from tests.support.shelf import SHELF

STORE = FixOptions(store=True)
SOON = Propagation(seconds=60, every=0.01)
AT_ONCE = Propagation(seconds=0.05, every=0.01)
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"


def writes(admin: Admin) -> list[tuple[str, int]]:
    return [(request.method, request.status) for request in admin.deployment.cloud.writes()]


def container_of(gate: BlobGate) -> str:
    (name,) = gate.account.containers
    return f"{gate.account.id}/blobServices/default/containers/{name}"


def blobs_in(gate: BlobGate) -> list[str]:
    """Everything in the container, snapshots and uncommitted blobs too."""
    from azure.storage.blob import ContainerClient

    (name,) = gate.account.containers
    options: dict[str, Any] = {"credential": azurite.KEY, "connection_verify": str(gate.ca)}
    with ContainerClient.from_container_url(gate.azurite.container(name), **options) as client:
        return [str(blob.name) for blob in client.list_blobs(include=["snapshots", "uncommittedblobs"])]


def take_back(admin: Admin) -> RevokeReport:
    outcome = revoke(admin.azure, store=admin.store.location)
    assert isinstance(outcome.rbac, RevokeReport)
    return outcome.rbac


def test_both_halves_from_nothing_to_proven_and_a_second_run_writes_nothing(store_admin: Admin, gate: BlobGate) -> None:
    before = check(store_admin.azure, store_admin.store.location)
    first = store_admin.fix(STORE)
    after_first = writes(store_admin)
    after = check(store_admin.azure, store_admin.store.location)
    second = store_admin.fix(STORE)

    deployment = store_admin.deployment
    backup = deployment.backup
    assert after_first == writes(store_admin) == [("PUT", 201)] * 3
    assert (fix_report(first).changed, fix_report(second).changed) == (True, False)
    assert fix_report(first).effective is fix_report(second).effective is True
    assert (before.exit_code, first.exit_code, after.exit_code, second.exit_code) == (1, 0, 0, 0)
    assert [right.allowed for right in fix_report(first).checks] == [True] * 5
    assert fix_report(first).role == "Virtual Machine Contributor"
    made = {assignment.name: assignment for assignment in deployment.cloud.state.assignments.values()}
    data = made[assignment_name(container_of(gate), backup.object_id, DATA_ROLE)]
    keys = made[assignment_name(gate.account.id, backup.object_id, KEY_ROLE)]
    assert (data.scope, keys.scope) == (container_of(gate), gate.account.id)
    assert "assigned: Storage Blob Data Contributor on container test-" in text_of(first)
    assert "ok: [effective on the store] a probe blob was written, read and deleted" in text_of(first)
    assert "vm-alai-support ran a command" in text_of(first)
    other = f"{gate.account.id}/blobServices/default/containers/other"
    assert not deployment.cloud.allows(backup, f"{BLOBS}/read", other, data=True)


def test_the_probe_blob_is_gone_and_never_was_a_backup(store_admin: Admin, gate: BlobGate) -> None:
    store_admin.fix(STORE)

    (name,) = {blob for method, blob in gate.seen if method == "PUT"}
    assert name.startswith("sqlite/.pillar9-probe-")
    assert blobs_in(gate) == []
    assert ("DELETE", name) in gate.seen


def test_a_probe_blob_that_a_reader_meets_is_no_backup(store_admin: Admin, gate: BlobGate) -> None:
    met: list[list[Entry]] = []

    def watch(event: Event) -> None:
        if "not effective yet" in event.text:
            store_admin.monkeypatch.setenv("AZURE_STORAGE_KEY", azurite.KEY)
            url = gate.azurite.container(gate.account.containers[0])
            store_admin.monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(gate.ca))
            met.append(list(open_store(StoreSettings(url=url), AzureSettings()).entries("sqlite")))
            store_admin.monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(store_admin.deployment.cloud.certificates.ca))

    refused = refusal(403, "AuthorizationPermissionMismatch", "")
    store_admin.deployment.cloud.inject(refused.on(surface="blob", method="DELETE"))
    outcome = store_admin.fix(STORE, propagation=replace(SOON, watch=watch))

    ((entry,),) = met
    assert catalog.from_entries([entry], SHELF) == ()
    assert fix_report(outcome).effective is True
    assert blobs_in(gate) == []


def test_check_plans_the_same_and_touches_nothing(store_admin: Admin, gate: BlobGate) -> None:
    planned = store_admin.preview_fix(STORE)

    assert (writes(store_admin), gate.seen) == ([], [])
    assert (fix_report(planned).changed, fix_report(planned).effective, planned.exit_code) == (True, None, 0)
    for role in ("Virtual Machine Contributor", "Storage Blob Data Contributor", "Storage Blob Delegator"):
        assert f"changed: [assignment] would be assigned: {role}" in text_of(planned)


def test_propagation_is_waited_for_with_fresh_tokens(store_admin: Admin, gate: BlobGate) -> None:
    cloud = store_admin.deployment.cloud
    cloud.set_timing(propagation=600)
    seen: list[Event] = []

    def watch(event: Event) -> None:
        seen.append(event)
        if "not effective yet" in event.text:
            cloud.skip(250)

    outcome = store_admin.fix(STORE, propagation=replace(SOON, watch=watch))

    assert (fix_report(outcome).effective, outcome.exit_code) == (True, 0)
    refused = [event.subject for event in seen if "not effective yet" in event.text]
    assert refused == [gate.account.containers[0]] * 3


def test_a_wait_that_runs_out_proves_nothing_and_leaves_nothing(store_admin: Admin, gate: BlobGate) -> None:
    store_admin.deployment.cloud.set_timing(propagation=600)

    outcome = store_admin.fix(STORE, propagation=AT_ONCE)

    assert (fix_report(outcome).verdict, fix_report(outcome).effective, outcome.exit_code) == ("inconclusive", False, 4)
    assert "failed: [effective on the store] assigned, but not effective on test-" in text_of(outcome)
    assert gate.seen == []


@pytest.mark.parametrize(
    ("held", "made"),
    [
        pytest.param([("Storage Blob Data Contributor", "account")], [], id="inherited from the account"),
        pytest.param([("Storage Blob Data Owner", "platform")], [], id="another role, from a management group"),
        pytest.param([("Storage Blob Data Contributor", "container")], [KEY_ROLE], id="at the container: no keys"),
        pytest.param([("Storage Blob Data Reader", "account")], [DATA_ROLE], id="reading is not enough"),
    ],
)
def test_what_is_there_already_is_left_as_it_is(
    store_admin: Admin, gate: BlobGate, held: list[tuple[str, str]], made: list[str]
) -> None:
    cloud, backup = store_admin.deployment.cloud, store_admin.deployment.backup
    platform = cloud.add_management_group("platform", store_admin.deployment.subscription)
    scopes = {"account": gate.account.id, "container": container_of(gate), "platform": platform.id}
    cloud.assign(backup, "Virtual Machine Contributor", store_admin.deployment.group)
    for role, scope in held:
        cloud.assign(backup, role, scopes[scope])
    before = set(cloud.state.assignments)

    outcome = store_admin.fix(STORE)

    added = [assignment.role for key, assignment in cloud.state.assignments.items() if key not in before]
    assert (added, fix_report(outcome).changed) == (made, bool(made))
    assert fix_report(outcome).effective is True


def test_the_same_assignment_under_another_name_is_success(store_admin: Admin, gate: BlobGate) -> None:
    cloud = store_admin.deployment.cloud
    other = cloud.assign(store_admin.deployment.backup, "Storage Blob Data Contributor", container_of(gate))
    # Made a moment ago by somebody else: no list shows it yet, but Azure refuses a second one.
    cloud.state.assignments[other.id.lower()] = replace(other, visible_at=cloud.state.now() + 60)

    def watch(event: Event) -> None:
        if "not visible yet" in event.text:
            cloud.skip(61)

    outcome = store_admin.fix(STORE, propagation=replace(SOON, watch=watch))

    assert sorted(writes(store_admin)) == [("PUT", 201), ("PUT", 201), ("PUT", 409)]
    assert fix_report(outcome).effective is True
    assert f"ok: [assignment] in force: Storage Blob Data Contributor on container {gate.account.containers[0]}" in (
        text_of(outcome)
    )


def test_without_the_principal_s_credential_only_assigned_is_claimed(store_admin: Admin, gate: BlobGate) -> None:
    store_admin.monkeypatch.delenv("PILLAR9_PRINCIPAL_CLIENT_SECRET")

    outcome = store_admin.fix(STORE)

    assert (fix_report(outcome).effective, fix_report(outcome).changed, outcome.exit_code) == (None, True, 0)
    assert text_of(outcome).count("not proven to be effective") == 1
    assert gate.seen == []


def test_a_folder_needs_no_role_and_that_is_a_mistake_by_name(admin: Admin) -> None:
    folder = replace(admin, store=StoreSettings(url="file:///backups"))

    for command in (folder.fix, folder.preview_fix):
        with pytest.raises(ConfigError, match="the store is the folder /backups, which needs no role") as refused:
            command(STORE)
        assert refused.value.exit_code == 2
    with pytest.raises(ConfigError, match="the store is the folder /backups"):
        revoke(folder.azure, store=folder.store.location)
    assert writes(admin) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://elsewhere.blob.core.windows.net/backups", "no storage account elsewhere is visible"),
        ("https://alaibackups.blob.core.windows.net/bakups", "The specified container does not exist"),
    ],
)
def test_a_store_that_is_not_there_is_named_before_anything_changes(admin: Admin, url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(admin, store=StoreSettings(url=url)).fix(STORE)
    assert writes(admin) == []


def test_a_deny_assignment_on_the_blobs_ends_it_without_a_write(store_admin: Admin, gate: BlobGate) -> None:
    store_admin.deployment.cloud.deny(None, gate.account, data_actions=[f"{BLOBS}/delete"])

    with pytest.raises(AzureError, match=r"blobs/delete on .* is denied by deny assignment"):
        store_admin.fix(STORE)
    assert writes(store_admin) == []


def test_a_container_under_an_immutability_policy_is_not_written_to(store_admin: Admin, gate: BlobGate) -> None:
    storage = store_admin.deployment.cloud.state.storage
    storage[gate.account.id.lower()] = replace(gate.account, immutable=True)

    outcome = store_admin.fix(STORE)

    assert (fix_report(outcome).effective, outcome.exit_code) == (None, 0)
    assert "skipped: [effective on the store] assigned; not tried, since the container is under an" in text_of(outcome)
    assert gate.seen == []
    assert fix_report(outcome).changed


def test_a_role_of_data_actions_alone_is_proven_as_well(store_admin: Admin, gate: BlobGate) -> None:
    cloud, backup = store_admin.deployment.cloud, store_admin.deployment.backup
    cloud.state.roles["custom"] = RoleDefinition("custom", "Blobs only", data_actions=(f"{BLOBS}/*",), custom=True)
    cloud.assign(backup, "Blobs only", container_of(gate))

    outcome = store_admin.fix(STORE)

    assert fix_report(outcome).effective is True
    assert "in force: Blobs only on container" in text_of(outcome)


def test_a_firewall_s_refusal_does_not_pass_by_waiting(store_admin: Admin) -> None:
    store_admin.deployment.cloud.inject(refusal(403, "AuthorizationFailure", "").on(surface="blob", times=100))

    outcome = store_admin.fix(STORE, propagation=Propagation(seconds=600, every=600))

    assert (fix_report(outcome).effective, outcome.exit_code) == (None, 4)
    assert "failed: [effective on the store] assigned, but it could not be tried" in text_of(outcome)


def test_a_lost_answer_leaves_no_probe_blob(store_admin: Admin, gate: BlobGate) -> None:
    store_admin.deployment.cloud.inject(reset().on(surface="blob", method="PUT", times=10))

    outcome = store_admin.fix(STORE)

    assert (fix_report(outcome).effective, outcome.exit_code) == (None, 4)
    assert [method for method, _ in gate.seen].count("PUT") == 3
    assert blobs_in(gate) == []


def test_an_interrupted_probe_is_cleared_away(store_admin: Admin, gate: BlobGate) -> None:
    def watch(event: Event) -> None:
        if "not effective yet" in event.text:
            raise KeyboardInterrupt

    refused = refusal(403, "AuthorizationPermissionMismatch", "")
    store_admin.deployment.cloud.inject(refused.on(surface="blob", method="DELETE"))
    with pytest.raises(KeyboardInterrupt):
        store_admin.fix(STORE, propagation=replace(SOON, watch=watch))

    assert "PUT" in [method for method, _ in gate.seen]
    assert blobs_in(gate) == []


def test_an_interrupted_probe_that_cannot_be_cleared_away_is_named_at_once(store_admin: Admin, gate: BlobGate) -> None:
    told: list[str] = []

    def watch(event: Event) -> None:
        told.append(event.text)
        if "not effective yet" in event.text:
            raise KeyboardInterrupt

    refused = refusal(403, "AuthorizationPermissionMismatch", "")
    store_admin.deployment.cloud.inject(refused.on(surface="blob", method="DELETE", times=1000))
    with pytest.raises(KeyboardInterrupt):
        store_admin.fix(STORE, propagation=Propagation(seconds=600, every=600, watch=watch))

    (name,) = blobs_in(gate)
    assert f"az storage blob delete --auth-mode login --account-name {azurite.ACCOUNT}" in told[-1]
    assert name in told[-1]


def test_a_probe_blob_that_stays_is_named_with_the_command_that_deletes_it(store_admin: Admin, gate: BlobGate) -> None:
    refused = refusal(409, "LeaseIdMissing", "")
    store_admin.deployment.cloud.inject(refused.on(surface="blob", method="DELETE", times=1000))

    outcome = store_admin.fix(STORE, propagation=Propagation(seconds=3, every=0.5))

    (name,) = blobs_in(gate)
    assert (fix_report(outcome).effective, outcome.exit_code) == (None, 4)
    assert f"--container-name {gate.account.containers[0]} --name {name}" in text_of(outcome)


def test_revoke_takes_the_store_s_half_only_when_asked(store_admin: Admin, gate: BlobGate) -> None:
    before = dict(store_admin.deployment.cloud.state.assignments)
    store_admin.fix(STORE)

    vm_only = revoke(store_admin.azure)
    assert isinstance(vm_only.rbac, RevokeReport)
    planned = preview(store_admin.azure, store=store_admin.store.location)
    both = take_back(store_admin)
    again = take_back(store_admin)

    assert [taken.split("/providers/Microsoft.Authorization")[0] for taken in vm_only.rbac.taken_back] == [
        store_admin.deployment.group.id
    ]
    assert {taken.split("/providers/Microsoft.Authorization")[0] for taken in both.taken_back} == {
        container_of(gate),
        gate.account.id,
    }
    assert isinstance(planned.rbac, RevokeReport)
    assert set(planned.rbac.taken_back) == set(both.taken_back)
    assert (both.changed, again.changed, again.taken_back) == (True, False, ())
    assert store_admin.deployment.cloud.state.assignments == before


def test_revoke_finds_the_account_in_another_resource_group_and_names_what_it_leaves(
    store_admin: Admin, gate: BlobGate
) -> None:
    deployment = store_admin.deployment
    elsewhere = deployment.cloud.add_resource_group(deployment.subscription, "storage-rg")
    deployment.cloud.state.storage.pop(gate.account.id.lower())
    gate.account = deployment.cloud.add_storage_account(elsewhere, azurite.ACCOUNT, gate.account.containers)
    by_hand = deployment.cloud.assign(deployment.backup, "Storage Blob Data Reader", elsewhere)
    store_admin.fix(STORE)

    outcome = revoke(store_admin.azure, store=store_admin.store.location)

    assert isinstance(outcome.rbac, RevokeReport)
    # The VM's role and that of the blobs; delegation keys came with the other one.
    assert len(outcome.rbac.taken_back) == 2
    assert outcome.rbac.left_alone == (by_hand.id,)
    assert "not made by rbac.fix, and still opens the blobs: Storage Blob Data Reader on resource group" in (
        text_of(outcome)
    )


def test_an_assignment_at_the_store_that_no_list_shows_yet_is_found_by_its_name(store_admin: Admin) -> None:
    store_admin.fix(STORE)
    cloud = store_admin.deployment.cloud
    for key, held in list(cloud.state.assignments.items()):
        if held.role in (DATA_ROLE, KEY_ROLE):
            cloud.state.assignments[key] = replace(held, visible_at=cloud.state.now() + 60)

    assert len(take_back(store_admin).taken_back) == 3


def test_the_json_has_exactly_the_contract_s_fields(store_admin: Admin) -> None:
    made = store_admin.fix(STORE)
    document = msgspec.json.decode(msgspec.json.encode(made.document))

    assert list(document["rbac"]) == [
        "verdict",
        "changed",
        "principal",
        "role",
        "scope",
        "assignment_id",
        "effective",
        "checks",
    ]


def test_no_secret_is_in_any_output(store_admin: Admin) -> None:
    store_admin.deployment.cloud.set_timing(propagation=600)
    events: list[Event] = []

    outcome = store_admin.fix(STORE, propagation=replace(AT_ONCE, watch=events.append))

    output = f"{text_of(outcome)} {outcome!r} {events!r}"
    assert "AuthorizationPermissionMismatch" in output
    assert [secret for secret in store_admin.deployment.cloud.secrets() if secret in output] == []
