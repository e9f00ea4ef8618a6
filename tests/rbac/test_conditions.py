"""Which actions a condition leaves alone, by the conditions that Microsoft's pages give as examples."""

from __future__ import annotations

import pytest

from rbac.evaluate import BLOB_READ, BLOB_WRITE, DELEGATION_KEY, RUN_COMMAND, VM_READ, hangs_on_condition
from tests.rbac.values import VM_CONTRIBUTOR, held

ASSIGN = "Microsoft.Authorization/roleAssignments/write"
UNASSIGN = "Microsoft.Authorization/roleAssignments/delete"
ACTIONS = (RUN_COMMAND, VM_READ, BLOB_READ, BLOB_WRITE, DELEGATION_KEY, ASSIGN, UNASSIGN)

# https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
CONSTRAIN_ROLES = """
(
 (
  !(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})
 )
 OR
 (
  @Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {5e467623-bb1f-42f4-a55d-6e525e11384b, a795c7a0-d4a2-40c1-ae25-d81f01202912}
 )
)
AND
(
 (
  !(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})
 )
 OR
 (
  @Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {5e467623-bb1f-42f4-a55d-6e525e11384b, a795c7a0-d4a2-40c1-ae25-d81f01202912}
 )
)
"""  # noqa: E501 - as the page has it
PRINCIPAL_TYPES = (
    "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/"
    "roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {5e467623-bb1f-42f4-a55d-6e525e11384b} AND "
    "@Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase "
    "{'User', 'Group'}))"
)
# https://learn.microsoft.com/azure/role-based-access-control/conditions-format
SIMPLE = (
    "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'})) OR "
    "(@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals "
    "'blobs-example-container'))"
)
# https://learn.microsoft.com/azure/storage/blobs/storage-auth-abac-examples
NOT_LISTING = (
    "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'} AND NOT "
    "SubOperationMatches{'Blob.List'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
    "tags:Project<$key_case_sensitive$>] StringEquals 'Cascade'))"
)
TWO_ACTIONS = (
    "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write'} AND "
    "SubOperationMatches{'Blob.Write.WithTagHeaders'}) AND !(ActionMatches{'Microsoft.Storage/storageAccounts/"
    "blobServices/containers/blobs/add/action'} AND SubOperationMatches{'Blob.Write.WithTagHeaders'})) OR "
    "(@Request[Microsoft.Storage/storageAccounts/blobServices/containers/blobs/tags&$keys$&] "
    "ForAllOfAnyValues:StringEquals {'Project', 'Program'}))"
)
PRIVATE_LINK = (
    "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'})) OR "
    "(@Environment[isPrivateLink] BoolEquals true))"
)


@pytest.mark.parametrize(
    ("condition", "touched"),
    [
        pytest.param(None, set(), id="none"),
        pytest.param(CONSTRAIN_ROLES, {ASSIGN, UNASSIGN}, id="constrain roles"),
        pytest.param(PRINCIPAL_TYPES, {ASSIGN}, id="constrain principal types"),
        pytest.param(SIMPLE, {BLOB_READ}, id="a container's name"),
        pytest.param(NOT_LISTING, {BLOB_READ}, id="a suboperation"),
        pytest.param(TWO_ACTIONS, {BLOB_WRITE}, id="two actions with one expression"),
        pytest.param(PRIVATE_LINK, {BLOB_READ}, id="the environment"),
        pytest.param(SIMPLE.upper().replace("ACTIONMATCHES", "ActionMatches"), {BLOB_READ}, id="case is ignored"),
        pytest.param(SIMPLE.replace("!", "NOT ").replace(" OR ", " || "), {BLOB_READ}, id="the other operators"),
        pytest.param("!(ActionMatches{'Microsoft.Authorization/*'})", {ASSIGN, UNASSIGN}, id="a pattern"),
        pytest.param("ActionMatches{'Microsoft.Compute/*'}", set(ACTIONS) - {RUN_COMMAND, VM_READ}, id="only these"),
        pytest.param(
            "(!(ActionMatches{'x'})) AND (@Resource[a:name] StringEquals 'y')", set(ACTIONS), id="a clause for all"
        ),
        pytest.param("NOT Exists @Principal[a:b]", set(ACTIONS), id="an attribute that is not there"),
    ],
)
def test_a_condition_touches_the_actions_that_it_targets(condition: str | None, touched: set[str]) -> None:
    assignment = held(VM_CONTRIBUTOR, condition=condition)

    assert {action for action in ACTIONS if hangs_on_condition(assignment, action)} == touched


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param("(...)", id="no condition at all"),
        pytest.param("!(ActionMatches{'x'}", id="a parenthesis that is open"),
        pytest.param("!(ActionMatches{'x'}))", id="one too many"),
        pytest.param("!(ActionMatches{'x'}) OR", id="an end too early"),
        pytest.param("AND !(ActionMatches{'x'})", id="an operator first"),
        pytest.param("@R[a] StringEquals 'y' AND !(ActionMatches{'x'}) OR !(ActionMatches{'y'})", id="no parentheses"),
        pytest.param("!(ActionMatches{'x', 'y'} AND !(ActionMatches{'x'}))", id="two patterns in one"),
        pytest.param("!(SomethingNew{'x'})", id="a function that is new"),
        pytest.param("@R[a] StringEquals 'OR !(ActionMatches{''x''})'", id="operators inside a text"),
        pytest.param("!(ActionMatches{'x'}) ; DROP", id="another character"),
        pytest.param("(" * 10_000, id="as deep as can be"),
        pytest.param("!!" * 10_000 + "ActionMatches{'x'}", id="as negated as can be"),
    ],
)
def test_what_is_not_understood_restricts_everything(condition: str) -> None:
    assert all(hangs_on_condition(held(VM_CONTRIBUTOR, condition=condition), action) for action in ACTIONS)
