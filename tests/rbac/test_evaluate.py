"""Azure RBAC's rules as a table of plain values."""

from __future__ import annotations

import pytest

from rbac.evaluate import DELEGATION_KEY, Right, blob_rights, covers, describe_scope, judge
from rbac.facts import EVERYONE, Assignment, DenyAssignment, Permission, Role, StorageAccounts
from tests.rbac.values import (
    ACCOUNT,
    BLOB_CONTRIBUTOR,
    CONTAINER,
    GROUP,
    PLATFORM,
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

TWO_BLOCKS = Role("two", "two blocks", (Permission(("*",), (RUN,)), Permission((RUN,))))


@pytest.mark.parametrize(
    ("role", "assignment", "allowed"),
    [
        pytest.param(VM_CONTRIBUTOR, held(VM_CONTRIBUTOR), True, id="inherited from the group"),
        pytest.param(VM_CONTRIBUTOR, held(VM_CONTRIBUTOR, VM), True, id="at the VM itself"),
        pytest.param(VM_CONTRIBUTOR, held(VM_CONTRIBUTOR, SUBSCRIPTION), True, id="inherited from the subscription"),
        pytest.param(VM_CONTRIBUTOR, held(VM_CONTRIBUTOR, "/"), True, id="inherited from the root"),
        pytest.param(VM_CONTRIBUTOR, held(VM_CONTRIBUTOR, VM.upper()), True, id="scopes ignore case"),
        pytest.param(VM_CONTRIBUTOR, held(VM_CONTRIBUTOR, f"{VM}-2"), False, id="a VM whose name begins the same"),
        pytest.param(VM_CONTRIBUTOR, held(VM_CONTRIBUTOR, f"{GROUP}2"), False, id="a group whose name begins the same"),
        pytest.param(VM_CONTRIBUTOR, held(VM_CONTRIBUTOR, principal_id=TEAM), True, id="through a group"),
        pytest.param(VM_CONTRIBUTOR, held(VM_CONTRIBUTOR, condition="(...)"), None, id="with an ABAC condition"),
        pytest.param(READER, held(READER), False, id="a role without it"),
        pytest.param(role_of(RUN.upper()), held(role_of()), True, id="actions ignore case"),
        pytest.param(role_of("Microsoft.Compute/*/action"), held(role_of()), True, id="a wildcard inside"),
        pytest.param(role_of("*", not_actions=("*/ACTION",)), held(role_of()), False, id="notActions"),
        pytest.param(TWO_BLOCKS, held(TWO_BLOCKS), True, id="one block's notActions leave another block alone"),
        pytest.param(role_of(data_actions=("*",)), held(role_of()), False, id="a data action is no action"),
        pytest.param(
            role_of("Microsoft.Compute/virtualMachines/runCommand"), held(role_of()), False, id="a part of it"
        ),
        pytest.param(role_of("Microsoft.Compute.virtualMachines/*"), held(role_of()), False, id="a dot is a dot"),
    ],
)
def test_a_right_comes_from_assignments_at_or_above_its_scope(
    role: Role, assignment: Assignment, allowed: bool | None
) -> None:
    judgment = judge(facts_of((role, assignment)), Right(RUN, VM))

    assert judgment.allowed is allowed
    assert (judgment.through == assignment) is (allowed is not False)


@pytest.mark.parametrize(
    ("listed_at", "allowed"),
    [
        pytest.param({VM}, True, id="listed at the VM"),
        pytest.param({ACCOUNT}, True, id="listed at another resource of the subscription"),
        pytest.param({SUBSCRIPTION.replace("5ab", "6ab")}, False, id="listed in another subscription"),
        pytest.param(set(), False, id="listed nowhere"),
    ],
)
def test_a_management_group_covers_the_subscriptions_that_list_it(listed_at: set[str], allowed: bool) -> None:
    above = held(VM_CONTRIBUTOR, PLATFORM, listed_at=frozenset(listed_at))
    facts = facts_of((VM_CONTRIBUTOR, above))
    denied = facts_of(
        (VM_CONTRIBUTOR, held(VM_CONTRIBUTOR)),
        deny_assignments=(deny_assignment(RUN, scope=PLATFORM, listed_at=frozenset(listed_at)),),
    )

    assert judge(facts, Right(RUN, VM)).allowed is allowed
    assert judge(denied, Right(RUN, VM)).denied is allowed


def test_being_listed_lifts_no_assignment_of_a_resource_above_itself() -> None:
    narrow = held(VM_CONTRIBUTOR, f"{VM}-2", listed_at=frozenset({VM, SUBSCRIPTION}))

    assert judge(facts_of((VM_CONTRIBUTOR, narrow)), Right(RUN, VM)).allowed is False


@pytest.mark.parametrize(
    ("deny", "allowed"),
    [
        pytest.param(deny_assignment(RUN), False, id="the principal"),
        pytest.param(deny_assignment("*"), False, id="a wildcard"),
        pytest.param(deny_assignment(RUN, principals={EVERYONE: False}), False, id="everyone"),
        pytest.param(deny_assignment(RUN, principals={"somebody": False}), True, id="somebody else"),
        pytest.param(deny_assignment("Microsoft.Network/*"), True, id="another action"),
        pytest.param(deny_assignment(RUN, scope=f"{GROUP}2"), True, id="another scope"),
        pytest.param(deny_assignment(RUN, child_scopes_too=False), True, id="the group alone, not its children"),
        pytest.param(deny_assignment(RUN, scope=VM, child_scopes_too=False), False, id="the VM alone"),
        pytest.param(
            deny_assignment(RUN, principals={EVERYONE: False}, excluded={WHO.object_id: False}), True, id="excluded"
        ),
        pytest.param(deny_assignment(RUN, principals={TEAM: True}), None, id="a group whose members are not known"),
        pytest.param(deny_assignment(RUN, excluded={TEAM: True}), None, id="perhaps excluded through a group"),
        pytest.param(deny_assignment("*", permissions=(Permission(("*",), (RUN,)),)), True, id="its notActions"),
    ],
)
def test_a_deny_assignment_wins(deny: DenyAssignment, allowed: bool | None) -> None:
    facts = facts_of((VM_CONTRIBUTOR, held(VM_CONTRIBUTOR)), deny_assignments=(deny,), groups=None)

    assert judge(facts, Right(RUN, VM)).allowed is allowed


def test_a_denied_group_counts_once_the_directory_tells_who_is_in_it() -> None:
    deny = deny_assignment(RUN, principals={TEAM: True})
    pair = (VM_CONTRIBUTOR, held(VM_CONTRIBUTOR))

    assert judge(facts_of(pair, deny_assignments=(deny,), groups=frozenset({TEAM})), Right(RUN, VM)).denied
    assert judge(facts_of(pair, deny_assignments=(deny,), groups=frozenset({"other"})), Right(RUN, VM)).allowed


def test_an_assignment_without_a_condition_outweighs_one_with_it() -> None:
    plain, conditional = held(VM_CONTRIBUTOR, VM), held(VM_CONTRIBUTOR, condition="(...)")
    facts = facts_of((VM_CONTRIBUTOR, conditional), (VM_CONTRIBUTOR, plain))

    assert judge(facts, Right(RUN, VM)).through == plain


def test_blob_rights_hold_at_the_container_but_a_delegation_key_needs_the_account() -> None:
    at_container = facts_of((BLOB_CONTRIBUTOR, held(BLOB_CONTRIBUTOR, CONTAINER)))
    at_account = facts_of((BLOB_CONTRIBUTOR, held(BLOB_CONTRIBUTOR, ACCOUNT)))

    assert [judge(at_container, right).allowed for right in blob_rights(at_container)] == [True, True, False]
    assert [judge(at_account, right).allowed for right in blob_rights(at_account)] == [True, True, True]
    assert blob_rights(at_account)[2] == Right(DELEGATION_KEY, ACCOUNT)


def test_an_account_that_was_not_found_is_not_checked_and_a_folder_needs_no_rights() -> None:
    unseen = facts_of(accounts=StorageAccounts((), not_checked="no storage account x is visible"))

    judgments = [judge(unseen, right) for right in blob_rights(unseen)]

    assert [judgment.allowed for judgment in judgments] == [None, None, None]
    assert judgments[0].why == "not checked: no storage account x is visible"
    assert blob_rights(facts_of(accounts=StorageAccounts(()))) == ()


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ("/", "root /"),
        (SUBSCRIPTION, "subscription 5ab00000-0000-4000-8000-000000000000"),
        (GROUP, "resource group alai-backups-rg"),
        (VM, "VM vm-alai-support"),
        (CONTAINER, "container backups"),
        ("/providers/Microsoft.Management/managementGroups/all", "management group all"),
    ],
)
def test_a_scope_is_said_as_a_person_would(scope: str, said: str) -> None:
    assert describe_scope(scope) == said


def test_the_root_covers_everything_and_nothing_covers_it() -> None:
    assert covers("/", VM)
    assert not covers(VM, "/")
