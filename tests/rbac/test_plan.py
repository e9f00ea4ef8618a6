"""What fix and revoke decide, as tables of plain values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from local.errors import AzureError, ConfigError
from rbac.facts import Assignment, Facts, Role, StorageAccounts
from rbac.plan import FixOptions, Plan, assignment_name, decide, is_ours, narrow_role, revocation
from tests.rbac.values import (
    ACCOUNT,
    GROUP,
    READER,
    RUN,
    SUBSCRIPTION,
    TEAM,
    VM,
    VM_CONTRIBUTOR,
    WHO,
    deny_assignment,
    facts_of,
    held,
    role_of,
)

CONTRIBUTOR = role_of("*", name="Contributor")
NARROW = narrow_role(GROUP)
LEAST = FixOptions(least_privilege=True)
EXPLICIT = FixOptions(role="Virtual Machine Contributor")


def wanted(facts: Facts, options: FixOptions, existing: Role | None = None) -> Plan:
    if options.least_privilege:
        return decide(facts, options, NARROW, existing)
    return decide(facts, options, VM_CONTRIBUTOR, VM_CONTRIBUTOR)


@pytest.mark.parametrize(
    ("facts", "options", "scope"),
    [
        pytest.param(facts_of(), FixOptions(), GROUP, id="nothing held: at the group"),
        pytest.param(facts_of(), FixOptions(scope="vm"), VM, id="--scope vm"),
        pytest.param(facts_of((READER, held(READER))), FixOptions(), GROUP, id="a role that is not enough"),
        pytest.param(facts_of((CONTRIBUTOR, held(CONTRIBUTOR))), EXPLICIT, GROUP, id="--role beside another role"),
        pytest.param(facts_of((VM_CONTRIBUTOR, held(VM_CONTRIBUTOR, VM))), EXPLICIT, GROUP, id="narrower than asked"),
        pytest.param(
            facts_of((VM_CONTRIBUTOR, held(VM_CONTRIBUTOR, SUBSCRIPTION, condition="(...)"))),
            FixOptions(),
            GROUP,
            id="a condition higher up is not in the way",
        ),
    ],
)
def test_what_is_missing_is_assigned_under_its_own_name(facts: Facts, options: FixOptions, scope: str) -> None:
    plan = wanted(facts, options)

    name = assignment_name(scope, WHO.object_id, VM_CONTRIBUTOR.guid)
    assert plan.assign == plan.assignment == Assignment(name, scope, WHO.object_id, VM_CONTRIBUTOR.guid)
    assert plan.define is None


@pytest.mark.parametrize(
    ("role", "assignment", "options"),
    [
        pytest.param(VM_CONTRIBUTOR, held(VM_CONTRIBUTOR), FixOptions(), id="assigned"),
        pytest.param(VM_CONTRIBUTOR, held(VM_CONTRIBUTOR), EXPLICIT, id="assigned, and asked for by name"),
        pytest.param(VM_CONTRIBUTOR, held(VM_CONTRIBUTOR, SUBSCRIPTION), EXPLICIT, id="inherited"),
        pytest.param(VM_CONTRIBUTOR, held(VM_CONTRIBUTOR, principal_id=TEAM), EXPLICIT, id="through a group"),
        pytest.param(
            VM_CONTRIBUTOR, held(VM_CONTRIBUTOR), FixOptions(scope="vm"), id="at the group, asked for at the VM"
        ),
        pytest.param(CONTRIBUTOR, held(CONTRIBUTOR), FixOptions(), id="the rights through another role"),
        pytest.param(NARROW, held(NARROW), FixOptions(), id="the narrow role is not widened"),
    ],
)
def test_what_is_there_is_left_as_it_is(role: Role, assignment: Assignment, options: FixOptions) -> None:
    plan = wanted(facts_of((role, assignment)), options)

    assert not plan.changes
    assert (plan.role, plan.assignment) == (role, assignment)


def test_least_privilege_defines_its_role_once_and_mends_one_that_was_edited() -> None:
    edited = replace(NARROW, permissions=role_of("*").permissions)
    reordered = replace(
        NARROW,
        permissions=tuple(replace(permission, actions=permission.actions[::-1]) for permission in NARROW.permissions),
    )

    first = wanted(facts_of(), LEAST)
    second = wanted(facts_of((NARROW, held(NARROW))), LEAST, NARROW)
    mended = wanted(facts_of((edited, held(edited))), LEAST, edited)

    assert (first.define, first.assignment.role) == (NARROW, NARROW.guid)
    assert not second.changes
    assert (mended.define, mended.assign) == (NARROW, None)
    assert wanted(facts_of((NARROW, held(NARROW))), LEAST, reordered).define is None


def test_a_role_that_cannot_serve_is_refused_before_anything_changes() -> None:
    with pytest.raises(
        ConfigError, match=r"Reader does not grant Microsoft\.Compute/virtualMachines/runCommand/action"
    ):
        decide(facts_of(), FixOptions(role="Reader"), READER, READER)


def test_a_deny_assignment_ends_it_because_no_role_can_help() -> None:
    facts = facts_of((VM_CONTRIBUTOR, held(VM_CONTRIBUTOR)), deny_assignments=(deny_assignment(RUN),))

    with pytest.raises(AzureError, match="denied by deny assignment locked down"):
        wanted(facts, FixOptions())


def test_a_condition_on_the_same_assignment_is_for_a_person_to_look_at() -> None:
    facts = facts_of((VM_CONTRIBUTOR, held(VM_CONTRIBUTOR, condition="(...)")))

    with pytest.raises(AzureError, match="conditional") as refused:
        wanted(facts, FixOptions())
    assert held(VM_CONTRIBUTOR).id in refused.value.mend


def test_one_vm_at_a_time_is_narrowed() -> None:
    with pytest.raises(ConfigError, match="several VMs: vm-alai-support, vm-b"):
        wanted(facts_of(vm_scopes=(VM, VM.replace("vm-alai-support", "vm-b"))), FixOptions(scope="vm"))


def test_two_roles_cannot_be_asked_for_at_once() -> None:
    with pytest.raises(ConfigError, match="--role and --least-privilege"):
        FixOptions(role="Owner", least_privilege=True)


def test_another_scope_than_group_or_vm_is_refused() -> None:
    with pytest.raises(ConfigError, match="'subscription'"):
        FixOptions(scope="subscription")


@pytest.mark.parametrize(
    ("accounts", "options", "warned"),
    [
        pytest.param(
            StorageAccounts((ACCOUNT,)), FixOptions(), "the storage account alaibackups", id="an account in the group"
        ),
        pytest.param(
            StorageAccounts(None), FixOptions(), "any storage account there", id="accounts that cannot be read"
        ),
        pytest.param(
            StorageAccounts((ACCOUNT.replace("alai-backups-rg", "other"),)), FixOptions(), None, id="elsewhere"
        ),
        pytest.param(StorageAccounts((ACCOUNT,)), FixOptions(scope="vm"), None, id="the role at the VM alone"),
        pytest.param(StorageAccounts((ACCOUNT,)), LEAST, None, id="the narrow role"),
    ],
)
def test_a_role_that_can_read_account_keys_is_warned_of(
    accounts: StorageAccounts, options: FixOptions, warned: str | None
) -> None:
    warnings = wanted(facts_of(accounts=accounts), options).warnings

    assert len(warnings) == (0 if warned is None else 1)
    assert all("listKeys" in warning and str(warned) in warning for warning in warnings)


def test_names_are_the_same_for_the_same_scope_principal_and_role_only() -> None:
    name = assignment_name(GROUP, WHO.object_id, READER.guid)

    assert name == assignment_name(GROUP.upper(), WHO.object_id.upper(), READER.guid)
    others = {
        assignment_name(VM, WHO.object_id, READER.guid),
        assignment_name(GROUP, TEAM, READER.guid),
        assignment_name(GROUP, WHO.object_id, NARROW.guid),
    }
    assert len(others | {name}) == 4
    assert narrow_role(GROUP).guid != narrow_role(f"{GROUP}2").guid
    assert narrow_role(GROUP).name != narrow_role(GROUP.replace("5ab", "6ab")).name


def test_revoke_takes_its_own_and_leaves_the_rest() -> None:
    ours = held(VM_CONTRIBUTOR, name=assignment_name(GROUP, WHO.object_id, VM_CONTRIBUTOR.guid))
    at_vm = held(NARROW, VM, name=assignment_name(VM, WHO.object_id, NARROW.guid))
    by_hand = held(CONTRIBUTOR, SUBSCRIPTION)
    via_group = held(VM_CONTRIBUTOR, principal_id=TEAM, name=assignment_name(GROUP, TEAM, VM_CONTRIBUTOR.guid))
    useless = held(READER)
    elsewhere_scope = f"{GROUP}2"
    elsewhere = held(
        VM_CONTRIBUTOR, elsewhere_scope, name=assignment_name(elsewhere_scope, WHO.object_id, VM_CONTRIBUTOR.guid)
    )
    facts = facts_of((VM_CONTRIBUTOR, ours), (CONTRIBUTOR, by_hand), (VM_CONTRIBUTOR, via_group), (READER, useless))
    facts = replace(facts, roles={**facts.roles, NARROW.guid: NARROW})

    plan = revocation(facts, (ours, at_vm, by_hand, useless, elsewhere))

    assert plan.take_back == (ours, at_vm)
    assert plan.left_alone == (by_hand, via_group)
    assert is_ours(ours)
    assert not is_ours(by_hand)
