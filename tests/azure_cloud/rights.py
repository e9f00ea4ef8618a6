"""The stand-in's own evaluator of rights: assignments, inheritance, wildcards, notActions, deny assignments.

It shares nothing with the product's evaluator, so that the two check each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.azure_cloud.state import DenyAssignment, RoleAssignment, RoleDefinition, ServicePrincipal, TenantState

EVERYONE = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class TokenRights:
    """The rights that a token carries: those in force when it was issued, whatever happens later."""

    principal: ServicePrincipal
    audience: str
    expires_at: float
    grants: tuple[tuple[RoleAssignment, RoleDefinition], ...]
    denials: tuple[DenyAssignment, ...]
    identities: frozenset[str]
    parents: Mapping[str, str]


def rights_now(state: TenantState, principal: ServicePrincipal, audience: str) -> TokenRights:
    """The rights of a token issued at this moment: of assignments in force, the principal's own and its groups'."""
    now = state.now()
    identities = state.identities(principal.object_id)
    grants = tuple(
        (assignment, state.roles[assignment.role])
        for assignment in state.assignments.values()
        if assignment.principal_id in identities and assignment.effective_at <= now and assignment.role in state.roles
    )
    return TokenRights(
        principal,
        audience,
        now + state.timing.token,
        grants,
        tuple(state.denials.values()),
        identities,
        dict(state.parents),
    )


def covers(scope: str, target: str, parents: Mapping[str, str] | None = None) -> bool:
    """Whether `scope` is `target` or one of its parents, management groups included where `parents` names them."""
    return scope.lower().rstrip("/") in _lineage(target.lower().rstrip("/"), parents or {})


def _lineage(target: str, parents: Mapping[str, str]) -> Iterator[str]:
    """The target and every scope above it, up to the root, which is the empty text."""
    while target:
        yield target
        target = parents.get(target) or target.rpartition("/")[0]
    yield ""


def _matches(patterns: Iterable[str], action: str) -> bool:
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) is not None for pattern in patterns
    )


def _grants(role: RoleDefinition, action: str, data: bool) -> bool:
    if data:
        return _matches(role.data_actions, action) and not _matches(role.not_data_actions, action)
    return _matches(role.actions, action) and not _matches(role.not_actions, action)


def _denies(deny: DenyAssignment, rights: TokenRights, action: str, target: str, data: bool) -> bool:
    identities = rights.identities
    if not covers(deny.scope, target, rights.parents):
        return False
    if deny.do_not_apply_to_child_scopes and deny.scope.lower().rstrip("/") != target.lower().rstrip("/"):
        return False
    if identities & set(deny.exclude_principals):
        return False
    if EVERYONE not in deny.principals and not identities & set(deny.principals):
        return False
    if data:
        return _matches(deny.data_actions, action) and not _matches(deny.not_data_actions, action)
    return _matches(deny.actions, action) and not _matches(deny.not_actions, action)


def through(rights: TokenRights, action: str, target: str, *, data: bool = False) -> tuple[RoleAssignment, ...]:
    """The assignments that allow `action` on `target`; none when it is not allowed."""
    if any(_denies(deny, rights, action, target, data) for deny in rights.denials):
        return ()
    return tuple(
        assignment
        for assignment, role in rights.grants
        if covers(assignment.scope, target, rights.parents) and _grants(role, action, data)
    )


def touches(rights: TokenRights, scope: str) -> bool:
    """Whether any assignment lies at, above or below `scope`: such a caller sees that the subscription exists."""
    return any(
        covers(assignment.scope, scope, rights.parents) or covers(scope, assignment.scope, rights.parents)
        for assignment, _ in rights.grants
    )
